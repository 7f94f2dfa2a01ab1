"""`headwater fault`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from headwater.engine.faults.faults import AnyFault, FaultKind
from headwater.testing import Headwater, ServerFaults
from tests.cli.conftest import Ended

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "faults.md").read_text()

Run = Callable[..., Ended]


@pytest.fixture
def server() -> Iterator[Headwater]:
    """A server of the test's own: what goes wrong there is nobody else's concern."""
    with Headwater() as own:
        yield own


def said(ended: Ended) -> list[dict[str, Any]]:
    """The lines of JSON that a command wrote."""
    assert ended.exit_code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (
            ("error", "KMSDisabledException", "--message", "No.", "--operation", "PutRecord"),
            {"action": "error", "error": "KMSDisabledException", "message": "No."}
            | {"operation": ["PutRecord"]},
        ),
        (
            ("throttle", "--records", "2", "--error", "InternalFailure", "--partition-key", "alice"),
            {"action": "throttle", "records": 2, "error": "InternalFailure", "partition_key": "alice"},
        ),
        (("delay", "500"), {"action": "delay", "delay_ms": 500}),
        (("delay", "500", "--after"), {"action": "delay", "delay_ms": 500, "when": "after"}),
        (("cut", "--shard", "7"), {"action": "cut", "shard": "shardId-000000000007"}),
        (("cut", "--after", "--stream", "orders"), {"action": "cut", "when": "after", "stream": "orders"}),
        (
            ("expire-iterator", "--times", "3", "--skip", "1", "--probability", "0.5", "--seed", "7"),
            {"action": "expire_iterator", "times": 3, "skip": 1, "probability": 0.5, "seed": 7},
        ),
        (
            ("end-subscription", "--after-events", "3", "--consumer", "reader"),
            {"action": "end_subscription", "after_events": 3, "consumer": "reader"},
        ),
        (("end-subscription", "--cut"), {"action": "end_subscription", "cut": True}),
        (
            ("cut", "--operation", "PutRecord", "--operation", "PutRecords"),
            {"action": "cut", "operation": ["PutRecord", "PutRecords"]},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_fault_is_added(headwater: Run, arguments: tuple[str, ...], rule: dict[str, Any]) -> None:
    assert said(headwater("fault", "add", *arguments)) == [{"id": 1, **rule, "matched": 0, "fired": 0}]


def test_faults_are_listed_removed_and_cleared(headwater: Run, server: Headwater) -> None:
    for _ in range(4):
        headwater("fault", "add", "cut", "--operation", "PutRecord")
    assert [rule["id"] for rule in said(headwater("fault", "list"))] == [1, 2, 3, 4]
    assert [rule["id"] for rule in said(headwater("fault", "remove", "1", "3"))] == [1, 3]
    assert said(headwater("fault", "clear")) == [{"removed": 2}]
    assert said(headwater("fault", "list")) == []
    assert len(server.faults) == 0


def test_open_subscriptions_are_ended(headwater: Run) -> None:
    options = ("--stream", "orders", "--error", "InternalFailureException", "--after-events", "1")
    assert said(headwater("fault", "end-subscriptions", *options)) == [{"ended": 0}]


@pytest.mark.long
def test_a_person_reads_sentences_and_a_table(on_terminal: Run) -> None:
    assert "There are no faults." in on_terminal("fault", "list").out
    added = on_terminal("fault", "add", "delay", "500", "--operation", "GetRecords").out
    assert "fault 1: delay, delay_ms 500, operation GetRecords" in added
    listed = on_terminal("fault", "list").out
    assert "Matched" in listed
    assert "operation GetRecords" in listed
    assert "happened 0 times" in on_terminal("fault", "remove", "1").out
    assert "fault 2: cut, of every call" in on_terminal("fault", "add", "cut").out
    assert "1 removed" in on_terminal("fault", "clear").out
    assert "0 ended" in on_terminal("fault", "end-subscriptions").out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("add", "error", "Foo"), "headwater: That is no fault: The API has no error 'Foo'."),
        (("add", "cut", "--operation", "PutRecrod"), "no operation 'PutRecrod'"),
        (("remove", "7"), "headwater: There is no fault 7."),
    ],
)
def test_the_server_says_what_is_wrong(headwater: Run, arguments: tuple[str, ...], text: str) -> None:
    ended = headwater("fault", *arguments)
    assert ended.exit_code == 1
    assert text in ended.err


def test_a_server_that_is_none_is_told(headwater: Run) -> None:
    ended = headwater("fault", "list", "--endpoint-url", "http://127.0.0.1:1")
    assert ended.exit_code == 1
    assert "no server answers" in ended.err


def test_where_signatures_are_verified_the_command_signs(headwater: Run) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    with Headwater(access_key_id="AKIDEXAMPLE", secret_access_key="secret") as verifying:
        at = ("--endpoint-url", verifying.endpoint_url)
        assert said(headwater("fault", "add", "cut", *at, more=keys))[0]["action"] == "cut"
        assert headwater("fault", "clear", *at).exit_code == 1
        assert said(headwater("fault", "remove", "1", *at, more=keys))[0]["id"] == 1


# The page about faults


def shown(language: str) -> list[str]:
    """The page's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.long
def test_the_commands_on_the_page_run(server: Headwater, variables: dict[str, str]) -> None:
    commands, requests = shown("sh")
    commands = re.sub(r"^headwater ", f"{sys.executable} -m headwater ", commands, flags=re.MULTILINE)
    requests = requests.replace("localhost:4566", server.endpoint_url).replace(
        "curl ", "curl --silent --fail "
    )
    for script in (commands, requests.replace("faults/1", "faults/6")):
        ran = subprocess.run(
            ["bash", "-e", "-c", script], capture_output=True, text=True, check=False, env=variables
        )
        assert ran.returncode == 0, ran.stderr
        assert '"fired"' in ran.stdout
    assert len(server.faults) == 0


def test_the_tables_on_the_page_have_every_fault_and_every_member() -> None:
    kinds = get_args(AnyFault)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    matching = set(FaultKind.__struct_fields__)
    assert matching <= set(rows)
    for kind in kinds:
        row = rows[kind.__struct_config__.tag]
        members = [name for name in kind.__struct_fields__ if name not in matching]
        assert all(f"`{name}`" in row.partition(" | ")[0] for name in members), kind
    methods = [name for name in vars(ServerFaults) if not name.startswith("_")]
    assert all(re.search(rf"^\| `{method}\(", PAGE, re.MULTILINE) for method in methods)
