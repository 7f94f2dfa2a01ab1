"""SubscribeToShard over HTTP/1.1."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from tests.clients.boto3_client.conftest import MIDDLE, SHARD, Stream

LATEST = {"Type": "LATEST"}
TRIM_HORIZON = {"Type": "TRIM_HORIZON"}


@contextmanager
def subscribed(
    kinesis: Any, consumer_arn: str, position: dict[str, Any], shard_id: str = SHARD
) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a subscription."""
    answer = kinesis.subscribe_to_shard(ConsumerARN=consumer_arn, ShardId=shard_id, StartingPosition=position)
    events = (event["SubscribeToShardEvent"] for event in answer["EventStream"])
    try:
        yield events
    finally:
        answer["EventStream"].close()


def data_of(events: Iterator[dict[str, Any]], records: int) -> list[bytes]:
    """The data of the next records, in however many events they come."""
    data: list[bytes] = []
    while len(data) < records:
        data += [record["Data"] for record in next(events)["Records"]]
    return data


def test_records_are_pushed_as_they_are_put(kinesis: Any, stream: Stream) -> None:
    consumer_arn = stream.register("reader")
    with subscribed(kinesis, consumer_arn, LATEST) as events:
        first = next(events)
        assert first["Records"] == []
        assert first["MillisBehindLatest"] == 0
        for data in (bytes(range(256)), b"two", b"three"):
            stream.put(data)
            event = next(each for each in events if each["Records"])  # an empty one comes every few seconds
            assert [record["Data"] for record in event["Records"]] == [data]
            assert event["ContinuationSequenceNumber"] > first["ContinuationSequenceNumber"]
            assert event["MillisBehindLatest"] == 0


def test_an_idle_subscription_sends_empty_events_that_move_on(kinesis: Any, stream: Stream) -> None:
    with subscribed(kinesis, stream.register("reader"), TRIM_HORIZON) as events:
        first, second = next(events), next(events)
        assert second["Records"] == []
        assert second["ContinuationSequenceNumber"] > first["ContinuationSequenceNumber"]


def test_a_subscription_follows_its_shard_to_the_end_and_then_its_children(
    kinesis: Any, stream: Stream
) -> None:
    consumer_arn = stream.register("reader")
    stream.put(b"before")
    with subscribed(kinesis, consumer_arn, TRIM_HORIZON) as events:
        assert data_of(events, 1) == [b"before"]
        stream.put(b"last")
        assert data_of(events, 1) == [b"last"]
        stream.split()
        *earlier, end = events
        assert all("ContinuationSequenceNumber" in event for event in earlier)
        assert not any("ChildShards" in event for event in earlier)
        assert "ContinuationSequenceNumber" not in end
        assert [child["ParentShards"] for child in end["ChildShards"]] == [[SHARD], [SHARD]]

    stream.put(b"after")
    lower = end["ChildShards"][0]  # the hash of `key` is in the lower half
    assert int(lower["HashKeyRange"]["EndingHashKey"]) == int(MIDDLE) - 1
    with subscribed(kinesis, consumer_arn, TRIM_HORIZON, lower["ShardId"]) as events:
        assert data_of(events, 1) == [b"after"]


def test_it_starts_at_each_of_the_five_positions(kinesis: Any, stream: Stream) -> None:
    placed = []
    for data in (b"one", b"two", b"three"):
        if data == b"two":
            time.sleep(1.1)  # the SDK may send whole seconds
            between = datetime.now(UTC)
        placed.append(kinesis.put_record(StreamName=stream.name, PartitionKey="key", Data=data))
    number = placed[1]["SequenceNumber"]
    expected: list[tuple[dict[str, Any], list[bytes]]] = [
        ({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": number}, [b"two", b"three"]),
        ({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}, [b"three"]),
        (TRIM_HORIZON, [b"one", b"two", b"three"]),
        ({"Type": "AT_TIMESTAMP", "Timestamp": between}, [b"two", b"three"]),
    ]
    for place, (position, rest) in enumerate(expected):
        with subscribed(kinesis, stream.register(f"reader-{place}"), position) as events:
            assert data_of(events, len(rest)) == rest
    with subscribed(kinesis, stream.register("late"), LATEST) as events:
        assert next(events)["Records"] == []
        stream.put(b"four")
        assert data_of(events, 1) == [b"four"]


def test_a_subscription_goes_on_where_another_was(kinesis: Any, stream: Stream) -> None:
    stream.put(b"one")
    with subscribed(kinesis, stream.register("first"), TRIM_HORIZON) as events:
        continuation = next(events)["ContinuationSequenceNumber"]
    stream.put(b"two")
    position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": continuation}
    with subscribed(kinesis, stream.register("second"), position) as events:
        assert data_of(events, 1) == [b"two"]


def test_a_second_subscription_within_five_seconds_is_refused(kinesis: Any, stream: Stream) -> None:
    for attempt in range(5):
        consumer_arn, began_s = stream.register(f"reader-{attempt}"), time.monotonic()
        with subscribed(kinesis, consumer_arn, LATEST) as events:
            next(events)
            try:
                with subscribed(kinesis, consumer_arn, TRIM_HORIZON):
                    assert time.monotonic() - began_s > 5  # the machine was too busy to ask in time
            except kinesis.exceptions.ResourceInUseException as error:
                refusal = str(error)
                break
    else:
        pytest.fail("five seconds passed each time")
    assert "Another active subscription" in refusal


def test_a_later_subscription_takes_over_and_the_first_ends(kinesis: Any, stream: Stream) -> None:
    consumer_arn = stream.register("reader")
    with subscribed(kinesis, consumer_arn, LATEST) as first:
        next(first)
        time.sleep(5.1)
        with subscribed(kinesis, consumer_arn, LATEST) as second:
            next(second)
            with pytest.raises(EventStreamError, match="ResourceInUseException"):
                list(first)
            stream.put(b"data")
            assert data_of(second, 1) == [b"data"]


def test_a_subscription_ends_with_an_exception_when_its_consumer_goes(kinesis: Any, stream: Stream) -> None:
    consumer_arn = stream.register("reader")
    with subscribed(kinesis, consumer_arn, LATEST) as events:
        next(events)
        kinesis.deregister_stream_consumer(ConsumerARN=consumer_arn)
        with pytest.raises(EventStreamError, match="ResourceNotFoundException") as caught:
            list(events)
    assert caught.value.operation_name == "SubscribeToShard"


def test_an_unknown_shard_is_refused_before_the_first_event(kinesis: Any, stream: Stream) -> None:
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException, match="shardId-000000000007"):
        kinesis.subscribe_to_shard(
            ConsumerARN=stream.register("reader"), ShardId="shardId-000000000007", StartingPosition=LATEST
        )


def test_two_hundred_subscriptions_at_once_all_get_every_record(
    kinesis: Any, new_stream: Callable[..., Stream]
) -> None:
    streams = [new_stream() for _ in range(20)]
    readers = [(stream, stream.register(f"reader-{number}")) for stream in streams for number in range(10)]
    all_subscribed = threading.Barrier(len(readers) + 1, timeout=240)

    def follow(stream: Stream, consumer_arn: str) -> list[bytes]:
        with subscribed(kinesis, consumer_arn, LATEST) as events:
            next(events)
            all_subscribed.wait()
            return data_of(events, 3)

    with ThreadPoolExecutor(len(readers)) as pool:
        followed = [(stream, pool.submit(follow, stream, arn)) for stream, arn in readers]
        all_subscribed.wait()
        for stream in streams:
            stream.put(b"1", b"2", stream.name.encode())
        for stream, data in followed:
            assert data.result(timeout=240) == [b"1", b"2", stream.name.encode()]
