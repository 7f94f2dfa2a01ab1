"""One word for one thing: what the table "Words" of ARCHITECTURE.md has replaced does not come back."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.source_tree import ROOT, SOURCE, modules

REPLACED = {
    "companion": "neighbours",
    "patiently": "retry",
    "PATIENCE_S": "RETRY_FOR_S",
    "Randomness": "RandomBytes",
    "Outgoing": "RecordAccumulator",
    "PutBuffer": "PutQueue",
    "LeaseState": "LeaseStore",
    "LeaseKeeper": "LeaseCoordinator",
    "HeldLease": "OwnedLease",
    "Handling": "HandlerDelivery",
    "HandOut": "IteratorDelivery",
    "HandedOut": "IteratorBatch",
    "Beside": "Neighbourhood",
    "Surroundings": "ServerContext, EnvironmentContext",
    "LambdaDoor": "LazyLambda",
    "Doorway": "ConnectionFactory",
    "FirstBytes": "ProtocolDetector",
    "Heard": "HttpAnswer",
    "SERVED": "CURRENT_SERVER",
    "Figures": "ThroughputSettings",
    "PollerParts": "PollerContext",
    "_Happened": "_ProcessEvent",
    "HeldAccount": "LiveAccount",
}
"""A name that was the project's own, and the field's for it."""

SHARED = {
    "Batch": "what a consumer's handler gets, and what a delivery delivers",
    "Delivery": "what gives batches to an application, and what delivers a stream to a service",
    "Record": "a record of a stream, and as the client library gives it",
    "ResourceInUseException": "AWS's own, of Kinesis and of Lambda",
    "ResourceNotFoundException": "AWS's own, of Kinesis and of Lambda",
    "ValidationException": "AWS's own, of Kinesis and of Lambda",
}
"""Class names that may stand for two things, and why."""


def test_no_word_comes_back_that_was_replaced() -> None:
    words = re.compile(rf"\b({'|'.join(REPLACED)})\b")
    texts = {module.path: module.text for module in modules()}
    texts["ARCHITECTURE.md"] = (ROOT / "ARCHITECTURE.md").read_text()
    found = [
        f"{path}:{number}: {word}, now {REPLACED[word]}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        for word in words.findall(line)
    ]
    assert not found


def test_a_class_name_stands_for_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module.path)
    twice = {name: where for name, where in places.items() if len(where) > 1 and name not in SHARED}
    assert not twice


def test_every_folder_says_what_it_is_for_and_what_it_refuses_to_know() -> None:
    for module in modules():
        if module.file.name == "__init__.py" and module.folder not in {
            ".",
            "cli",
            "client",
            "testing",
            "app",
        }:
            assert "efuses to know" in (ast.get_docstring(module.tree) or ""), module.folder


def test_no_folder_mixes_more_than_thirty_modules() -> None:
    crowded = {
        str(folder.relative_to(SOURCE)): len(list(folder.glob("*.py")))
        for folder in SOURCE.rglob("*")
        if folder.is_dir() and folder.name != "operations" and len(list(folder.glob("*.py"))) > 32
    }
    assert not crowded


REPLACED_NAMES = {
    "Note": "Log",
    "doorway": "factory",
    "surroundings": "context",
    "hurry": "drain",
    "pump": "send_due",
    "is_draining": "is_urgent",
    "retry_delay": "backoff",
    "lease_state": "lease_store",
    "heard": "answer",
    "streams_held": "current_streams",
}
"""What nothing in code is called any more; in prose the words have other senses."""


def test_nothing_has_a_name_again_that_was_replaced() -> None:
    word = re.compile(rf"\b_*(?:{'|'.join(REPLACED_NAMES)})\b")
    texts = {path: path.read_text() for path in sorted(SOURCE.rglob("*.py"))}
    found = [
        f"{path.relative_to(SOURCE)}:{name}, now {REPLACED_NAMES[name.strip('_')]}"
        for path, text in texts.items()
        if word.search(text)
        for name in names_in(ast.parse(text))
        if name.strip("_") in REPLACED_NAMES
    ]
    assert not found


def test_a_live_stream_is_called_live() -> None:
    found = [
        f"{module.path}:{argument.lineno}: {argument.arg}"
        for module in modules()
        for argument in module.nodes
        if isinstance(argument, ast.arg) and argument.annotation is not None and argument.arg != "live"
        if ast.unparse(argument.annotation) in {"LiveStream", "LimitedStream"}
    ]
    given = re.compile(
        r"^ *(?!live\b)(\w+) = (?:await |finished\()*[\w.]*\bengine\.(?:settled|serving)\(\w+\)\)?$",
        re.MULTILINE,
    )
    found += [f"{module.path}: {name}" for module in modules() for name in given.findall(module.text)]
    assert not found


def names_in(tree: ast.Module) -> set[str]:
    """The variables, parameters, attributes and functions of a module, by their names."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case _:
                pass
    return names
