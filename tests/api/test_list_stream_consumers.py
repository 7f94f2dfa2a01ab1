"""ListStreamConsumers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.consumers import active_consumer
from tests.api.refusals import NOT_ACTIVE, WRONG_ARN, absent, put_in_state, refusal, required

Settle = Callable[[], None]
INVALID_TOKEN = ("InvalidArgumentException", "Invalid NextToken.")


@pytest.fixture
def seven(kinesis: Any, stream_arn: str, settle: Settle) -> list[str]:
    """Seven consumers of `orders`; their names in order."""
    names = [f"reader-{number}" for number in range(7)]
    for name in reversed(names):
        active_consumer(kinesis, settle, stream_arn, name)
    return names


def names_in(answer: dict[str, Any]) -> list[str]:
    return [consumer["ConsumerName"] for consumer in answer["Consumers"]]


def test_lists_every_member_of_every_consumer(kinesis: Any, stream_arn: str, clock: ManualClock) -> None:
    created_s = clock.now_ms() // 1000
    kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="reader")
    answer = kinesis.list_stream_consumers(StreamARN=stream_arn)
    (consumer,) = answer["Consumers"]
    assert consumer.pop("ConsumerCreationTimestamp").timestamp() == created_s
    assert consumer == {
        "ConsumerName": "reader",
        "ConsumerARN": f"{stream_arn}/consumer/reader:{created_s}",
        "ConsumerStatus": "CREATING",
    }
    assert "NextToken" not in answer


def test_a_stream_without_consumers_has_an_empty_list(kinesis: Any, stream_arn: str) -> None:
    answer = kinesis.list_stream_consumers(StreamARN=stream_arn)
    assert answer["Consumers"] == []
    assert "NextToken" not in answer


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_lists_in_every_state_of_the_stream(kinesis: Any, settle: Settle, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    assert kinesis.list_stream_consumers(StreamARN=arn)["Consumers"] == []


def test_pages_hold_max_results_and_go_on_where_they_ended(
    kinesis: Any, stream_arn: str, seven: list[str]
) -> None:
    first = kinesis.list_stream_consumers(StreamARN=stream_arn, MaxResults=3)
    assert names_in(first) == seven[:3]
    second = kinesis.list_stream_consumers(StreamARN=stream_arn, MaxResults=2, NextToken=first["NextToken"])
    assert names_in(second) == seven[3:5]
    last = kinesis.list_stream_consumers(StreamARN=stream_arn, NextToken=second["NextToken"])
    assert names_in(last) == seven[5:]
    assert "NextToken" not in last


@pytest.mark.parametrize("max_results", [7, 100, 10_000])
def test_a_page_that_holds_all_has_no_token(
    kinesis: Any, stream_arn: str, seven: list[str], max_results: int
) -> None:
    answer = kinesis.list_stream_consumers(StreamARN=stream_arn, MaxResults=max_results)
    assert names_in(answer) == seven
    assert "NextToken" not in answer


def test_the_paginator_of_the_sdk_finds_all(kinesis: Any, stream_arn: str, seven: list[str]) -> None:
    pages = kinesis.get_paginator("list_stream_consumers").paginate(
        StreamARN=stream_arn, PaginationConfig={"PageSize": 2}
    )
    assert [name for page in pages for name in names_in(page)] == seven


def test_a_token_goes_on_after_consumers_have_gone(
    kinesis: Any, stream_arn: str, settle: Settle, seven: list[str]
) -> None:
    token = kinesis.list_stream_consumers(StreamARN=stream_arn, MaxResults=3)["NextToken"]
    for name in seven[2:4]:
        kinesis.deregister_stream_consumer(StreamARN=stream_arn, ConsumerName=name)
    settle()
    assert names_in(kinesis.list_stream_consumers(StreamARN=stream_arn, NextToken=token)) == seven[4:]


@pytest.mark.usefixtures("seven")
def test_a_token_lives_for_300_seconds(kinesis: Any, stream_arn: str, clock: ManualClock) -> None:
    token = kinesis.list_stream_consumers(StreamARN=stream_arn, MaxResults=3)["NextToken"]
    clock.advance_ms(300_000)
    kinesis.list_stream_consumers(StreamARN=stream_arn, NextToken=token)
    clock.advance_ms(1)
    code, _ = refusal(kinesis.list_stream_consumers, StreamARN=stream_arn, NextToken=token)
    assert code == "ExpiredNextTokenException"


@pytest.mark.parametrize("token", ["garbage", "AAAA", "ä"])
def test_a_token_that_was_not_issued_is_refused(kinesis: Any, stream_arn: str, token: str) -> None:
    answer = refusal(kinesis.list_stream_consumers, StreamARN=stream_arn, NextToken=token)
    assert answer == INVALID_TOKEN


@pytest.mark.usefixtures("seven")
def test_a_token_of_another_listing_is_refused(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    kinesis.create_stream(StreamName="invoices", ShardCount=1)
    settle()
    of_consumers = kinesis.list_stream_consumers(StreamARN=stream_arn, MaxResults=3)["NextToken"]
    of_shards = kinesis.list_shards(StreamARN=stream_arn, MaxResults=1)["NextToken"]
    of_streams = kinesis.list_streams(Limit=1)["NextToken"]
    other_arn = stream_arn.replace("orders", "invoices")
    assert (
        refusal(kinesis.list_stream_consumers, StreamARN=other_arn, NextToken=of_consumers) == INVALID_TOKEN
    )
    for token in (of_shards, of_streams):
        answer = refusal(kinesis.list_stream_consumers, StreamARN=stream_arn, NextToken=token)
        assert answer == INVALID_TOKEN


@pytest.mark.usefixtures("seven")
def test_a_token_does_not_go_on_in_a_later_stream_of_the_same_name(
    kinesis: Any, stream_arn: str, settle: Settle
) -> None:
    token = kinesis.list_stream_consumers(StreamARN=stream_arn, MaxResults=3)["NextToken"]
    kinesis.delete_stream(StreamARN=stream_arn, EnforceConsumerDeletion=True)
    settle()
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    settle()
    assert refusal(kinesis.list_stream_consumers, StreamARN=stream_arn, NextToken=token) == INVALID_TOKEN


def test_the_creation_time_chooses_the_stream(kinesis: Any, stream_arn: str, account_id: str) -> None:
    created = kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"][
        "StreamCreationTimestamp"
    ]
    answer = kinesis.list_stream_consumers(StreamARN=stream_arn, StreamCreationTimestamp=created)
    assert answer["Consumers"] == []
    earlier = datetime(2020, 1, 1, tzinfo=UTC)
    answer = refusal(kinesis.list_stream_consumers, StreamARN=stream_arn, StreamCreationTimestamp=earlier)
    assert answer == absent("orders", account_id)


@pytest.mark.usefixtures("seven")
def test_a_token_stands_for_the_creation_time_too(kinesis: Any, stream_arn: str) -> None:
    created = kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"][
        "StreamCreationTimestamp"
    ]
    token = kinesis.list_stream_consumers(
        StreamARN=stream_arn, StreamCreationTimestamp=created, MaxResults=3
    )["NextToken"]
    request = {"StreamARN": stream_arn, "NextToken": token, "StreamCreationTimestamp": created}
    assert refusal(kinesis.list_stream_consumers, **request) == (
        "InvalidArgumentException",
        "NextToken and StreamCreationTimestamp cannot be provided together.",
    )


@pytest.mark.parametrize(
    ("max_results", "constraint"),
    [
        (0, "Member must have value greater than or equal to 1"),
        (10_001, "Member must have value less than or equal to 10000"),
    ],
)
def test_max_results_has_bounds(kinesis: Any, stream_arn: str, max_results: int, constraint: str) -> None:
    assert refusal(kinesis.list_stream_consumers, StreamARN=stream_arn, MaxResults=max_results) == (
        "ValidationException",
        (
            f"1 validation error detected: Value '{max_results}' at 'maxResults' "
            f"failed to satisfy constraint: {constraint}"
        ),
    )


def test_the_stream_is_required(kinesis: Any) -> None:
    assert refusal(kinesis.list_stream_consumers) == required("streamARN")


@pytest.mark.parametrize(("wrong", "refused"), WRONG_ARN)
def test_the_arn_must_be_that_of_a_stream_of_the_caller(
    kinesis: Any,
    stream_arn: str,
    wrong: Callable[[str], str],
    refused: Callable[[str], tuple[str, str]],
) -> None:
    assert refusal(kinesis.list_stream_consumers, StreamARN=wrong(stream_arn)) == refused(stream_arn)
