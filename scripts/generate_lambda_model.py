"""Writes the facts of the Lambda API model to `src/headwater/lambda_/api/lambda_model.json`.

    python scripts/generate_lambda_model.py            write the file from the installed botocore
    python scripts/generate_lambda_model.py --check    compare instead; exit 1 when they disagree

The rules are those of `generate_api_model.py`. Of an operation that Headwater does not offer, only
its place (method and path) is kept, so that it can be named in the answer, unless only its query tells
it from another one; of the shapes, those that the others need.
"""

from __future__ import annotations

import sys
from pathlib import Path

import botocore
from botocore.loaders import Loader

from generate_api_model import Facts, run, shape_facts

API_VERSION = "2015-03-31"
TARGET = Path(__file__).resolve().parent.parent / "src/headwater/lambda_/api/lambda_model.json"
BINDINGS = {"uri": "uri", "querystring": "query", "header": "headers"}
"""Where a member of a request may be, beside its body, and what we call that."""
OFFERED = (
    "AddPermission", "CreateAlias", "CreateEventSourceMapping", "CreateFunction", "DeleteAlias",
    "DeleteEventSourceMapping", "DeleteFunction", "DeleteFunctionConcurrency", "GetAccountSettings",
    "GetAlias", "GetEventSourceMapping", "GetFunction", "GetFunctionConcurrency",
    "GetFunctionConfiguration", "GetPolicy", "Invoke", "ListAliases", "ListEventSourceMappings",
    "ListFunctions", "ListTags", "ListVersionsByFunction", "PublishVersion", "PutFunctionConcurrency",
    "RemovePermission", "TagResource", "UntagResource", "UpdateAlias", "UpdateEventSourceMapping",
    "UpdateFunctionCode", "UpdateFunctionConfiguration",
)  # fmt: skip


def installed_facts() -> Facts:
    """The facts of the installed botocore's Lambda model."""
    service = Loader().load_service_model("lambda", "service-2", API_VERSION)
    shapes = service["shapes"]
    inputs = [service["operations"][name]["input"]["shape"] for name in OFFERED]
    return {
        "botocore": botocore.__version__,
        "api_version": API_VERSION,
        "operations": {
            name: _operation(name, operation, shapes)
            for name, operation in sorted(service["operations"].items())
            if "?" not in operation["http"]["requestUri"]
        },
        "shapes": {name: shape_facts(shapes[name]) for name in sorted(_reachable(inputs, shapes))},
    }


def _operation(name: str, operation: Facts, shapes: Facts) -> Facts:
    http = operation["http"]
    place = {"method": http["method"], "path": http["requestUri"]}
    if name not in OFFERED:
        return place
    shape = shapes[operation["input"]["shape"]]
    bound: dict[str, dict[str, str]] = {binding: {} for binding in BINDINGS.values()}
    for member, facts in shape["members"].items():
        if "location" in facts:
            bound[BINDINGS[facts["location"]]][member] = facts.get("locationName", member)
    return place | {
        "status": http["responseCode"],
        "input": operation["input"]["shape"],
        "errors": [error["shape"] for error in operation["errors"]],
        **bound,
        "payload": shape.get("payload"),
    }


def _reachable(names: list[str], shapes: Facts) -> set[str]:
    """These shapes, and all that they are made of."""
    found: set[str] = set()
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            facts = shape_facts(shapes[name])
            names += [*facts.get("members", {}).values()]
            names += [facts[part] for part in ("member", "key", "value") if part in facts]
    return found


if __name__ == "__main__":
    offered = f"{len(OFFERED)} operations offered"
    sys.exit(run("Write the facts of the Lambda API model.", TARGET, installed_facts, offered))
