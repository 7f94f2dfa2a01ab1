"""SubscribeToShard."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from headwater.model.clock import ManualClock
from tests.waiting import RETRY_FOR_S

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"


@pytest.fixture
def consumer_arn(kinesis: Any, stream_arn: str, settle: Callable[[], None]) -> str:
    """An ACTIVE consumer of the stream."""
    registered = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="reader")
    settle()
    arn: str = registered["Consumer"]["ConsumerARN"]
    return arn


@pytest.fixture
def subscribe(kinesis: Any, consumer_arn: str) -> Iterator[Callable[..., Any]]:
    """Subscribes the consumer; gives the stream of events."""
    streams = []

    def start(start_type: str = "TRIM_HORIZON", shard_id: str = FIRST, **position: Any) -> Any:
        answer = kinesis.subscribe_to_shard(
            ConsumerARN=consumer_arn,
            ShardId=shard_id,
            StartingPosition={"Type": start_type, **position},
        )
        streams.append(answer["EventStream"])
        return streams[-1]

    yield start
    for stream in streams:
        stream.close()


def put(kinesis: Any, *data: bytes, shard: int = 0) -> list[str]:
    """Puts records into the shard; their sequence numbers."""
    return [
        kinesis.put_record(
            StreamName="orders", Data=item, PartitionKey="k", ExplicitHashKey=str(shard * 2**127)
        )["SequenceNumber"]
        for item in data
    ]


def read(events: Any, count: int) -> list[dict[str, Any]]:
    """The next records, of as many events as it takes."""
    records: list[dict[str, Any]] = []
    for event in events:
        records += event["SubscribeToShardEvent"]["Records"]
        if len(records) >= count:
            return records
    return records


def test_pushes_records_in_order(kinesis: Any, subscribe: Callable[..., Any]) -> None:
    numbers = put(kinesis, b"\x00\xff", b"two")
    events = subscribe()
    numbers += put(kinesis, b"three")
    records = read(events, 3)
    assert [record["Data"] for record in records] == [b"\x00\xff", b"two", b"three"]
    assert [record["SequenceNumber"] for record in records] == numbers
    assert all(record["PartitionKey"] == "k" for record in records)


def test_an_event_tells_where_to_go_on(kinesis: Any, subscribe: Callable[..., Any]) -> None:
    (number,) = put(kinesis, b"one")
    event = next(iter(subscribe()))["SubscribeToShardEvent"]
    assert event["ContinuationSequenceNumber"] == number
    assert event["MillisBehindLatest"] == 0
    assert "ChildShards" not in event


@pytest.mark.parametrize(
    ("start_type", "at", "expected"),
    [
        ("TRIM_HORIZON", None, [b"one", b"two", b"three"]),
        ("AT_SEQUENCE_NUMBER", "SequenceNumber", [b"two", b"three"]),
        ("AFTER_SEQUENCE_NUMBER", "SequenceNumber", [b"three"]),
        ("AT_TIMESTAMP", "Timestamp", [b"two", b"three"]),
        ("LATEST", None, [b"three"]),
    ],
)
def test_starts_at_every_position(
    kinesis: Any,
    subscribe: Callable[..., Any],
    clock: ManualClock,
    start_type: str,
    at: str | None,
    expected: list[bytes],
) -> None:
    put(kinesis, b"one")
    clock.advance_ms(1000)
    timestamp = clock.now_ms() / 1000
    (number,) = put(kinesis, b"two")
    if start_type != "LATEST":
        put(kinesis, b"three")
    position = {} if at is None else {at: number if at == "SequenceNumber" else timestamp}
    events = subscribe(start_type, **position)
    if start_type == "LATEST":
        put(kinesis, b"three")
    assert [record["Data"] for record in read(events, len(expected))] == expected


def test_the_last_event_of_a_closed_shard_has_the_children_and_no_continuation(
    kinesis: Any, subscribe: Callable[..., Any], settle: Callable[[], None]
) -> None:
    put(kinesis, b"last")
    kinesis.split_shard(StreamName="orders", ShardToSplit=FIRST, NewStartingHashKey=str(2**126))
    settle()
    *_, last = [event["SubscribeToShardEvent"] for event in subscribe()]
    assert [record["Data"] for record in last["Records"]] == [b"last"]
    assert "ContinuationSequenceNumber" not in last
    assert [child["ParentShards"] for child in last["ChildShards"]] == [[FIRST], [FIRST]]


def test_a_second_subscription_is_refused_at_first_and_takes_over_later(
    kinesis: Any, subscribe: Callable[..., Any], clock: ManualClock
) -> None:
    first = iter(subscribe())
    next(first)
    with pytest.raises(ClientError, match="Another active subscription exists") as refused:
        subscribe()
    assert refused.value.response["Error"]["Code"] == "ResourceInUseException"
    clock.advance_ms(5_000)
    second = subscribe()
    with pytest.raises(EventStreamError, match="ResourceInUseException"):
        list(first)
    put(kinesis, b"for the second")
    assert [record["Data"] for record in read(second, 1)] == [b"for the second"]


def test_who_has_left_is_in_the_way_for_five_seconds(
    kinesis: Any, subscribe: Callable[..., Any], clock: ManualClock
) -> None:
    subscribe().close()
    with pytest.raises(ClientError, match="Another active subscription exists"):
        subscribe()
    clock.advance_ms(5_000)
    put(kinesis, b"for the second")
    assert [record["Data"] for record in read(subscribe(), 1)] == [b"for the second"]


def test_deregistering_the_consumer_ends_it_with_an_error(
    kinesis: Any, subscribe: Callable[..., Any], consumer_arn: str, settle: Callable[[], None]
) -> None:
    events = iter(subscribe())
    next(events)
    kinesis.deregister_stream_consumer(ConsumerARN=consumer_arn)
    settle()
    with pytest.raises(EventStreamError, match="ResourceNotFoundException"):
        list(events)


def test_deleting_the_stream_ends_it_with_an_error(kinesis: Any, subscribe: Callable[..., Any]) -> None:
    events = iter(subscribe())
    next(events)
    kinesis.delete_stream(StreamName="orders", EnforceConsumerDeletion=True)
    with pytest.raises(EventStreamError, match="ResourceNotFoundException"):
        list(events)


def test_ends_after_five_minutes(subscribe: Callable[..., Any], clock: ManualClock) -> None:
    events = iter(subscribe())
    next(events)
    clock.advance_ms(300_000)
    assert all("SubscribeToShardEvent" in event for event in events)


def test_idle_events_move_the_continuation(subscribe: Callable[..., Any], clock: ManualClock) -> None:
    events = iter(subscribe())
    before = next(events)["SubscribeToShardEvent"]
    clock.advance_ms(5_000)
    after = next(events)["SubscribeToShardEvent"]
    assert after["Records"] == []
    assert after["ContinuationSequenceNumber"] > before["ContinuationSequenceNumber"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ShardId": "shardId-000000000009"}, "ResourceNotFoundException"),
        ({"ShardId": "nonsense"}, "ResourceNotFoundException"),
        ({"StartingPosition": {"Type": "AT_SEQUENCE_NUMBER"}}, "InvalidArgumentException"),
        ({"StartingPosition": {"Type": "AT_TIMESTAMP"}}, "InvalidArgumentException"),
        ({"StartingPosition": {"Type": "SOMEWHERE"}}, "ValidationException"),
        ({"StartingPosition": {}}, "ValidationException"),
        ({"DryRun": True}, "DryRunOperationException"),
    ],
)
def test_refuses(kinesis: Any, consumer_arn: str, changes: dict[str, Any], code: str) -> None:
    request = {"ConsumerARN": consumer_arn, "ShardId": FIRST, "StartingPosition": {"Type": "LATEST"}}
    with pytest.raises(ClientError) as refused:
        kinesis.subscribe_to_shard(**request | changes)
    assert refused.value.response["Error"]["Code"] == code


def test_refuses_a_consumer_that_is_not_active_or_not_there(kinesis: Any, stream_arn: str) -> None:
    arn = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="young")["Consumer"][
        "ConsumerARN"
    ]
    for consumer_arn, code in (
        (arn, "ResourceInUseException"),
        (f"{stream_arn}/consumer/young:1", "ResourceNotFoundException"),
    ):
        with pytest.raises(ClientError) as refused:
            kinesis.subscribe_to_shard(
                ConsumerARN=consumer_arn, ShardId=FIRST, StartingPosition={"Type": "LATEST"}
            )
        assert refused.value.response["Error"]["Code"] == code


@pytest.mark.long
def test_many_subscriptions_are_served_at_once(
    client_of: Callable[..., Any], account_id: str, settle: Callable[[], None]
) -> None:
    kinesis = client_of(account_id)
    kinesis.create_stream(StreamName="orders", ShardCount=12)
    settle()
    summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    arns = []
    for number in range(4):
        registered = kinesis.register_stream_consumer(
            StreamARN=summary["StreamARN"], ConsumerName=f"reader-{number}"
        )
        arns.append(registered["Consumer"]["ConsumerARN"])
        settle()
    received: list[bytes] = []

    def follow(arn: str, shard: int) -> None:
        client = client_of(account_id)
        events = client.subscribe_to_shard(
            ConsumerARN=arn, ShardId=f"shardId-{shard:012d}", StartingPosition={"Type": "TRIM_HORIZON"}
        )["EventStream"]
        received.extend(record["Data"] for record in read(events, 1))
        events.close()

    followers = [threading.Thread(target=follow, args=(arn, shard)) for arn in arns for shard in range(12)]
    for follower in followers:
        follower.start()
    size = 2**128 // 12
    for shard in range(12):
        kinesis.put_record(
            StreamName="orders", Data=b"%d" % shard, PartitionKey="k", ExplicitHashKey=str(size * shard + 1)
        )
    deadline = time.monotonic() + RETRY_FOR_S
    for follower in followers:
        follower.join(max(0, deadline - time.monotonic()))
    assert sorted(received) == sorted([b"%d" % shard for shard in range(12)] * 4)
