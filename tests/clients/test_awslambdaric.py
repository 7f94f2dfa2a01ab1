"""A Python function answers through Headwater's client what it answers through AWS's, byte for byte."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.lambda_.functions.runtimes import PYTHON_CLIENT
from tests.clients.client_process import CLIENTS, install
from tests.lambda_.functions.runtime_client_process import ClientProcess, Said, running_client

pytestmark = pytest.mark.clients

FOLDER = CLIENTS / "awslambdaric"
PINNED = FOLDER / "requirements.txt"
PACKAGES = FOLDER / ".packages"
OURS = (sys.executable, str(PYTHON_CLIENT))
FUNCTION = """
import datetime, enum, uuid
from collections import OrderedDict, defaultdict, namedtuple
from decimal import Decimal

Point = namedtuple("Point", "x y")
class Colour(enum.Enum):
    RED = 1
class Level(enum.IntEnum):
    LOW = 1
class Name(str):
    pass
class Listed:
    def _asdict(self):
        return {"listed": [1, self.__class__.__name__]}
class Unlisted:
    def _asdict(self):
        return [1]
class Wrong(Exception):
    pass

def raised(kind, *values):
    raise kind(*values)

def handler(event, context):
    return eval(event, globals(), {"context": context})
"""


class Pair(NamedTuple):
    """The same function in both clients."""

    ours: ClientProcess
    theirs: ClientProcess

    def ask(self, expression: str, **headers: str) -> Said:
        """What both say; fails when they differ."""
        event = json.dumps(expression).encode()
        ours, theirs = self.ours.ask(event, headers), self.theirs.ask(event, headers)
        assert ours == theirs, expression
        return ours


def theirs() -> tuple[str, ...]:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(PACKAGES)]
    install([*pip, "--requirement", str(PINNED)], FOLDER, PINNED, PACKAGES / ".installed")
    start = f"import sys; sys.path[0:1] = [{{!r}}, {str(PACKAGES)!r}]; import runpy; "
    start += "runpy.run_module('awslambdaric', run_name='__main__', alter_sys=True)"
    return (sys.executable, "-c", start)


def command_of_theirs(folder: Path, handler: str) -> tuple[str, ...]:
    program, flag, text = theirs()
    return (program, flag, text.format(str(folder)), handler)


@pytest.fixture(scope="module", params=["python3.11", "python3.12"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("compared")
    (folder / "app.py").write_text(FUNCTION)
    with ExitStack() as stack:
        commands = (OURS, command_of_theirs(folder, "app.handler"))
        runtime = f"AWS_Lambda_{request.param}"
        clients = [
            stack.enter_context(running_client(command, folder, AWS_EXECUTION_ENV=runtime))
            for command in commands
        ]
        yield Pair(*clients)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12).map(repr)
NUMBERS = st.one_of(
    st.integers().map(repr),
    st.floats().map(lambda value: f"float({str(value)!r})"),
    st.decimals().map(lambda value: f"Decimal({str(value)!r})"),
)
NAMED = st.sampled_from(
    ["None", "True", "False", "Colour.RED", "Level.LOW", "Name('n')", "Listed()", "Unlisted()", "{1, 2}",
     "1j", "object", "bytearray(b'a')", "datetime.date(2026, 1, 2)", "uuid.UUID(int=1)", "range(3)", "...",
     "iter([])"]
)  # fmt: skip
LEAVES = st.one_of(TEXTS, NUMBERS, st.binary(max_size=8).map(repr), NAMED)
KEYS = st.one_of(
    TEXTS, NUMBERS, st.binary(max_size=4).map(repr), st.sampled_from(["None", "True", "(1, 2)", "Level.LOW"])
)


def listed(opening: str, closing: str) -> Any:
    return lambda parts: opening + "".join(f"{part}, " for part in parts) + closing


def mapped(opening: str, closing: str) -> Any:
    return lambda pairs: opening + ", ".join(f"{key}: {value}" for key, value in pairs) + closing


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, max_size=4)
    pairs = st.lists(st.tuples(KEYS, inner), max_size=4)
    return st.one_of(
        several.map(listed("[", "]")),
        several.map(lambda parts: "(" + "".join(f"{part}, " for part in parts) + ")" if parts else "()"),
        st.tuples(inner, inner).map(listed("Point(", ")")),
        pairs.map(mapped("{", "}")),
        pairs.map(mapped("OrderedDict({", "})")),
        pairs.map(mapped("defaultdict(list, {", "})")),
    )


EXPRESSIONS = st.recursive(LEAVES, containers, max_leaves=12)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(expression=EXPRESSIONS)
def test_answers_are_the_same(pair: Pair, expression: str) -> None:
    pair.ask(expression)


@settings(max_examples=50, deadline=None)
@given(kind=st.sampled_from(["ValueError", "KeyError", "Wrong", "UnicodeError", "LookupError"]), text=TEXTS)
def test_errors_are_the_same(pair: Pair, kind: str, text: str) -> None:
    assert pair.ask(f"raised({kind}, {text})").kind == "error"


CONTEXT = (
    "[context.w3c(), context.client_context and [context.client_context.custom, context.client_context.env,"
    " context.client_context.client and context.client_context.client.app_title],"
    " context.identity.cognito_identity_id, context.tenant_id, context.aws_request_id, context.function_name,"
    " context.function_version, context.memory_limit_in_mb, context.log_group_name, context.log_stream_name,"
    " context.invoked_function_arn]"
)
FIELDS = st.dictionaries(
    st.sampled_from(["custom", "env", "client", "w3c", "traceparent", "tracestate", "baggage", "app_title"]),
    st.one_of(st.none(), st.integers(), st.text("ab", max_size=3)),
)
CONTEXTS = st.recursive(
    FIELDS,
    lambda inner: st.dictionaries(st.sampled_from(["custom", "client", "w3c", "env"]), inner),
    max_leaves=4,
)


@settings(max_examples=100, deadline=None)
@given(
    document=st.one_of(CONTEXTS, st.sampled_from([[], "a", 3, None])),
    identity=st.sampled_from(["", "{", '{"cognitoIdentityId": "i"}', "[]", "null"]),
)
def test_contexts_are_the_same(pair: Pair, document: Any, identity: str) -> None:
    headers = {"Lambda-Runtime-Client-Context": json.dumps(document)}
    if identity:
        headers["Lambda-Runtime-Cognito-Identity"] = identity
    event = json.dumps(CONTEXT).encode()
    ours, theirs = pair.ours.ask(event, headers), pair.theirs.ask(event, headers)
    if ours.kind == theirs.kind == "error":
        # A context of another form fails inside of the client: where in its files is its own.
        assert json.loads(ours.body)["errorType"] == json.loads(theirs.body)["errorType"]
    else:
        assert ours == theirs


@pytest.mark.parametrize("text", ["", "{", "nul", "\x00", '{"a": 1} 2'])
def test_an_event_that_is_no_json_is_an_error_of_the_same_type(pair: Pair, text: str) -> None:
    # The server refuses such an event before a function gets it; each says in its way what is wrong.
    ours, theirs = pair.ours.ask(text.encode()), pair.theirs.ask(text.encode())
    assert ours.kind == theirs.kind == "error"
    assert json.loads(ours.body)["errorType"] == json.loads(theirs.body)["errorType"]


@pytest.mark.parametrize(
    ("handler", "files"),
    [
        ("time.handler", {"time.py": ""}),
        ("time.sub.handler", {}),
        ("sub/mod.handler", {}),
        ("sub/mod.handler", {"sub/mod.py": ""}),
        ("sub.mod.handler", {"sub/mod.py": "import nothing_of_this_name"}),
        ("handler", {}),
        ("app.", {"app.py": ""}),
        (".handler", {}),
        ("app.handler", {"app.py": "def handler(:\n    pass"}),
        ("app.handler", {"app.py": "from time import nothing"}),
        ("app.handler", {"app.py": "raise ValueError('at the start')"}),
        ("app.handler", {"app.py": "import sys; sys.exit(3)"}),
    ],
)
def test_what_keeps_a_function_from_starting_is_the_same(
    tmp_path: Path, handler: str, files: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    said = []
    for command in (OURS, command_of_theirs(tmp_path, handler)):
        with running_client(command, tmp_path, handler) as client:
            said.append(client.next_said())
    assert said[0] == said[1]
