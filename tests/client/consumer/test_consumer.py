"""`KinesisConsumer` against a running server: what a program sees."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aws_kinesis_agg.aggregator
import pytest

from headwater.client import (
    Batch,
    DeadLetterStream,
    HandlerFailed,
    KinesisConsumer,
    LeaseLost,
    MemoryState,
    PollingPace,
    Record,
    RecordFailed,
    SQLiteState,
)
from headwater.client.calls.errors import ConfigurationError, ServiceError
from headwater.client.calls.metrics import PrometheusCollector
from headwater.client.leases.memory_store import MemoryLeases
from headwater.client.leases.store import StateError
from headwater.client.leases.stream_identity import ListShards, StreamIdentity
from headwater.testing import Headwater
from headwater.wire.aggregated_record import MAGIC, Aggregate
from tests.client.streams import new_stream, stored, wait_until_active
from tests.waiting import RETRY_FOR_S, wait_until

READING = ["polling", "fan-out"]


@pytest.fixture
def stream(kinesis: Any) -> str:
    return new_stream(kinesis, 2)


@pytest.fixture(params=READING)
def reading(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of each way of reading."""
    return {"fan_out": f"reader-{uuid.uuid4().hex[:8]}"} if request.param == "fan-out" else {}


def put(kinesis: Any, stream: str, numbers: range, keys: int = 10) -> None:
    """Put numbers, each under one of some keys."""
    for first in range(numbers.start, numbers.stop, 500):
        chunk = range(first, min(first + 500, numbers.stop))
        records = [{"PartitionKey": f"key-{number % keys}", "Data": b"%d" % number} for number in chunk]
        assert kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def take(consumer: KinesisConsumer, count: int) -> list[Record]:
    """So many records; leaves the iteration at the last."""
    records = []
    for record in consumer:
        records.append(record)
        if len(records) == count:
            break
    return records


@contextmanager
def beside(
    *consumers: KinesisConsumer, work: Callable[[KinesisConsumer], object]
) -> Iterator[list[threading.Thread]]:
    """Work with consumers in threads; they are stopped when the block is left."""
    threads = [threading.Thread(target=work, args=(consumer,), daemon=True) for consumer in consumers]
    try:
        yield threads
    finally:
        for consumer, thread in zip(consumers, threads, strict=True):
            consumer.stop()
            if thread.ident is not None:
                thread.join(RETRY_FOR_S)
            consumer.close()


def numbers(records: list[Record]) -> list[int]:
    return [int(record.data) for record in records]


def check_order(records: list[Record]) -> None:
    """The numbers of each key grow."""
    last: dict[str, int] = defaultdict(lambda: -1)
    for record in records:
        assert int(record.data) > last[record.partition_key], record
        last[record.partition_key] = int(record.data)


def test_every_record_of_every_shard_comes_once(
    kinesis: Any, stream: str, at: dict[str, Any], reading: dict[str, Any]
) -> None:
    put(kinesis, stream, range(3000))
    with KinesisConsumer(stream, start="TRIM_HORIZON", **reading, **at) as consumer:
        records = take(consumer, 3000)
    assert sorted(numbers(records)) == list(range(3000))
    assert {record.shard_id for record in records} == {"shardId-000000000000", "shardId-000000000001"}
    assert not any(record.is_aggregated for record in records)
    assert abs(records[0].arrived_at.timestamp() - time.time()) < 60
    check_order(records)


def test_without_configuration_it_reads_what_comes_after_it_began(
    kinesis: Any, stream: str, at: dict[str, Any], reading: dict[str, Any]
) -> None:
    put(kinesis, stream, range(10))
    consumer = KinesisConsumer(stream, **reading, **at)
    records: list[Record] = []
    with beside(consumer, work=lambda consumer: records.extend(take(consumer, 5))) as (thread,):
        thread.start()
        wait_until(lambda: len(consumer.stats().shards) == 2, "both shards are read")
        # Only what was put after the reading began is certain to come.
        probe = 1000
        while thread.is_alive() and probe < 3000:
            put(kinesis, stream, range(probe, probe + 10))
            probe += 10
            thread.join(0.2)
    assert len(records) == 5
    assert min(numbers(records)) >= 1000


def test_it_begins_at_a_time(kinesis: Any, stream: str, at: dict[str, Any], reading: dict[str, Any]) -> None:
    put(kinesis, stream, range(10))
    last_s = max(record["ApproximateArrivalTimestamp"].timestamp() for record in _read_raw(kinesis, stream))
    while time.time() <= last_s + 0.002:
        time.sleep(0.001)
    start_s = time.time()
    put(kinesis, stream, range(10, 20))
    with KinesisConsumer(stream, start=start_s, **reading, **at) as consumer:
        assert sorted(numbers(take(consumer, 10))) == list(range(10, 20))


def test_it_begins_behind_checkpoints(kinesis: Any, at: dict[str, Any], reading: dict[str, Any]) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, range(10))
    done = {record.shard_id: record.sequence_number for record in stored(kinesis, stream)[:4]}
    with KinesisConsumer(stream, start=done, **reading, **at) as consumer:
        assert numbers(take(consumer, 6)) == list(range(4, 10))


def _read_raw(kinesis: Any, stream: str) -> Iterator[dict[str, Any]]:
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        yield from kinesis.get_records(ShardIterator=iterator)["Records"]


def test_splits_and_merges_are_followed_in_order_with_nothing_twice(
    kinesis: Any, stream: str, at: dict[str, Any], reading: dict[str, Any]
) -> None:
    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", **reading, **at)
    records: list[Record] = []
    with beside(consumer, work=lambda consumer: records.extend(take(consumer, 4000))) as (thread,):
        thread.start()
        put(kinesis, stream, range(1000))
        split(kinesis, stream, "shardId-000000000000")
        put(kinesis, stream, range(1000, 2000))
        merge(kinesis, stream, "shardId-000000000003", "shardId-000000000001")
        put(kinesis, stream, range(2000, 3000))
        merge(kinesis, stream, "shardId-000000000002", "shardId-000000000004")
        put(kinesis, stream, range(3000, 4000))
        thread.join(RETRY_FOR_S)
        assert not thread.is_alive(), consumer.stats()
        wait_until(lambda: len(consumer.stats().shards) == 1, "all closed shards are done")
    assert sorted(numbers(records)) == list(range(4000))
    check_order(records)


def split(kinesis: Any, stream: str, shard_id: str) -> None:
    (shard,) = (s for s in kinesis.list_shards(StreamName=stream)["Shards"] if s["ShardId"] == shard_id)
    keys = shard["HashKeyRange"]
    middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"]) + 1) // 2
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard_id, NewStartingHashKey=str(middle))
    wait_until_active(kinesis, stream)


def merge(kinesis: Any, stream: str, left: str, right: str) -> None:
    kinesis.merge_shards(StreamName=stream, ShardToMerge=left, AdjacentShardToMerge=right)
    wait_until_active(kinesis, stream)


def test_a_second_run_goes_on_where_the_iterator_had_moved_on_to(
    kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, range(100))
    for first in (0, 29, 58):
        state = SQLiteState(tmp_path / "leases.db")
        with KinesisConsumer(stream, state=state, start="TRIM_HORIZON", **at) as consumer:
            # The record at which the loop was left is not known to be done, so it comes again.
            assert numbers(take(consumer, 30)) == list(range(first, first + 30))


def test_an_iteration_that_was_left_goes_on_with_the_next_record(kinesis: Any, at: dict[str, Any]) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, range(100))
    with KinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer:
        assert numbers(take(consumer, 30)) == list(range(30))
        assert numbers(take(consumer, 70)) == list(range(30, 100))


def test_a_checkpoint_by_hand_is_written_when_it_returns(
    kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, range(50))
    path = tmp_path / "leases.db"
    with KinesisConsumer(
        stream, state=SQLiteState(path), start="TRIM_HORIZON", checkpoint="manual", **at
    ) as consumer:
        records = take(consumer, 50)
        records[19].checkpoint()
        records[9].checkpoint()  # never back
        (shard,) = consumer.stats().shards.values()
        assert shard.checkpoint == records[19].sequence_number
    with KinesisConsumer(stream, state=SQLiteState(path), start="TRIM_HORIZON", **at) as consumer:
        assert numbers(take(consumer, 30)) == list(range(20, 50))


def test_with_checkpoints_by_hand_a_shard_ends_with_its_last_checkpoint(
    kinesis: Any, at: dict[str, Any]
) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, range(10))
    split(kinesis, stream, "shardId-000000000000")
    put(kinesis, stream, range(10, 20))
    with KinesisConsumer(stream, start="TRIM_HORIZON", checkpoint="manual", **at) as consumer:
        parent = take(consumer, 10)
        assert set(consumer.stats().shards) == {"shardId-000000000000"}
        parent[-1].checkpoint()
        assert sorted(numbers(take(consumer, 10))) == list(range(10, 20))


def test_a_checkpoint_of_a_shard_that_was_lost_is_refused(kinesis: Any, at: dict[str, Any]) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, range(10))
    state = MemoryState()
    with KinesisConsumer(stream, state=state, start="TRIM_HORIZON", checkpoint="manual", **at) as consumer:
        records = take(consumer, 10)
    with KinesisConsumer(stream, state=state, start="TRIM_HORIZON", **at) as consumer:
        assert len(take(consumer, 10)) == 10
    with pytest.raises(LeaseLost):
        records[-1].checkpoint()


def test_aggregates_come_one_by_one_and_resume_in_the_middle(
    kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    stream = new_stream(kinesis)
    aggregate = Aggregate()
    for number in range(10):
        aggregate.add(f"key-{number}", None, b"%d" % number)
    kinesis.put_record(StreamName=stream, PartitionKey="aggregate", Data=aggregate.encode())
    put(kinesis, stream, range(10, 12))
    path = tmp_path / "leases.db"
    with KinesisConsumer(stream, state=SQLiteState(path), start="TRIM_HORIZON", **at) as consumer:
        records = take(consumer, 5)
        assert [record.sub_sequence_number for record in records] == [0, 1, 2, 3, 4]
        assert [record.partition_key for record in records] == [f"key-{number}" for number in range(5)]
        assert all(record.is_aggregated for record in records)
        records[4].checkpoint()
    with KinesisConsumer(stream, state=SQLiteState(path), start="TRIM_HORIZON", **at) as consumer:
        assert numbers(take(consumer, 7)) == list(range(5, 12))


def test_what_only_looks_like_an_aggregate_is_a_record(kinesis: Any, at: dict[str, Any]) -> None:
    stream = new_stream(kinesis)
    aggregate = Aggregate()
    aggregate.add("key", None, b"inside")
    encoded = aggregate.encode()
    data = [encoded[:-1] + bytes([encoded[-1] ^ 1]), MAGIC, MAGIC + b"no protobuf at all"]
    for value in data:
        kinesis.put_record(StreamName=stream, PartitionKey="key", Data=value)
    with KinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer:
        assert [record.data for record in take(consumer, 3)] == data


def put_aggregates(kinesis: Any, stream: str, *hash_keys: list[int]) -> None:
    """Put aggregates into the first shard, with a user record for each hash key, and a last record."""
    for keys in hash_keys:
        aggregate = Aggregate()
        for hash_key in keys:
            aggregate.add("key", str(hash_key), b"%d" % hash_key)
        kinesis.put_record(
            StreamName=stream, PartitionKey="key", ExplicitHashKey="0", Data=aggregate.encode()
        )
    kinesis.put_record(StreamName=stream, PartitionKey="key", ExplicitHashKey="0", Data=b"last")


def test_an_aggregate_with_a_record_of_another_shard_is_dropped_and_told_of(
    kinesis: Any, stream: str, at: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    put_aggregates(kinesis, stream, [0, 1], [0, 2**127, 7], [0, 2**127])
    with (
        caplog.at_level(logging.WARNING, "headwater.client"),
        KinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer,
    ):
        assert [record.data for record in take(consumer, 3)] == [b"0", b"1", b"last"]
        assert consumer.stats().misplaced_records == 5
        assert consumer.stats().shards["shardId-000000000000"].misplaced_records == 5
        families = {family.name: family for family in PrometheusCollector(consumer).collect()}
        assert families["headwater_consumer_misplaced_records"].samples[0].value == 5
    (warning,) = caplog.messages
    assert f"5 user records of {stream} were dropped" in warning
    assert "shardId-000000000000" in warning


def test_an_aggregate_with_a_record_of_another_shard_is_handed_over_when_that_is_wanted(
    kinesis: Any, stream: str, at: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    put_aggregates(kinesis, stream, [0, 2**127, 7])
    settings: dict[str, Any] = at | {"start": "TRIM_HORIZON", "misplaced_records": "hand_over"}
    with (
        caplog.at_level(logging.WARNING, "headwater.client"),
        KinesisConsumer(stream, **settings) as consumer,
    ):
        records = take(consumer, 4)
        assert [record.data for record in records] == [b"0", b"%d" % 2**127, b"7", b"last"]
        assert [record.sub_sequence_number for record in records] == [0, 1, 2, 0]
        assert (consumer.stats().misplaced_records, consumer.stats().skipped_records) == (3, 0)
    (warning,) = caplog.messages
    assert f"3 user records of {stream} were handed over" in warning


def test_what_an_aggregating_library_puts_without_knowing_of_shards_is_told_of_and_can_be_had(
    kinesis: Any, stream: str, at: dict[str, Any]
) -> None:
    aggregator = aws_kinesis_agg.aggregator.RecordAggregator()
    for number in range(40):
        assert aggregator.add_user_record(f"key-{number}", b"%d" % number) is None
    key, _, data = aggregator.clear_and_get().get_contents()
    kinesis.put_record(StreamName=stream, PartitionKey=key, Data=data)
    with KinesisConsumer(stream, start="TRIM_HORIZON", misplaced_records="hand_over", **at) as consumer:
        assert sorted(numbers(take(consumer, 40))) == list(range(40))
    with KinesisConsumer(stream, start="TRIM_HORIZON", **at) as dropping:
        threading.Thread(target=take, args=(dropping, 1), daemon=True).start()
        wait_until(lambda: dropping.stats().misplaced_records == 40, "all are counted")


def test_aggregates_stay_whole_when_that_is_wanted(kinesis: Any, at: dict[str, Any]) -> None:
    stream = new_stream(kinesis)
    aggregate = Aggregate()
    aggregate.add("key", None, b"inside")
    kinesis.put_record(StreamName=stream, PartitionKey="key", Data=aggregate.encode())
    with KinesisConsumer(stream, start="TRIM_HORIZON", deaggregate=False, **at) as consumer:
        assert [record.data for record in take(consumer, 1)] == [aggregate.encode()]


def test_a_handler_gets_batches_of_one_shard_in_turn(
    kinesis: Any, stream: str, at: dict[str, Any], reading: dict[str, Any]
) -> None:
    put(kinesis, stream, range(2000))
    consumer = KinesisConsumer(
        stream, start="TRIM_HORIZON", **(reading or {"polling": PollingPace(1000, max_records=100)}), **at
    )
    at_work: set[str] = set()
    seen: list[Record] = []

    def handler(batch: Batch) -> None:
        assert batch.shard_id not in at_work, "two batches of one shard at a time"
        at_work.add(batch.shard_id)
        assert {record.shard_id for record in batch} == {batch.shard_id}
        seen.extend(batch)
        at_work.remove(batch.shard_id)
        if len(seen) == 2000:
            consumer.stop()

    consumer.run(handler)
    assert sorted(numbers(seen)) == list(range(2000))
    check_order(seen)


def test_a_handler_that_fails_gets_its_batch_again(kinesis: Any, at: dict[str, Any]) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, range(20))
    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", **at)
    calls: list[list[int]] = []

    def handler(batch: Batch) -> None:
        calls.append(numbers(batch.records))
        if len(calls) == 1:
            raise ValueError("not yet")
        if len(calls) == 2:
            raise RecordFailed(batch.records[7], "only this one")
        consumer.stop()

    consumer.run(handler)
    assert calls == [list(range(20)), list(range(20)), list(range(7, 20))]
    assert consumer.stats().handler_errors == 2


def test_the_consumer_stops_when_a_handler_keeps_failing(
    kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, range(20))
    path = tmp_path / "leases.db"

    def handler(batch: Batch) -> None:
        raise RecordFailed(batch.records[7 if len(batch) == 20 else 0], "bad record")

    consumer = KinesisConsumer(stream, state=SQLiteState(path), start="TRIM_HORIZON", retries=1, **at)
    with pytest.raises(HandlerFailed, match="bad record") as failure:
        consumer.run(handler)
    assert isinstance(failure.value.__cause__, RecordFailed)
    with KinesisConsumer(stream, state=SQLiteState(path), **at) as again:
        assert numbers(take(again, 13)) == list(range(7, 20))


def test_a_record_that_cannot_be_handled_goes_to_the_dead_letters(kinesis: Any, at: dict[str, Any]) -> None:
    stream, dead_letters = new_stream(kinesis), new_stream(kinesis)
    put(kinesis, stream, range(20))
    handled: list[int] = []
    consumer = KinesisConsumer(
        stream, start="TRIM_HORIZON", retries=0, on_failure=DeadLetterStream(dead_letters, **at), **at
    )

    def handler(batch: Batch) -> None:
        for record in batch:
            if int(record.data) == 7:
                raise RecordFailed(record)
            handled.append(int(record.data))
        consumer.stop()

    consumer.run(handler)
    assert handled == [number for number in range(20) if number != 7]
    assert [record.data for record in stored(kinesis, dead_letters)] == [b"7"]
    assert consumer.stats().skipped_records == 1


def test_a_batch_can_be_skipped_and_told_to_a_callable(kinesis: Any, at: dict[str, Any]) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, range(5))
    told: list[tuple[list[int], str]] = []
    consumer: KinesisConsumer

    def given_up(records: list[Record], error: Exception) -> None:
        told.append((numbers(records), str(error)))
        consumer.stop()

    def handler(_batch: Batch) -> None:
        raise ValueError("never")

    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", retries=1, on_failure=given_up, **at)
    consumer.run(handler)
    assert told == [([0, 1, 2, 3, 4], "never")]
    assert consumer.stats().handler_errors == 2


def test_a_slow_handler_holds_back_the_reading(kinesis: Any, at: dict[str, Any]) -> None:
    stream = new_stream(kinesis)
    for _ in range(20):
        kinesis.put_record(StreamName=stream, PartitionKey="key", Data=bytes(100_000))
    go_on, begun = threading.Event(), threading.Event()
    consumer = KinesisConsumer(
        stream, start="TRIM_HORIZON", polling=PollingPace(1000, max_records=1), buffer_bytes=300_000, **at
    )
    handled = 0

    def handler(batch: Batch) -> None:
        nonlocal handled
        begun.set()
        assert go_on.wait(RETRY_FOR_S)
        handled += len(batch)
        if handled == 20:
            consumer.stop()

    with beside(consumer, work=lambda consumer: consumer.run(handler)) as (thread,):
        thread.start()
        assert begun.wait(RETRY_FOR_S)
        wait_until(lambda: consumer.stats().buffered_bytes >= 200_000, "something is read ahead")
        assert consumer.stats().buffered_bytes <= 400_000
        go_on.set()
        thread.join(RETRY_FOR_S)
    assert handled == 20


def test_iterators_that_expired_are_renewed_behind_the_last_record() -> None:
    with Headwater() as server:
        kinesis = server.client()
        kinesis.create_stream(StreamName="stream", ShardCount=1)
        put(kinesis, "stream", range(10))
        with KinesisConsumer(
            "stream", start="TRIM_HORIZON", endpoint_url=server.endpoint_url, region_name="us-east-1"
        ) as consumer:
            assert numbers(take(consumer, 10)) == list(range(10))
            server.clock.advance(minutes=6)
            put(kinesis, "stream", range(10, 20))
            assert numbers(take(consumer, 10)) == list(range(10, 20))


def test_statistics_say_what_was_done_and_how_far_behind_it_is(
    kinesis: Any, stream: str, at: dict[str, Any]
) -> None:
    put(kinesis, stream, range(100))
    with KinesisConsumer(stream, start="TRIM_HORIZON", worker_id="me", **at) as consumer:
        assert consumer.stats().shards == {}
        take(consumer, 100)
        stats = consumer.stats()
        assert (stats.worker_id, stats.size_bytes, stats.lag_ms) == ("me", 190, 0)
        assert set(stats.shards) == {"shardId-000000000000", "shardId-000000000001"}
        families = {family.name: family for family in PrometheusCollector(consumer).collect()}
        assert families["headwater_consumer_size_bytes"].samples[0].value == 190
        assert len(families["headwater_consumer_lag_ms"].samples) == 2
    assert consumer.stats().records == 99


def test_two_consumers_share_the_shards_and_one_that_leaves_hands_its_own_over(
    kinesis: Any, at: dict[str, Any], tmp_path: Path
) -> None:
    """At the first attempt, unless the machine is so busy that no lease is renewed in its time."""
    for attempt in range(5):
        if len(seen := shared_by_two(kinesis, at, tmp_path / f"leases-{attempt}.db")) == 1500:
            break
    # Nothing failed and every hand-over was asked for, so nothing came twice.
    assert sorted(seen) == list(range(1500))


def shared_by_two(kinesis: Any, at: dict[str, Any], leases: Path) -> list[int]:
    """What two consumers are given, all told, while one joins the other and that one leaves."""
    stream = new_stream(kinesis, 4)
    seen: list[int] = []
    consumers = [
        KinesisConsumer(
            stream,
            state=SQLiteState(leases),
            start="TRIM_HORIZON",
            lease_duration_s=0.6,
            worker_id=f"worker-{number}",
            **at,
        )
        for number in range(2)
    ]

    def work(consumer: KinesisConsumer) -> None:
        consumer.run(lambda batch: seen.extend(numbers(batch.records)))

    with beside(*consumers, work=work) as threads:
        threads[0].start()
        wait_until(lambda: len(consumers[0].stats().shards) == 4, "the first has all")
        put(kinesis, stream, range(500))
        threads[1].start()
        wait_until(
            lambda: [len(consumer.stats().shards) for consumer in consumers] == [2, 2], "both have the same"
        )
        put(kinesis, stream, range(500, 1000))
        wait_until(lambda: len(set(seen)) == 1000, "all is read")
        consumers[0].stop()
        threads[0].join(RETRY_FOR_S)
        wait_until(lambda: len(consumers[1].stats().shards) == 4, "the second has all")
        put(kinesis, stream, range(1000, 1500))
        wait_until(lambda: len(set(seen)) == 1500, "all is read")
    return seen


def test_a_stream_that_is_not_there_is_named(at: dict[str, Any]) -> None:
    with KinesisConsumer("no-such-stream", **at) as consumer:
        with pytest.raises(ServiceError, match="no-such-stream") as missing:
            take(consumer, 1)
        assert missing.value.code == "ResourceNotFoundException"


def test_a_consumer_that_was_closed_stays_so(kinesis: Any, stream: str, at: dict[str, Any]) -> None:
    put(kinesis, stream, range(1))
    with KinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer:
        take(consumer, 1)
    consumer.close()
    with pytest.raises(ConfigurationError, match="closed"):
        take(consumer, 1)


def test_a_consumer_is_used_for_one_thing(kinesis: Any, stream: str, at: dict[str, Any]) -> None:
    put(kinesis, stream, range(1))
    with KinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer:
        take(consumer, 1)
        with pytest.raises(ConfigurationError, match="once"):
            consumer.run(lambda _: None)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"checkpoint": "sometimes"}, "'auto' or 'manual'"),
        ({"on_failure": "ignore"}, "'stop', 'skip'"),
        ({"misplaced_records": "keep"}, "'drop' or 'hand_over'"),
        ({"retries": -1}, "0 or more"),
        ({"lease_duration_s": 0}, "more than 0"),
        ({"max_leases": 0}, "1 or more"),
        ({"processes": 2, "checkpoint": "manual"}, "'auto' with processes"),
        ({"fan_out": "a", "polling": PollingPace()}, "None with fan_out"),
        ({"start": "EARLIEST"}, "EARLIEST"),
        ({"start": {"shardId-000000000000": "first"}}, "'first' is no checkpoint"),
        ({"start": datetime(2026, 1, 1)}, "time zone"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    settings: dict[str, Any], reason: str, at: dict[str, Any]
) -> None:
    with pytest.raises((ValueError, ConfigurationError), match=reason):
        KinesisConsumer("stream", **settings, **at)


def test_settings_that_do_not_exist_are_refused(at: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="starting_position"):
        KinesisConsumer("stream", starting_position="LATEST", **at)  # type: ignore[call-arg]  # mypy refuses it too


class ShutState(MemoryState):
    """It cannot be opened."""

    async def open(self, stream: StreamIdentity, list_shards: ListShards) -> MemoryLeases:
        raise StateError(f"shut for {stream.arn}")


def test_a_state_that_cannot_be_opened_is_named(stream: str, at: dict[str, Any]) -> None:
    with pytest.raises(StateError, match=f"shut for arn:.*{stream}"):
        KinesisConsumer(stream, state=ShutState(), **at).run(lambda _: None)
