"""Storing records."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headwater.model.clock import ManualClock
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import RunningEngine


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def running(clock: ManualClock) -> Iterator[RunningEngine]:
    engine = RunningEngine(MemoryStore, clock)
    engine.call("CreateStream", StreamName="orders", ShardCount=1)
    yield engine
    engine.close()


def put(running: RunningEngine) -> str:
    answer = running.call("PutRecord", StreamName="orders", Data=b"data", PartitionKey="key")
    number: str = answer["SequenceNumber"]
    return number


def test_numbers_grow_and_times_stay_when_the_machines_clock_goes_back(
    running: RunningEngine, clock: ManualClock
) -> None:
    numbers = [put(running)]
    for delta_ms in (-5_000, -3_600_000, 1_000):
        clock.advance_ms(delta_ms)
        numbers.append(put(running))
    assert numbers == sorted(set(numbers))
    iterator = running.call(
        "GetShardIterator", StreamName="orders", ShardId="0", ShardIteratorType="TRIM_HORIZON"
    )
    records = running.call("GetRecords", **iterator)["Records"].documents()
    times_ms = [record["ApproximateArrivalTimestamp"].ms for record in records]
    assert times_ms == sorted(times_ms)
    assert [record["SequenceNumber"] for record in records] == numbers


def test_numbers_grow_through_a_split_in_the_second_of_creation(running: RunningEngine) -> None:
    before = put(running)
    for shard, hash_key in (("0", "1000000"), ("1", "1000"), ("3", "100")):
        running.call("SplitShard", StreamName="orders", ShardToSplit=shard, NewStartingHashKey=hash_key)
        answer = running.call(
            "PutRecord", StreamName="orders", Data=b"data", PartitionKey="key", ExplicitHashKey="0"
        )
        assert answer["SequenceNumber"] > before
        before = answer["SequenceNumber"]


def test_a_number_stays_good_for_ordering_when_the_machines_clock_goes_back(
    running: RunningEngine, clock: ManualClock
) -> None:
    before = put(running)
    clock.advance_ms(-5_000)
    answer = running.call(
        "PutRecord",
        StreamName="orders",
        Data=b"data",
        PartitionKey="key",
        SequenceNumberForOrdering=before,
    )
    assert answer["SequenceNumber"] > before
