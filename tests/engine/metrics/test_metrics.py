"""What is counted of streams, and kept minute by minute as CloudWatch keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.engine.metrics import kept_minutes
from headwater.engine.metrics.kept_minutes import KEPT_MS, MINUTE_MS, Dimensions
from headwater.engine.metrics.metric_names import CONSUMER_METRICS, SHARD_METRICS, STREAM_METRICS
from headwater.engine.metrics.minute_tallies import ConsumerTallies, ShardTallies, StreamTallies
from headwater.engine.metrics.tally import StatisticSet, Tally, merged, ones_and_zeros
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.clock import ManualClock
from headwater.model.errors import ProvisionedThroughputExceededException
from headwater.model.record import record_size
from headwater.model.record_list import RecordList
from headwater.storage.interface import StoreUnavailable
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import CALLER, RunningEngine
from tests.storage.faulty_store import FaultyStore

ORDERS = (("StreamName", "orders"),)
NAME = StreamName(*CALLER, "orders")
START_MS = 1_700_000_040_000
"""The beginning of a minute."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


@pytest.fixture
def running(clock: ManualClock) -> Iterator[RunningEngine]:
    engine = RunningEngine(FaultyStore, clock)
    engine.call("CreateStream", StreamName="orders", ShardCount=1)
    yield engine
    engine.close()


def put(running: RunningEngine, data: bytes = b"12345", key: str = "key") -> None:
    running.call("PutRecord", StreamName="orders", Data=data, PartitionKey=key)


def put_many(running: RunningEngine, *data: bytes) -> None:
    running.call(
        "PutRecords", StreamName="orders", Records=[{"Data": d, "PartitionKey": "key"} for d in data]
    )


def read(running: RunningEngine, stream: str = "orders", shard_id: str = "0", limit: int = 100) -> RecordList:
    """A page of a shard."""
    iterator = running.call(
        "GetShardIterator", StreamName=stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )
    page: RecordList = running.call("GetRecords", ShardIterator=iterator["ShardIterator"], Limit=limit)[
        "Records"
    ]
    return page


def delete(running: RunningEngine) -> None:
    running.call("DeleteStream", StreamName="orders")
    running.engine.tick()
    running.inbox.run_posted()
    assert running.engine.metrics.streams() == {}


def points(
    running: RunningEngine, metric: str, dimensions: Dimensions = ORDERS, period_s: int = 60
) -> list[tuple[int, StatisticSet]]:
    """The datapoints of a metric, by the minute since the start."""
    found = running.engine.metrics.statistics(CALLER, metric, dimensions, 0, START_MS * 2, period_s)
    return [((at_ms - START_MS) // MINUTE_MS, values) for at_ms, values in found]


def values(running: RunningEngine, metric: str, dimensions: Dimensions = ORDERS) -> StatisticSet:
    ((_, only),) = points(running, metric, dimensions)
    return only


def test_the_table_of_names_is_what_is_counted() -> None:
    assert {name for name, _ in StreamTallies().statistics()} == set(STREAM_METRICS)
    assert {name for name, _ in ConsumerTallies().statistics()} == set(CONSUMER_METRICS)
    assert {name for name, _ in ShardTallies().statistics()} == set(SHARD_METRICS)


def test_what_nobody_used_has_no_values(running: RunningEngine) -> None:
    assert running.engine.metrics.series(CALLER) == []
    assert points(running, "IncomingBytes") == []


def test_puts_of_both_kinds_come_in(running: RunningEngine) -> None:
    put(running, b"12345")
    put(running, b"1", "ключ")
    put_many(running, b"1", b"12", b"123")
    assert values(running, "PutRecord.Bytes") == (2, 17, 8, 9)
    assert values(running, "PutRecord.Success") == (2, 2, 1, 1)
    assert values(running, "PutRecords.Bytes") == (1, 15, 15, 15)
    assert values(running, "PutRecords.Records") == (1, 3, 3, 3)
    assert values(running, "IncomingBytes") == (3, 32, 8, 15)
    assert values(running, "IncomingRecords") == (3, 5, 1, 3)
    assert values(running, "WriteProvisionedThroughputExceeded") == (3, 0, 0, 0)
    assert running.engine.metrics.stream(NAME).totals()[:2] == (5, 32)


def test_each_minute_has_its_own_values(running: RunningEngine, clock: ManualClock) -> None:
    put(running)
    clock.advance_ms(MINUTE_MS)
    running.engine.tick()
    put(running, b"1")
    put(running, b"12")
    clock.advance_ms(2 * MINUTE_MS)
    put_many(running, b"1")
    assert points(running, "PutRecord.Bytes") == [(0, (1, 8, 8, 8)), (1, (2, 9, 4, 5))]
    assert points(running, "PutRecord.Bytes", period_s=3600) == [(points_hour(), (3, 17, 4, 8))]
    assert running.engine.metrics.stream(NAME).totals().records_in == 4


def points_hour() -> int:
    """The minute, counted from the start, at which the hour of the start begins."""
    return (START_MS - START_MS % 3_600_000 - START_MS) // MINUTE_MS


def test_a_span_of_time_ends_before_its_end(running: RunningEngine, clock: ManualClock) -> None:
    for _ in range(3):
        put(running)
        clock.advance_ms(MINUTE_MS)
        running.engine.tick()
    found = running.engine.metrics.statistics(
        CALLER, "IncomingRecords", ORDERS, START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS
    )
    assert [point.timestamp_ms for point in found] == [START_MS + MINUTE_MS]


def test_what_is_read_goes_out_and_has_an_age(running: RunningEngine, clock: ManualClock) -> None:
    put(running)
    put(running)
    clock.advance_ms(700)
    assert len(read(running, limit=1)) == 1
    assert running.engine.metrics.stream(NAME).iterator_age_ms == {0: 700}
    assert len(read(running)) == 2
    assert values(running, "GetRecords.Bytes") == (2, 24, 8, 16)
    assert values(running, "GetRecords.Records") == (2, 3, 1, 2)
    assert values(running, "GetRecords.IteratorAgeMilliseconds") == (2, 700, 0, 700)
    assert values(running, "GetRecords.Success") == (2, 2, 1, 1)
    assert values(running, "ReadProvisionedThroughputExceeded") == (2, 0, 0, 0)
    assert running.engine.metrics.stream(NAME).totals()[2:4] == (3, 24)


def test_a_closed_shard_read_to_its_end_has_no_age_any_more(running: RunningEngine) -> None:
    put(running)
    read(running)
    running.call("SplitShard", StreamName="orders", ShardToSplit="0", NewStartingHashKey="1000")
    assert running.engine.metrics.stream(NAME).iterator_age_ms
    read(running)
    assert running.engine.metrics.stream(NAME).iterator_age_ms == {}


def test_what_the_store_refuses_is_no_success(running: RunningEngine) -> None:
    store = running.engine.store
    assert isinstance(store, FaultyStore)
    put(running)
    store.is_full = True
    with pytest.raises(StoreUnavailable):
        put(running)
    with pytest.raises(StoreUnavailable):
        put_many(running, b"1", b"2")
    assert values(running, "PutRecord.Success") == (2, 1, 0, 1)
    assert values(running, "PutRecords.Success") == (1, 0, 0, 0)
    assert values(running, "PutRecords.FailedRecords") == (1, 2, 2, 2)
    assert values(running, "PutRecords.SuccessfulRecords") == (1, 0, 0, 0)
    assert points(running, "PutRecords.Bytes") == []
    assert values(running, "IncomingRecords") == (1, 1, 1, 1)


def test_what_is_beyond_a_shards_rate_is_throttled(clock: ManualClock) -> None:
    running = RunningEngine(MemoryStore, clock, enforce_limits=True)
    running.call("CreateStream", StreamName="orders", ShardCount=1)
    running.call("EnableEnhancedMonitoring", StreamName="orders", ShardLevelMetrics=["ALL"])
    for _ in range(3):
        put_many(running, *[b"1"] * 400)
    with pytest.raises(ProvisionedThroughputExceededException):
        put(running)
    for _ in range(5):
        read(running)
    with pytest.raises(ProvisionedThroughputExceededException):
        read(running)
    shard = (*ORDERS, ("ShardId", "shardId-000000000000"))
    for dimensions in (ORDERS, shard):
        assert values(running, "WriteProvisionedThroughputExceeded", dimensions).total == 201
        assert values(running, "ReadProvisionedThroughputExceeded", dimensions) == (6, 1, 0, 1)
    assert values(running, "PutRecords.ThrottledRecords") == (3, 200, 0, 200)
    assert values(running, "PutRecords.TotalRecords") == (3, 1200, 400, 400)
    assert values(running, "PutRecords.Success") == (3, 3, 1, 1)
    assert values(running, "PutRecord.Success") == (1, 0, 0, 0)
    assert values(running, "GetRecords.Success") == (6, 5, 0, 1)
    assert values(running, "IncomingRecords", shard).total == values(running, "IncomingRecords").total == 1000
    assert running.engine.metrics.stream(NAME).totals()[4:] == (201, 1)
    running.close()


def test_shards_are_counted_where_monitoring_is_on(running: RunningEngine, clock: ManualClock) -> None:
    shard = (*ORDERS, ("ShardId", "shardId-000000000000"))
    put(running)
    running.call("EnableEnhancedMonitoring", StreamName="orders", ShardLevelMetrics=["IncomingRecords"])
    put(running)
    put_many(running, b"1", b"2")
    read(running)
    assert values(running, "IncomingRecords", shard) == (2, 3, 1, 2)
    assert points(running, "IncomingBytes", shard) == points(running, "OutgoingRecords", shard) == []
    running.call("DisableEnhancedMonitoring", StreamName="orders", ShardLevelMetrics=["ALL"])
    clock.advance_ms(MINUTE_MS)
    running.engine.tick()
    put(running)
    assert points(running, "IncomingRecords", shard) == [(0, (2, 3, 1, 2))]


def test_a_deleted_stream_stays_for_its_time(running: RunningEngine, clock: ManualClock) -> None:
    put(running)
    delete(running)
    assert values(running, "IncomingRecords") == (1, 1, 1, 1)
    clock.advance_ms(KEPT_MS - MINUTE_MS)
    assert len(running.engine.metrics.series(CALLER, "IncomingRecords")) == 1
    clock.advance_ms(MINUTE_MS)
    assert running.engine.metrics.series(CALLER) == []


def test_a_stream_of_the_same_name_goes_on_in_the_same_minute(running: RunningEngine) -> None:
    put(running)
    delete(running)
    running.call("CreateStream", StreamName="orders", ShardCount=1)
    put(running, b"1")
    assert values(running, "PutRecord.Bytes") == (2, 12, 4, 8)
    assert running.engine.metrics.stream(NAME).totals().records_in == 1


def test_a_reset_forgets_all(running: RunningEngine, clock: ManualClock) -> None:
    put(running)
    clock.advance_ms(MINUTE_MS)
    running.engine.tick()
    put(running)
    running.inbox.run(running.engine.reset())
    assert running.engine.metrics.series(CALLER) == []


def test_time_that_goes_back_forgets_what_was_later(running: RunningEngine, clock: ManualClock) -> None:
    put(running)
    clock.advance_ms(10 * MINUTE_MS)
    put(running)
    clock.advance_ms(-5 * MINUTE_MS)
    running.engine.tick()
    put(running, b"1")
    assert [at for at, _ in points(running, "IncomingRecords")] == [0, 5]


def test_the_oldest_minute_goes_when_there_are_too_many_values(
    running: RunningEngine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_minutes, "DATAPOINTS_MAX", 20)
    for _ in range(5):
        put(running)
        clock.advance_ms(MINUTE_MS)
        running.engine.tick()
    kept = [at for at, _ in points(running, "IncomingBytes")]
    assert kept == list(range(5 - len(kept), 5))
    assert 0 < len(kept) < 5


def test_metrics_are_listed_by_account_name_and_dimensions(running: RunningEngine) -> None:
    other = Caller("210987654321", "eu-central-1")
    running.call("CreateStream", caller=other, StreamName="orders", ShardCount=1)
    running.call("PutRecord", caller=other, StreamName="orders", Data=b"1", PartitionKey="key")
    running.call("CreateStream", StreamName="invoices", ShardCount=1)
    put(running)
    read(running, "invoices")
    metrics = running.engine.metrics
    assert {series.dimensions[0][1] for series in metrics.series(CALLER)} == {"invoices", "orders"}
    assert {series.dimensions for series in metrics.series(CALLER, dimensions=ORDERS)} == {ORDERS}
    assert [series.caller for series in metrics.series(other, "IncomingBytes")] == [other]


def test_statistic_sets_add_up() -> None:
    tally = Tally()
    assert tally.statistics() is None
    tally.add(3)
    tally.add_all([5, 1])
    assert tally.statistics() == (3, 9, 1, 5)
    assert StatisticSet(*(3, 9, 1, 5)).average == 3
    assert merged(None, tally.statistics(), ones_and_zeros(1, 2)) == (6, 10, 0, 5)
    assert merged(None, None) is ones_and_zeros(0, 0) is None


class Books:
    """An engine, and what a test has put into its stream and read from it."""

    def __init__(self, shard_count: int) -> None:
        self.clock = ManualClock(START_MS)
        self.running = RunningEngine(MemoryStore, self.clock)
        self.running.call("CreateStream", StreamName="orders", ShardCount=shard_count)
        self.running.call("EnableEnhancedMonitoring", StreamName="orders", ShardLevelMetrics=["ALL"])
        self.shard_ids = cycle(map(str, range(shard_count)))
        self.incoming = [0, 0]
        self.outgoing = [0, 0]

    def put(self, records: list[tuple[bytes, str]]) -> None:
        if len(records) == 1:
            put(self.running, *records[0])
        else:
            entries = [{"Data": data, "PartitionKey": key} for data, key in records]
            self.running.call("PutRecords", StreamName="orders", Records=entries)
        self.incoming[0] += len(records)
        self.incoming[1] += sum(record_size(data, key) for data, key in records)

    def read(self, limit: int) -> None:
        page = read(self.running, "orders", next(self.shard_ids), limit)
        self.outgoing[0] += len(page)
        self.outgoing[1] += page.size()

    def wait(self, delta_ms: int) -> None:
        self.clock.advance_ms(delta_ms)
        self.running.engine.tick()

    def sum_over_shards(self, metric: str) -> float:
        return sum(
            values.total
            for series in self.running.engine.metrics.series(CALLER, metric)
            if len(series.dimensions) == 2
            for _, values in points(self.running, metric, series.dimensions)
        )


keys = st.text(min_size=1, max_size=10)
some_records = st.tuples(st.binary(max_size=2000), keys)
steps = st.lists(
    st.one_of(
        st.tuples(st.just(Books.put), st.lists(some_records, min_size=1, max_size=20)),
        st.tuples(st.just(Books.read), st.integers(1, 30)),
        st.tuples(st.just(Books.wait), st.integers(1, 90_000)),
    ),
    max_size=15,
)


@settings(deadline=None)
@given(steps=steps, shard_count=st.integers(1, 3))
def test_what_went_in_and_out_is_what_is_counted(steps: list[tuple[Any, Any]], shard_count: int) -> None:
    books = Books(shard_count)
    for do, how in steps:
        do(books, how)
    metrics = books.running.engine.metrics
    assert metrics.stream(NAME).totals()[:4] == (*books.incoming, *books.outgoing)
    for direction, counted in (("Incoming", books.incoming), ("Outgoing", books.outgoing)):
        assert [books.sum_over_shards(direction + what) for what in ("Records", "Bytes")] == counted
    assert sum(found.total for _, found in points(books.running, "IncomingBytes")) == books.incoming[1]
    books.running.close()
