"""Reading by enhanced fan-out: registration, the end of a subscription, and others who subscribe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.client import KinesisConsumer
from headwater.client.calls.backoff import RETRY_POLICIES, RetryPolicy
from headwater.testing import Headwater


@pytest.fixture
def headwater_alone() -> Iterator[Headwater]:
    """A server whose clock a test may move."""
    with Headwater() as server:
        server.client().create_stream(StreamName="stream", ShardCount=1)
        yield server


@pytest.fixture
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again twenty times sooner than otherwise."""
    monkeypatch.setitem(RETRY_POLICIES, "page", RetryPolicy(0.01, 5.0))
    monkeypatch.setitem(RETRY_POLICIES, "call", RetryPolicy(0.005, 3.0))


def consumer_of(server: Headwater, **settings: Any) -> KinesisConsumer:
    return KinesisConsumer(
        "stream",
        start="TRIM_HORIZON",
        fan_out="reader",
        endpoint_url=server.endpoint_url,
        region_name="us-east-1",
        **settings,
    )


def put(server: Headwater, *numbers: int) -> None:
    kinesis = server.client()
    for number in numbers:
        kinesis.put_record(StreamName="stream", PartitionKey="key", Data=b"%d" % number)


def take(consumer: KinesisConsumer, count: int) -> list[int]:
    numbers = []
    for record in consumer:
        numbers.append(int(record.data))
        if len(numbers) == count:
            break
    return numbers


def stream_arn(server: Headwater) -> str:
    summary = server.client().describe_stream_summary(StreamName="stream")["StreamDescriptionSummary"]
    return str(summary["StreamARN"])


def test_the_consumer_is_registered_and_stays_so(headwater_alone: Headwater) -> None:
    put(headwater_alone, 0)
    for _ in range(2):
        with consumer_of(headwater_alone) as consumer:
            assert take(consumer, 1) == [0]
    found = headwater_alone.client().list_stream_consumers(StreamARN=stream_arn(headwater_alone))["Consumers"]
    assert [registered["ConsumerName"] for registered in found] == ["reader"]


def test_a_subscription_that_ended_goes_on_without_a_gap(headwater_alone: Headwater) -> None:
    with consumer_of(headwater_alone) as consumer:
        first = 0
        for minutes in (0, 5, 6, 5):
            headwater_alone.clock.advance(minutes=minutes)
            put(headwater_alone, first, first + 1)
            assert take(consumer, 2) == [first, first + 1]
            first += 2


def test_a_shard_that_another_subscription_took_is_taken_back(headwater_alone: Headwater) -> None:
    kinesis = headwater_alone.client()
    with consumer_of(headwater_alone) as consumer:
        put(headwater_alone, 0)
        assert take(consumer, 1) == [0]
        headwater_alone.clock.advance(seconds=10)  # a shard that was just subscribed to is not given away
        arn = kinesis.describe_stream_consumer(StreamARN=stream_arn(headwater_alone), ConsumerName="reader")[
            "ConsumerDescription"
        ]["ConsumerARN"]
        other = kinesis.subscribe_to_shard(
            ConsumerARN=arn, ShardId="shardId-000000000000", StartingPosition={"Type": "LATEST"}
        )
        headwater_alone.clock.advance(seconds=10)
        # The loop asks for what is put by another thread, while the consumer subscribes again and again.
        threading.Timer(0.2, put, (headwater_alone, 1, 2)).start()
        assert take(consumer, 2) == [1, 2]
        other["EventStream"].close()


@pytest.mark.usefixtures("short_delays")
@pytest.mark.parametrize(
    ("ending", "after_events"),
    [
        ({}, 0),
        pytest.param({}, 2, marks=pytest.mark.long),
        pytest.param({"error": "InternalFailureException"}, 0, marks=pytest.mark.long),
        ({"error": "InternalFailureException"}, 2),
        ({"error": "ResourceInUseException"}, 0),
        pytest.param({"error": "ResourceInUseException"}, 2, marks=pytest.mark.long),
        pytest.param({"cut": True}, 0, marks=pytest.mark.long),
        ({"cut": True}, 2),
    ],
)
def test_however_a_subscription_ends_nothing_is_skipped_and_nothing_comes_twice(
    headwater_alone: Headwater, ending: dict[str, Any], after_events: int
) -> None:
    ends = headwater_alone.faults.end_subscription(after_events=after_events, times=2, **ending)
    with ends as fault, consumer_of(headwater_alone) as consumer:
        for number in range(0, 12, 2):
            put(headwater_alone, number, number + 1)
            assert take(consumer, 2) == [number, number + 1]
        assert fault.fired == 2


@pytest.mark.usefixtures("short_delays")
def test_nothing_is_skipped_while_registration_and_subscription_fail(headwater_alone: Headwater) -> None:
    faults = headwater_alone.faults
    failing = [
        faults.error("DescribeStreamConsumer", times=1),
        faults.cut("DescribeStreamConsumer", skip=1, times=1),
        faults.cut("RegisterStreamConsumer", when="after", times=1),
        faults.error("SubscribeToShard", "LimitExceededException", times=1),
        faults.cut("SubscribeToShard", times=1),
        faults.error("SubscribeToShard", "ResourceInUseException", times=1),
    ]
    put(headwater_alone, *range(10))
    with consumer_of(headwater_alone) as consumer:
        assert take(consumer, 10) == list(range(10))
    assert [fault.fired for fault in failing] == [1] * len(failing)
