"""Writes the types of requests and answers to `src/headwater/api/requests.pyi` and `answers.pyi`.

    python scripts/generate_api_types.py            write both files from the file of facts
    python scripts/generate_api_types.py --check    compare instead; exit 1 when one is not up to date

Rules:
- the facts are those of `kinesis_model.json`, so botocore is not asked;
- a request is a struct, an absent member is `None`, a time whole milliseconds; an answer
  is a `TypedDict`, an absent member is left out, a time an `Instant`;
- only what a request or an answer reaches is written, in the order of names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from headwater.api.validation.api_model import ApiModel, Shape, api_model

API = Path(__file__).resolve().parent.parent / "src" / "headwater" / "api"
HEAD = """# {title}, as scripts/generate_api_types.py writes them.
# fmt: off
{noqa}{imports}
"""
REQUEST_TYPES = {"timestamp": "int"}
ANSWER_TYPES = {"timestamp": "Instant", "enum": "str"}
PLAIN_TYPES = {
    "blob": "bytes",
    "boolean": "bool",
    "double": "float",
    "integer": "int",
    "long": "int",
    "string": "str",
}
LONG_LISTS = {
    "RecordList": "RecordList",
    "PutRecordsResultEntryList": "list[PutRecordsResultEntry] | PlacementList",
}
"""Lists that travel in an answer as values of their own (`model/record_list.py`)."""


def request_file(model: ApiModel) -> str:
    """The text of `requests.pyi`."""
    shapes = _reached(model, (operation.input for operation in model.operations.values()))
    classes = [_request_class(model, name) for name in shapes]
    head = HEAD.format(
        title="The requests of the API",
        noqa="# ruff: noqa: E501\n",
        imports="from typing import Literal\n\nimport msgspec",
    )
    return "\n".join([head, *classes])


def answer_file(model: ApiModel) -> str:
    """The text of `answers.pyi`."""
    outputs = [operation.output for operation in model.operations.values() if operation.output is not None]
    classes = [_answer_class(model, name) for name in _reached(model, outputs)]
    imports = (
        "from typing import NotRequired, TypedDict\n\n"
        "from headwater.model.instant import Instant\n"
        "from headwater.model.record_list import PlacementList, RecordList"
    )
    return "\n".join([HEAD.format(title="The answers of the API", noqa="", imports=imports), *classes])


def _reached(model: ApiModel, names: Iterable[str]) -> list[str]:
    """The structures that are among some shapes or somewhere in them, by name."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        shape = model.shapes[name]
        if name in found:
            continue
        found.add(name)
        waiting += [*shape.members.values(), *filter(None, (shape.member, shape.key, shape.value))]
    return sorted(name for name in found if model.shapes[name].type == "structure")


def _request_class(model: ApiModel, name: str) -> str:
    shape = model.shapes[name]
    members = [
        f"    {member}: {_annotation(model, kind, REQUEST_TYPES)}"
        + ("" if member in shape.required else " | None = ...")
        for member, kind in _required_first(shape)
    ]
    return _class(f"class {name}(msgspec.Struct, kw_only=True):", members)


def _answer_class(model: ApiModel, name: str) -> str:
    shape = model.shapes[name]
    members = []
    for member, kind in shape.members.items():
        annotation = LONG_LISTS.get(kind) or _annotation(model, kind, ANSWER_TYPES)
        required = member in shape.required
        members.append(f"    {member}: {annotation if required else f'NotRequired[{annotation}]'}")
    return _class(f"class {name}(TypedDict):", members)


def _class(head: str, members: list[str]) -> str:
    return "\n".join([head, *members, ""] if members else [f"{head} ...", ""])


def _required_first(shape: Shape) -> Iterator[tuple[str, str]]:
    yield from (item for item in shape.members.items() if item[0] in shape.required)
    yield from (item for item in shape.members.items() if item[0] not in shape.required)


def _annotation(model: ApiModel, name: str, types: dict[str, str]) -> str:
    shape = model.shapes[name]
    match shape.type:
        case "structure":
            return name
        case "list":
            return f"list[{_annotation(model, shape.member, types)}]"
        case "map":
            return f"dict[{_annotation(model, shape.key, types)}, {_annotation(model, shape.value, types)}]"
        case "string" if shape.enum and "enum" not in types:
            return f"Literal[{', '.join(f'{value!r}' for value in shape.enum)}]".replace("'", '"')
        case _:
            return types.get(shape.type) or PLAIN_TYPES[shape.type]


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description="Write the types of requests and answers.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale = []
    for name, text in (("requests", request_file(api_model())), ("answers", answer_file(api_model()))):
        path = API / f"{name}.pyi"
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        sys.stderr.write(f"not up to date: {', '.join(stale)}\n")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
