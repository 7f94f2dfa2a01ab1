"""Two engines over the same data: what one changes, the other one serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater.api.operation import OPERATIONS
from headwater.api.streamed_answer import StreamedAnswer
from headwater.api.validation.constraints import accept
from headwater.engine.fan_out import FanOutEvent
from headwater.engine.queue_lifecycle import add_queue, arn_of_queue
from headwater.engine.queues.progress import QueueProgress, Settlement
from headwater.model.arn import StreamName
from headwater.model.clock import ManualClock
from headwater.model.errors import (
    KinesisError,
    ResourceInUseException,
    ResourceNotFoundException,
)
from headwater.model.queue import Queue, QueueStart
from headwater.model.sequence_number import parse_sequence_number
from headwater.storage.interface import Post
from headwater.wire.json_format import encode
from tests.engine.running_engine import CALLER, RunningEngine
from tests.storage.shared_memory_store import SharedMemoryStore

SHARD = "shardId-000000000000"
AHEAD_MS = 4_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engines(clock: ManualClock) -> Iterator[tuple[RunningEngine, RunningEngine]]:
    """Both are started before either has stored anything; the clock of the data is ahead of theirs."""
    stores: list[SharedMemoryStore] = []

    def open_store(post: Post) -> SharedMemoryStore:
        stores.append(SharedMemoryStore(post, stores[0] if stores else None, ahead_ms=AHEAD_MS))
        return stores[-1]

    one, other = (RunningEngine(open_store, clock, seed=seed) for seed in (1, 2))
    one.inbox.run_posted()
    other.inbox.run_posted()
    yield one, other
    one.close()
    other.close()


def put(engine: RunningEngine, **members: Any) -> dict[str, Any]:
    return engine.call("PutRecord", StreamName="orders", Data=b"data", PartitionKey="key", **members)


def iterator(engine: RunningEngine, shard: str = SHARD, kind: str = "TRIM_HORIZON", **members: Any) -> str:
    answer = engine.call(
        "GetShardIterator", StreamName="orders", ShardId=shard, ShardIteratorType=kind, **members
    )
    token: str = answer["ShardIterator"]
    return token


def numbers_read(engine: RunningEngine, token: str) -> list[str]:
    runs = engine.call("GetRecords", ShardIterator=token)["Records"].runs
    return [str(number) for run in runs for number in run.sequence_numbers]


def test_a_stream_that_one_has_made_is_served_by_the_other(
    engines: tuple[RunningEngine, RunningEngine],
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    number = put(other)["SequenceNumber"]
    assert numbers_read(one, iterator(one)) == [number]


def test_an_iterator_of_one_is_good_at_the_other(engines: tuple[RunningEngine, RunningEngine]) -> None:
    one, other = engines
    other.call("CreateStream", StreamName="orders", ShardCount=1)
    put(one)
    token = one.call("GetRecords", ShardIterator=iterator(other))["NextShardIterator"]
    assert numbers_read(other, token) == []


def test_only_one_of_them_can_make_a_stream(engines: tuple[RunningEngine, RunningEngine]) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    with pytest.raises(ResourceInUseException):
        other.call("CreateStream", StreamName="orders", ShardCount=2)


def test_what_one_has_split_the_other_puts_into_the_children(
    engines: tuple[RunningEngine, RunningEngine],
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    put(other)
    one.call("SplitShard", StreamName="orders", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
    one.engine.tick()
    one.inbox.run_posted()
    assert put(other)["ShardId"] != SHARD
    answer = other.call("GetRecords", ShardIterator=iterator(other))
    assert len(answer["ChildShards"]) == 2


def test_a_stream_that_is_gone_and_made_again_is_a_new_one_everywhere(
    engines: tuple[RunningEngine, RunningEngine], clock: ManualClock
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    put(other)
    stale = iterator(other)
    one.call("DeleteStream", StreamName="orders")
    one.engine.tick()
    one.inbox.run_posted()
    with pytest.raises(ResourceNotFoundException):
        put(other)
    clock.advance_ms(1_000)
    other.call("CreateStream", StreamName="orders", ShardCount=2)
    with pytest.raises(ResourceNotFoundException):
        other.call("GetRecords", ShardIterator=stale)
    assert numbers_read(one, iterator(one)) == []


def test_settings_of_an_account_are_those_of_both(engines: tuple[RunningEngine, RunningEngine]) -> None:
    one, other = engines
    commitment = {"Status": "ENABLED"}
    one.call("UpdateAccountSettings", MinimumThroughputBillingCommitment=commitment)
    described = other.call("DescribeAccountSettings")["MinimumThroughputBillingCommitment"]
    assert described["Status"] == "ENABLED"


def test_a_record_arrives_when_the_store_says_so(
    engines: tuple[RunningEngine, RunningEngine], clock: ManualClock
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    first = put(other)["SequenceNumber"]
    number = parse_sequence_number(first)
    assert number is not None
    assert number.time_s == (clock.now_ms() + AHEAD_MS) // 1000
    assert numbers_read(one, iterator(one)) == [first]
    second = put(one, SequenceNumberForOrdering=first)["SequenceNumber"]
    after = iterator(other, kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=first)
    assert numbers_read(other, after) == [second]


class Events:
    """An `EventSink` that keeps what it is told."""

    def __init__(self) -> None:
        self.error: KinesisError | None = None
        self.records = 0

    def event(self, event: FanOutEvent) -> None:
        self.records += len(event.page.records)

    def fail(self, error: KinesisError) -> None:
        self.error = error

    def end(self) -> None:
        raise AssertionError("nobody has ended it")


def subscribed(engine: RunningEngine, consumer_arn: str) -> Events:
    handler = OPERATIONS["SubscribeToShard"].handler
    assert handler is not None
    members = {"ConsumerARN": consumer_arn, "ShardId": SHARD, "StartingPosition": {"Type": "TRIM_HORIZON"}}
    answer = engine.inbox.run(handler(engine.engine, CALLER, accept("SubscribeToShard", encode(members))))
    assert isinstance(answer, StreamedAnswer)
    events = Events()
    answer.subscription.start(events)
    return events


def test_a_consumer_has_one_subscription_whichever_engine_it_asks(
    engines: tuple[RunningEngine, RunningEngine], clock: ManualClock
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    stream_arn = f"arn:aws:kinesis:{CALLER.region}:{CALLER.account_id}:stream/orders"
    consumer = one.call("RegisterStreamConsumer", StreamARN=stream_arn, ConsumerName="billing")["Consumer"]
    one.call("DescribeStreamConsumer", ConsumerARN=consumer["ConsumerARN"])
    put(one)
    first = subscribed(one, consumer["ConsumerARN"])
    assert first.records == 1
    with pytest.raises(ResourceInUseException):
        subscribed(other, consumer["ConsumerARN"])
    assert first.error is None
    clock.advance_ms(5_000)
    second = subscribed(other, consumer["ConsumerARN"])
    assert isinstance(first.error, ResourceInUseException)
    with pytest.raises(ResourceInUseException):
        subscribed(one, consumer["ConsumerARN"])
    put(one)
    other.inbox.run_posted()
    one.inbox.run_posted()
    assert (first.records, second.records) == (1, 2)


def test_keys_of_subscriptions_that_are_over_go_with_later_ones(
    engines: tuple[RunningEngine, RunningEngine], clock: ManualClock
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    stream_arn = f"arn:aws:kinesis:{CALLER.region}:{CALLER.account_id}:stream/orders"
    for name in ("billing", "audit"):
        answer = one.call("RegisterStreamConsumer", StreamARN=stream_arn, ConsumerName=name)
        arn = answer["Consumer"]["ConsumerARN"]
        one.call("DescribeStreamConsumer", ConsumerARN=arn)
        subscribed(other, arn)
        clock.advance_ms(600_001)
    kept = [key for key in one.engine.store.metadata() if key.startswith("subscription/")]
    assert kept == [f"subscription/{CALLER.account_id}/{CALLER.region}/orders/audit/0"]


def queue_made(engine: RunningEngine) -> str:
    """The ARN of a queue that the data have from elsewhere: with a record that is done with."""
    engine.call("CreateStream", StreamName="orders", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    name = StreamName(*CALLER, "orders")
    queue = Queue(
        queue_id="0123456789abcdef" * 2,
        name="work",
        status="ACTIVE",
        created_ms=0,
        start=QueueStart(type="TRIM_HORIZON"),
    )
    stream = engine.inbox.run(engine.engine.replace(name, lambda stream: add_queue(stream, queue, 20)))
    progress = QueueProgress(queue.queue_id, stream.shards[0].log_id)
    put(engine)
    assert engine.inbox.run(
        engine.engine.write_metadata(progress.prepared(Settlement([0], [], [], [])).writes)
    )
    return arn_of_queue(stream, queue)


def test_a_queue_that_is_there_is_described_and_deleted_by_both(
    engines: tuple[RunningEngine, RunningEngine],
) -> None:
    one, other = engines
    arn = queue_made(one)
    for engine in (one, other):
        assert engine.call("DescribeQueue", QueueARN=arn)["QueueDescription"]["QueueStatus"] == "ACTIVE"
        assert engine.engine.check() == []
    assert [key for key in one.engine.store.metadata() if key.startswith("queue/")]
    other.call("DeleteQueue", QueueARN=arn)
    for _ in range(2):  # it takes the lease first
        other.engine.tick()
        other.inbox.run_posted()
    for engine in (one, other):
        assert engine.call("ListQueues")["QueueSummaries"] == []
        with pytest.raises(ResourceNotFoundException):
            engine.call("DescribeQueue", QueueARN=arn)
        assert engine.engine.check() == []
    assert not [key for key in one.engine.store.metadata() if key.startswith("queue/")]
