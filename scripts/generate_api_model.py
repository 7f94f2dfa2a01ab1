"""Writes the facts of the Kinesis API model to `src/headwater/api/validation/kinesis_model.json`.

    python scripts/generate_api_model.py            write the file from the installed botocore
    python scripts/generate_api_model.py --check    compare instead; exit 1 when they disagree

Rules:
- facts only: names, types, bounds, patterns, enums, errors; no documentation text;
- members stay in the model's order, operations and shapes are sorted, one to a line,
  so that the same botocore gives the same bytes and a newer one a readable difference;
- a botocore of another version than the recorded one may know more and may bound
  differently; then only what the file names must still be there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

API_VERSION = "2013-12-02"
TARGET = Path(__file__).resolve().parent.parent / "src/headwater/api/validation/kinesis_model.json"
PLAIN_FACTS = ("type", "required", "min", "max", "pattern", "enum")

Facts = dict[str, Any]


def installed_facts() -> Facts:
    """The facts of the installed botocore's Kinesis model."""
    service = Loader().load_service_model("kinesis", "service-2", API_VERSION)
    shapes = service["shapes"]
    return {
        "botocore": botocore.__version__,
        "api_version": API_VERSION,
        "operations": {
            name: _operation(operation, shapes) for name, operation in sorted(service["operations"].items())
        },
        "shapes": {name: shape_facts(shape) for name, shape in sorted(shapes.items())},
    }


def _operation(operation: Facts, shapes: Facts) -> Facts:
    output = operation.get("output", {}).get("shape")
    return {
        "input": operation["input"]["shape"],
        "output": output,
        "errors": [error["shape"] for error in operation.get("errors", [])],
        "event_stream": output is not None and _streams_events(shapes[output], shapes),
    }


def _streams_events(output: Facts, shapes: Facts) -> bool:
    return any(shapes[member["shape"]].get("eventstream", False) for member in output["members"].values())


def shape_facts(shape: Facts) -> Facts:
    """The facts of one shape."""
    facts = {key: shape[key] for key in PLAIN_FACTS if key in shape}
    for bound in ("min", "max"):
        if bound in facts:
            facts[bound] = int(facts[bound])  # also those of fractions, which are whole as well
    if "members" in shape:
        facts["members"] = {name: member["shape"] for name, member in shape["members"].items()}
    for part in ("member", "key", "value"):
        if part in shape:
            facts[part] = shape[part]["shape"]
    return facts


def render(facts: Facts) -> str:
    """The file's text: JSON with one operation or shape to a line."""
    scalars = [f"{json.dumps(key)}: {json.dumps(facts[key])}" for key in ("botocore", "api_version")]
    tables = [f'"{key}": {{\n{_lines(facts[key])}\n}}' for key in ("operations", "shapes")]
    return "{\n" + ",\n".join(scalars + tables) + "\n}\n"


def _lines(table: Facts) -> str:
    return ",\n".join(f"{json.dumps(name)}: {json.dumps(facts)}" for name, facts in table.items())


def disagreements(recorded: Facts, installed: Facts) -> list[str]:
    """What keeps the recorded facts from being those of the installed botocore, in plain words.

    With the same botocore version everything is compared. With another one: that every
    operation, shape and member that the file names is still known.
    """
    if recorded["botocore"] == installed["botocore"]:
        return _changed("operation", recorded["operations"], installed["operations"]) + _changed(
            "shape", recorded["shapes"], installed["shapes"]
        )
    return (
        _missing("operation", recorded["operations"], installed["operations"])
        + _missing("shape", recorded["shapes"], installed["shapes"])
        + [
            f"{name} has lost its member {member}"
            for name, shape in recorded["shapes"].items()
            for member in shape.get("members", {})
            if member not in installed["shapes"].get(name, {}).get("members", {})
        ]
    )


def _changed(kind: str, recorded: Facts, installed: Facts) -> list[str]:
    changed = []
    for name in sorted(recorded.keys() | installed.keys()):
        # As text, because the order of members is one of the facts.
        before, now = json.dumps(recorded.get(name)), json.dumps(installed.get(name))
        if before != now:
            changed.append(f"{kind} {name}: recorded {before}, installed {now}")
    return changed


def _missing(kind: str, recorded: Facts, installed: Facts) -> list[str]:
    return [f"{kind} {name} is no longer known" for name in recorded if name not in installed]


def scope(recorded: Facts, installed: Facts) -> str:
    """What `disagreements` compares for these two, in one sentence."""
    if recorded["botocore"] == installed["botocore"]:
        return f"compared every fact with botocore {installed['botocore']}"
    return (
        f"compared the names of operations, shapes and members only: the file is from botocore "
        f"{recorded['botocore']}, installed is {installed['botocore']}"
    )


def run(description: str, target: Path, installed_facts: Callable[[], Facts], operations: str) -> int:
    """Run the command line of a file of facts; `operations` says what it writes of them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="compare with the written file, change nothing")
    arguments = parser.parse_args()
    installed = installed_facts()
    if not arguments.check:
        target.write_text(render(installed), encoding="utf-8")
        print(f"{target.name}: botocore {installed['botocore']}, {operations}")
        return 0
    recorded: Facts = json.loads(target.read_text(encoding="utf-8"))
    found = disagreements(recorded, installed)
    print("\n".join([*found, scope(recorded, installed)]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(run("Write the facts of the Kinesis API model.", TARGET, installed_facts, "all operations"))
