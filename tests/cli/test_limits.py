from __future__ import annotations

import http.client
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from headwater.cli.limits import FIGURES
from headwater.engine.limits.throughput_limits import AWS_FIGURES
from tests.cli.conftest import Ended


def rules(ended: Ended) -> list[dict[str, Any]]:
    """The rules that a command has printed; the first is the one for all streams."""
    assert ended.exit_code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def own_rule(ended: Ended, stream: str) -> dict[str, Any] | None:
    """What it printed of one stream: other tests' streams may have rules, too."""
    return next((rule for rule in rules(ended) if rule["stream"] == stream), None)


def test_a_stream_is_limited_and_exempt_and_left_to_the_rule_for_all(headwater: Any, stream: str) -> None:
    enforced = own_rule(headwater("limits", "enforce", stream, "--records-in-per-s", "10"), stream)
    assert enforced
    assert (enforced["enforce"], enforced["records_in_per_s"], enforced["reads_per_s"]) == (True, 10, 5)
    assert own_rule(headwater("limits", "list"), stream) == enforced
    exempt = own_rule(headwater("limits", "exempt", enforced["stream_arn"]), stream)
    assert exempt
    assert exempt["enforce"] is False
    assert own_rule(headwater("limits", "remove", stream), stream) is None


def test_what_was_said_is_enforced(headwater: Any, stream: str, kinesis: Any) -> None:
    headwater("limits", "enforce", stream, "--bytes-in-per-s", "1", "--records-in-per-s", "1")
    entries = [{"Data": b"x", "PartitionKey": "k"}] * 10
    assert kinesis.put_records(StreamName=stream, Records=entries)["FailedRecordCount"] >= 8
    headwater("limits", "remove", stream)
    assert kinesis.put_records(StreamName=stream, Records=entries)["FailedRecordCount"] == 0


def test_the_rule_for_all_streams_is_set_and_removed(headwater: Any) -> None:
    figures = {name: at for at, name in enumerate(AWS_FIGURES._fields, 1_000_000)}
    options = [text for name, value in figures.items() for text in (_option(name), str(value))]
    try:
        default, *_ = rules(headwater("limits", "enforce", *options))
        assert default == {"stream": None, "enforce": True} | figures
    finally:
        default, *_ = rules(headwater("limits", "remove"))
    assert default == {"stream": None, "enforce": False}


def test_a_person_sees_a_table(on_terminal: Any, stream: str) -> None:
    shown = on_terminal("limits", "enforce", stream, "--shards-max", "16")
    assert shown.exit_code == 0
    assert "all others" in shown.out
    assert "16" in shown.out
    on_terminal("limits", "remove", stream)


def test_what_cannot_be_is_one_line(headwater: Any) -> None:
    ended = headwater("limits", "enforce", "absent")
    assert (ended.exit_code, ended.out) == (1, "")
    assert ended.err == "headwater: Stream absent under account 000000000000 not found in region us-east-1.\n"
    assert headwater("limits", "enforce", "--reads-per-s", "0").exit_code == 2


def test_the_account_and_region_are_those_of_the_caller(headwater: Any) -> None:
    caller = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_REGION": "eu-west-1"}
    ended = headwater("limits", "enforce", "orders", more=caller)
    assert ended.err == "headwater: Stream orders under account 123456789012 not found in region eu-west-1.\n"


def test_what_is_not_headwater_is_told(headwater: Any) -> None:
    ended = headwater("limits", "list", "--endpoint-url", "http://127.0.0.1:1")
    assert ended.exit_code == 1
    assert "no server answers" in ended.err


PAGE = (Path(__file__).resolve().parents[2] / "docs" / "limits.md").read_text()
COMMANDS = re.findall(r"^headwater (limits .*?)(?: *#.*)?$", PAGE, re.MULTILINE)
BODIES = re.findall(r"^curl -X POST localhost:4566/_headwater/limits -d '(.*)'$", PAGE, re.MULTILINE)


def test_the_commands_in_the_documentation_run(headwater: Any, stream: str) -> None:
    assert len(COMMANDS) == 6
    for command in COMMANDS:
        assert headwater(*command.replace("orders", stream).split()).exit_code == 0, command
    assert own_rule(headwater("limits", "list"), stream) is None


def test_the_requests_in_the_documentation_are_answered(server: Any, stream: str) -> None:
    assert len(BODIES) == 5
    connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc)
    for body in BODIES:
        connection.request("POST", "/_headwater/limits", body.replace("orders", stream))
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (200, True), body
    connection.close()


def test_every_figure_is_an_option_and_documented() -> None:
    assert tuple(FIGURES) == AWS_FIGURES._fields
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert tuple(row for row in rows if row in FIGURES) == AWS_FIGURES._fields


def _option(figure: str) -> str:
    return "--" + figure.replace("_", "-")
