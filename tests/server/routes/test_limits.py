"""`/_headwater/limits`: what can be asked of it, and what it refuses in words."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api.clocked_server import TRANSITION_MS, ClockedServer, clocked_server
from tests.conftest import client_for
from tests.tables import each

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
ORDERS = {"stream": "orders", "stream_arn": ARN, "account_id": "000000000000", "region": "us-east-1"}
AWS = {
    "enforce": True,
    "records_in_per_s": 1000,
    "bytes_in_per_s": 1_048_576,
    "reads_per_s": 5,
    "bytes_out_per_s": 2_097_152,
    "fan_out_bytes_per_s": 2_097_152,
    "shards_max": None,
}
FREE = {"enforce": False}
Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def server() -> Iterator[ClockedServer]:
    with clocked_server() as running:
        yield running


@pytest.fixture
def ask(server: ClockedServer) -> Ask:
    """Posts the members it is given, or a body as it stands; without any, gets. A server with one stream."""

    def send(body: str | None = None, route: str = "limits", **members: Any) -> tuple[int, dict[str, Any]]:
        text = json.dumps(members) if members else body
        connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc)
        connection.request("GET" if text is None else "POST", f"/_headwater/{route}", text)
        response = connection.getresponse()
        answer = response.status, json.loads(response.read())
        connection.close()
        return answer

    send("{}", route="reset")
    client = client_for(server.endpoint_url)
    client.create_stream(StreamName="orders", ShardCount=1)
    client.close()
    server.clock.advance_ms(TRANSITION_MS)
    return send


def test_at_first_nothing_is_limited(ask: Ask) -> None:
    assert ask() == (200, {"default": FREE, "streams": []})


def test_a_server_with_enforced_limits_says_so() -> None:
    with clocked_server(enforce_limits=True) as server:
        connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc)
        connection.request("GET", "/_headwater/limits")
        assert json.loads(connection.getresponse().read()) == {"default": AWS, "streams": []}
        connection.close()


@pytest.mark.parametrize(
    "named",
    [
        {"stream": "orders"},
        {"stream": ARN},
        {"stream": "orders", "account_id": "000000000000", "region": "us-east-1"},
        {"stream": ARN, "account_id": "000000000000", "region": "us-east-1"},
    ],
)
def test_a_stream_is_limited_as_at_aws(ask: Ask, named: dict[str, str]) -> None:
    undoing = {"stream": ARN, "remove": True}
    assert ask(**named) == (200, {"default": FREE, "streams": [ORDERS | AWS], "before": undoing})
    assert ask() == (200, {"default": FREE, "streams": [ORDERS | AWS]})


def test_figures_replace_those_of_aws_and_the_next_change_replaces_the_rule(ask: Ask) -> None:
    _, answer = ask(stream="orders", records_in_per_s=10, shards_max=16)
    assert answer["streams"] == [ORDERS | AWS | {"records_in_per_s": 10, "shards_max": 16}]
    _, answer = ask(stream="orders", enforce=True, reads_per_s=1)
    assert answer["streams"] == [ORDERS | AWS | {"reads_per_s": 1}]
    assert answer["before"] == {"stream": ARN} | AWS | {"records_in_per_s": 10, "shards_max": 16}


def test_what_is_answered_as_before_takes_a_change_back(ask: Ask) -> None:
    ask(stream="orders", records_in_per_s=10)
    ask(enforce=True, bytes_in_per_s=7)
    _, rules = ask()
    for change in ({"stream": "orders", "enforce": False}, {"stream": "orders", "remove": True}, FREE):
        _, changed = ask(**change)
        assert (changed["default"], changed["streams"]) != (rules["default"], rules["streams"])
        ask(**changed["before"])
        assert ask() == (200, rules)


def test_a_stream_is_exempt_from_the_rule_for_all(ask: Ask) -> None:
    ask(enforce=True)
    _, answer = ask(stream="orders", enforce=False)
    assert (answer["default"], answer["streams"]) == (AWS, [ORDERS | FREE])


def test_a_rule_is_removed(ask: Ask) -> None:
    ask(enforce=True)
    ask(stream="orders")
    assert ask(stream="orders", remove=True)[1]["streams"] == []
    assert ask(remove=True)[1]["default"] == FREE
    assert ask(stream="orders", remove=True)[0] == 200  # once more


def test_a_reset_forgets_every_rule(ask: Ask) -> None:
    ask(enforce=True)
    ask(stream="orders")
    ask("{}", route="reset")
    assert ask() == (200, {"default": FREE, "streams": []})


def test_a_rule_goes_with_its_stream(ask: Ask, server: ClockedServer) -> None:
    ask(stream="orders")
    client = client_for(server.endpoint_url)
    client.delete_stream(StreamName="orders")
    server.clock.advance_ms(TRANSITION_MS)
    assert client.list_streams()["StreamNames"] == []
    assert ask()[1]["streams"] == []
    client.create_stream(StreamName="orders", ShardCount=1)
    assert ask()[1]["streams"] == []
    client.close()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"stream": "invoices"}, "Stream invoices under account 000000000000 not found in region us-east-1."),
        ({"stream": "orders", "region": "eu-west-1"}, "not found in region eu-west-1."),
        ({"stream": "orders", "account_id": "123456789012"}, "under account 123456789012 not found"),
        ({"stream": ARN.replace("000000000000", "123456789012")}, "under account 123456789012 not found"),
        ({"stream": ""}, "not found"),
    ],
)
def test_a_stream_that_is_not_there_is_not_found(ask: Ask, members: dict[str, str], said: str) -> None:
    status, answer = ask(**members)
    assert status == 404
    assert said in answer["message"]


@each(
    ("members", "said"),
    [
        ({"stream": "orders", "records_in_per_s": 0}, "`int` >= 1 - at `$.records_in_per_s`"),
        ({"stream": "orders", "records_in_per_s": -5}, "$.records_in_per_s"),
        ({"stream": "orders", "reads_per_s": 2**41}, "$.reads_per_s"),
        ({"stream": "orders", "bytes_in_per_s": 1.5}, "$.bytes_in_per_s"),
        ({"stream": "orders", "bytes_out_per_s": "10"}, "$.bytes_out_per_s"),
        ({"stream": "orders", "fan_out_bytes_per_s": True}, "$.fan_out_bytes_per_s"),
        ({"stream": "orders", "shards_max": []}, "$.shards_max"),
        ({"stream": "orders", "records_per_s": 10}, "records_per_s"),
        ({"stream": 7}, "$.stream"),
        ({"enforce": "yes"}, "$.enforce"),
        ({"stream": "orders", "account_id": "1"}, "$.account_id"),
        ({"account_id": "000000000000"}, "none is named"),
        ({"region": "us-east-1"}, "none is named"),
        ({"stream": ARN, "region": "eu-west-1"}, "of another account or region"),
        ({"stream": ARN, "account_id": "123456789012"}, "of another account or region"),
        ({"stream": f"{ARN}/consumer/reader:1795000000"}, "is not the ARN of a stream"),
        ({"stream": "orders", "enforce": False, "reads_per_s": 1}, "has no figures: reads_per_s"),
        ({"stream": "orders", "remove": True, "reads_per_s": 1}, "stands alone"),
        ({"stream": "orders", "remove": True, "enforce": True}, "stands alone"),
    ],
)
def test_a_wrong_change_is_refused_in_words_and_changes_nothing(
    ask: Ask, members: dict[str, Any], said: str
) -> None:
    ask(stream="orders", reads_per_s=3)
    _, rules = ask()
    status, answer = ask(**members)
    assert status == 400
    assert said in answer["message"]
    assert ask() == (200, rules)


@pytest.mark.parametrize("body", ["", "no", "[]", "null", '{"stream": "\\ud800"}', "[" * 10_000, "\xff"])
def test_what_is_no_change_is_refused(ask: Ask, body: str) -> None:
    status, answer = ask(body)
    assert status == 400
    assert answer["message"].startswith("That is no change of the limits")
    assert ask() == (200, {"default": FREE, "streams": []})
