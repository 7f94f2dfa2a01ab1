"""What a Python function answers through Headwater's own client; `tests/clients` compares it with AWS's."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.lambda_.functions.runtimes import PYTHON_CLIENT
from tests.lambda_.functions.runtime_client_process import REQUEST_ID, ClientProcess, Said, running_client

COMMAND = (sys.executable, str(PYTHON_CLIENT))
EVALUATES = """
from collections import namedtuple
from decimal import Decimal
Point = namedtuple("Point", "x y")
def handler(event, context):
    return eval(event)
"""


@pytest.fixture(scope="module")
def evaluates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientProcess]:
    """A function that answers with the value of the expression that it gets."""
    folder = tmp_path_factory.mktemp("evaluates")
    (folder / "app.py").write_text(EVALUATES)
    with running_client(COMMAND, folder, AWS_EXECUTION_ENV="AWS_Lambda_python3.12") as client:
        yield client


def value_of(client: ClientProcess, expression: str, **headers: str) -> Said:
    return client.ask(json.dumps(expression).encode(), headers)


def failed(text: str, handler: str, folder: Path, file: str = "app.py") -> dict[str, Any]:
    """What a function says that cannot start."""
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(text)
    with running_client(COMMAND, folder, handler) as client:
        kind, body = client.next_said()
    assert kind == "init"
    document: dict[str, Any] = json.loads(body)
    return document


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("{'a': b'text', b'k': [b'']}", b'{"a": "text", "k": [""]}'),
        ("b'\\xff\\x00 as it is'", b"\xff\x00 as it is"),
        ("Decimal('1234567890.123456789012345678900')", b"1234567890.123456789012345678900"),
        ("[Decimal('NaN'), Decimal('1E+3')]", b"[NaN, 1E+3]"),
        ("Point(1, Point(2, 'b'))", b'{"x": 1, "y": {"x": 2, "y": "b"}}'),
        ("(1, [], {}, ())", b"[1, [], {}, []]"),
        ("{1: None, True: 2.5, None: float('inf')}", b'{"1": 2.5, "null": Infinity}'),
        ("'Zürich \\n\"\\u2028'", 'Zürich \\n\\"\u2028'.join('""').encode()),
    ],
)
def test_answers_have_the_form_that_awss_client_gives_them(
    evaluates: ClientProcess, expression: str, answer: bytes
) -> None:
    assert value_of(evaluates, expression) == Said("response", answer)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{1, 2}", "Object of type set is not JSON serializable"),
        ("{(1, 2): 3}", "keys must be str, int, float, bool or None, not tuple"),
        ("[b'\\xff']", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ("(lambda a: (a.append(a), a)[1])([])", "Circular reference detected"),
    ],
)
def test_what_has_no_form_in_json_is_an_error(
    evaluates: ClientProcess, expression: str, message: str
) -> None:
    kind, body = value_of(evaluates, expression)
    assert kind == "error"
    assert json.loads(body) == {
        "errorMessage": f"Unable to marshal response: {message}",
        "errorType": "Runtime.MarshalError",
        "requestId": REQUEST_ID,
        "stackTrace": [],
    }


def test_characters_are_escaped_before_python_3_12(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(EVALUATES)
    with running_client(COMMAND, tmp_path, AWS_EXECUTION_ENV="AWS_Lambda_python3.11") as client:
        assert value_of(client, "'ü'") == Said("response", b'"\\u00fc"')


def test_the_trace_context_is_apart_from_the_clients(evaluates: ClientProcess) -> None:
    context = {"custom": {"a": 1}, "w3c": {"traceparent": "00-ab", "baggage": 3, "other": "x"}}
    header = {"Lambda-Runtime-Client-Context": json.dumps(context)}
    seen = "[context.w3c(), context.client_context.custom, context.client_context.client]"
    assert json.loads(value_of(evaluates, seen, **header).body) == [{"traceparent": "00-ab"}, {"a": 1}, None]
    assert json.loads(value_of(evaluates, "context.w3c()").body) == {}


def test_a_context_that_is_no_json_is_an_error_of_its_invocation(evaluates: ClientProcess) -> None:
    _, body = value_of(evaluates, "1", **{"Lambda-Runtime-Client-Context": "{no"})
    assert json.loads(body)["errorType"] == "Runtime.LambdaContextUnmarshalError"
    assert value_of(evaluates, "1") == Said("response", b"1")


@pytest.mark.parametrize(
    ("file", "text", "handler", "kind", "message"),
    [
        (
            "time.py",
            "",
            "time.handler",
            "Runtime.BuiltInModuleConflict",
            "Cannot use built-in module time as a handler module",
        ),
        (
            "app.py",
            "",
            "sub/mod.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'sub/mod': No module named 'sub'",
        ),
        (
            "sub/mod.py",
            "",
            "sub/mod.handler",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'sub/mod'",
        ),
        (
            "app.py",
            "",
            "handler",
            "Runtime.MalformedHandlerName",
            "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
    ],
)
def test_a_function_that_cannot_start_says_why(
    tmp_path: Path, file: str, text: str, handler: str, kind: str, message: str
) -> None:
    assert failed(text, handler, tmp_path, file) == {
        "errorMessage": message,
        "errorType": kind,
        "requestId": "",
        "stackTrace": [],
    }


def test_what_is_logged_begins_and_ends_a_line(tmp_path: Path) -> None:
    text = """
import logging
def handler(event, context):
    print("begun", end="")
    context.log("one")
    context.log("two")
    logging.error("three")
    logging.getLogger().handlers[0].setFormatter(logging.Formatter("%(aws_request_id)s %(message)s"))
    logging.error("four")
    print("ended")
    raise ValueError("five")
"""
    (tmp_path / "app.py").write_text(text)
    with running_client(COMMAND, tmp_path) as client:
        client.ask(b"1")
        lines = client.log.split("\n")
    assert lines[:3] == ["begun", "one", "two"]
    assert re.fullmatch(rf"\[ERROR\]\t[-0-9T:.]+Z\t{REQUEST_ID}\tthree", lines[3])
    assert lines[4:8] == [
        f"{REQUEST_ID} four",
        "ended",
        "[ERROR] ValueError: five",
        "Traceback (most recent call last):",
    ]
    assert lines[8].startswith("\u00a0\u00a0File ")
