"""ListQueues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.model.clock import ManualClock
from tests.api.queues import create_queue, on_demand_stream
from tests.api.refusals import account_of, refusal

Settle = Callable[[], None]


def names(answer: dict[str, Any]) -> list[str]:
    return [queue["QueueName"] for queue in answer["QueueSummaries"]]


def test_lists_the_queues_of_all_streams_by_name(
    kinesis: Any, on_demand_arn: str, settle: Settle, client_of: Callable[..., Any]
) -> None:
    other_arn = on_demand_stream(kinesis, settle, "clicks")
    create_queue(kinesis, on_demand_arn, "b")
    create_queue(kinesis, other_arn, "a")
    answer = kinesis.list_queues()
    assert names(answer) == ["a", "b"]
    assert "NextToken" not in answer
    created = kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
    summary = answer["QueueSummaries"][0]
    assert summary["QueueStatus"] == "CREATING"
    assert summary["Streams"] == [
        {"StreamARN": other_arn, "StreamCreationTimestamp": created["StreamCreationTimestamp"]}
    ]
    assert names(client_of(account_of(on_demand_arn), "us-west-2").list_queues()) == []


def test_lists_those_of_one_stream_and_of_one_life_of_it(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    create_queue(kinesis, on_demand_arn, "b")
    create_queue(kinesis, on_demand_stream(kinesis, settle, "clicks"), "a")
    created = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    created_s = created["StreamCreationTimestamp"].timestamp()

    def listed(**wanted: Any) -> list[str]:
        return names(kinesis.list_queues(StreamFilter=[wanted]))

    assert listed(StreamARN=on_demand_arn) == ["b"]
    assert listed(StreamARN=on_demand_arn, StreamCreationTimestamp=created_s) == ["b"]
    assert listed(StreamARN=on_demand_arn, StreamCreationTimestamp=created_s - 1) == []
    assert listed(StreamARN=f"{on_demand_arn}-not") == []


def test_a_token_leads_to_the_next_page_for_300_seconds(
    kinesis: Any, on_demand_arn: str, clock: ManualClock
) -> None:
    for name in ("a", "b", "c"):
        create_queue(kinesis, on_demand_arn, name)
    first = kinesis.list_queues(MaxResults=2)
    assert names(first) == ["a", "b"]
    token = first["NextToken"]
    assert names(kinesis.list_queues(NextToken=token)) == ["c"]
    clock.advance_ms(300_001)
    assert refusal(kinesis.list_queues, NextToken=token)[0] == "ExpiredNextTokenException"


def test_a_token_is_good_for_its_own_listing_only(
    kinesis: Any, on_demand_arn: str, client_of: Callable[..., Any]
) -> None:
    for name in ("a", "b"):
        create_queue(kinesis, on_demand_arn, name)
    token = kinesis.list_queues(MaxResults=1)["NextToken"]
    invalid = ("InvalidArgumentException", "Invalid NextToken.")
    filtered = [{"StreamARN": on_demand_arn}]
    assert refusal(kinesis.list_queues, NextToken=token, StreamFilter=filtered) == invalid
    assert refusal(kinesis.list_queues, NextToken="no token") == invalid
    other = client_of(account_of(on_demand_arn), "us-west-2")
    assert refusal(other.list_queues, NextToken=token) == invalid
