"""The routes for faults, as curl sees them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.engine.faults.faults import AnyFault
from headwater.server.routes.faults import RULES_MAX
from headwater.testing import Headwater
from tests.tables import each
from tests.waiting import RETRY_FOR_S


@pytest.fixture(scope="module")
def running() -> Iterator[Headwater]:
    with Headwater() as server:
        yield server


@pytest.fixture
def server(running: Headwater) -> Headwater:
    running.reset()
    return running


def ask(
    server: Headwater, method: str, route: str = "faults", body: object = b"", **headers: str
) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc, timeout=RETRY_FOR_S)
    connection.request(method, f"/_headwater/{route}", data, headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    is_json = response.headers["Content-Type"] == "application/json"
    return response.status, json.loads(answer) if is_json else {}


def test_a_fault_is_added_shown_and_removed(server: Headwater) -> None:
    fault = {"action": "delay", "delay_ms": 5, "operation": ["PutRecord", "GetRecords"], "times": 2}
    status, added = ask(server, "POST", body=fault)
    assert status == 200
    assert added == {"id": added["id"], **fault, "matched": 0, "fired": 0}
    assert ask(server, "GET") == (200, {"faults": [added]})
    assert ask(server, "GET", f"faults/{added['id']}") == (200, added)
    assert ask(server, "DELETE", f"faults/{added['id']}") == (200, added)
    assert ask(server, "DELETE", f"faults/{added['id']}")[0] == 404
    assert ask(server, "GET") == (200, {"faults": []})


def test_all_are_removed_at_once_and_by_a_reset(server: Headwater) -> None:
    for _ in range(3):
        ask(server, "POST", body={"action": "cut"})
    assert ask(server, "DELETE") == (200, {"removed": 3})
    ask(server, "POST", body={"action": "cut"})
    assert ask(server, "POST", "reset")[0] == 200
    assert ask(server, "GET") == (200, {"faults": []})


@each(
    "body",
    [
        b"",
        b"no",
        b"[]",
        b"\xff",
        b'{"action": "cut", "stream": "\\ud800"}',
        b"[" * 100_000,
        {},
        {"action": "break"},
        {"action": 1},
        {"action": "cut", "when": "now"},
        {"action": "cut", "times": 0},
        {"action": "cut", "times": "1"},
        {"action": "cut", "skip": -1},
        {"action": "cut", "probability": 0},
        {"action": "cut", "probability": 1.1},
        {"action": "cut", "seed": 1.5},
        {"action": "cut", "operations": "PutRecord"},
        {"action": "cut", "operation": "PutRecrod"},
        {"action": "cut", "operation": {}},
        {"action": "error"},
        {"action": "error", "error": "Foo"},
        {"action": "delay"},
        {"action": "delay", "delay_ms": 0},
        {"action": "delay", "delay_ms": 10**9},
        {"action": "throttle", "records": 0},
        {"action": "throttle", "error": "LimitExceededException"},
        {"action": "end_subscription", "after_events": -1},
        {"action": "end_open_subscriptions", "error": "Foo"},
    ],
)
def test_what_is_no_fault_is_refused_in_words(server: Headwater, body: object) -> None:
    status, answer = ask(server, "POST", body=body)
    assert (status, list(answer)) == (400, ["message"])
    assert answer["message"].startswith("That is no fault: ")
    assert ask(server, "GET") == (200, {"faults": []})


NAMES = st.sampled_from(
    ["orders", "PutRecord", "GetRecords", "InternalFailure", "0", "after", "\x00", "é", ""]
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), NAMES, st.lists(NAMES, max_size=3)
)
MEMBERS = sorted({name for kind in get_args(AnyFault) for name in kind.__struct_fields__})
ACTIONS = [kind.__struct_config__.tag for kind in get_args(AnyFault)]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(ACTIONS), st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=4))
def test_whatever_is_asked_for_is_taken_or_refused(
    running: Headwater, action: str, members: dict[str, Any]
) -> None:
    status, answer = ask(running, "POST", body={"action": action, **members})
    assert status in (200, 400)
    if status == 200 and "id" in answer:
        assert ask(running, "DELETE", f"faults/{answer['id']}") == (200, answer)


@pytest.mark.parametrize("name", ["0", "-1", "x", "1" * 5000, "%C2%B2", "1/2"])
def test_a_fault_that_is_not_there_is_not_found(server: Headwater, name: str) -> None:
    for method in ("GET", "DELETE"):
        assert ask(server, method, f"faults/{name}")[0] == 404


def test_other_methods_are_told_the_right_ones(server: Headwater) -> None:
    assert ask(server, "PUT") == (405, {"message": "Use GET, POST, DELETE."})
    assert ask(server, "POST", "faults/1") == (405, {"message": "Use GET, DELETE."})
    assert ask(server, "GET", "faults/") == (404, {"message": "There is no /_headwater/faults/."})


def test_there_can_only_be_so_many(server: Headwater) -> None:
    for _ in range(RULES_MAX):
        assert ask(server, "POST", body={"action": "cut"})[0] == 200
    status, answer = ask(server, "POST", body={"action": "cut"})
    assert status == 409
    assert str(RULES_MAX) in answer["message"]


def test_a_foreign_page_cannot_remove_faults(server: Headwater) -> None:
    ask(server, "POST", body={"action": "cut"})
    assert ask(server, "DELETE", Origin="https://example.com")[0] == 403
    assert len(ask(server, "GET")[1]["faults"]) == 1


def test_where_signatures_are_verified_faults_need_one() -> None:
    with Headwater(access_key_id="AKIDEXAMPLE", secret_access_key="secret") as verifying:
        assert ask(verifying, "POST", body={"action": "cut"})[0] == 400
        assert ask(verifying, "DELETE")[0] == 400
        assert ask(verifying, "GET") == (200, {"faults": []})
