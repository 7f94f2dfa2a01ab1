"""Storing records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from headwater.model.clock import ManualClock
from headwater.model.completion import Completion
from headwater.model.new_records import NewRecord
from headwater.model.record import LARGE_BYTES
from headwater.storage.interface import Entry, Outcome, Post, StoreUnavailable
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import RunningEngine


class TornStore(MemoryStore):
    """Takes the first shard's records only, as if the others' logs had just been sealed; then it fails."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self.is_torn = False
        self._appends = 0

    def append(self, entries: Sequence[Entry], _waited_s: float = 0.0) -> Completion[list[Outcome]]:
        if not self.is_torn:
            return super().append(entries)
        self._appends += 1
        completion: Completion[list[Outcome]] = Completion()
        if self._appends > 1:
            self._post(lambda: completion.fail(StoreUnavailable("no space left on device")))
            return completion
        taken = super().append(entries[:1])
        taken.on_done(lambda: completion.resolve([*taken.result(), *[None] * len(entries[1:])]))
        return completion


class RefusingStore(MemoryStore):
    """Gives every entry back as many times as it is told to, as if its log had just been sealed."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self.refusals = 0

    def append(self, entries: Sequence[Entry], waited_s: float = 0.0) -> Completion[list[Outcome]]:
        if not self.refusals:
            return super().append(entries, waited_s)
        self.refusals -= 1
        completion: Completion[list[Outcome]] = Completion()
        outcomes: list[Outcome] = [None] * len(entries)
        self._post(lambda: completion.resolve(outcomes))
        return completion


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


def test_records_that_are_stored_are_told_when_a_reshard_and_a_failure_keep_the_others_from_it(
    clock: ManualClock,
) -> None:
    stores: list[TornStore] = []

    def open_store(post: Post) -> TornStore:
        stores.append(TornStore(post))
        return stores[-1]

    engine = RunningEngine(open_store, clock)
    engine.call("CreateStream", StreamName="orders", ShardCount=2)
    stores[-1].is_torn = True
    entries = [
        {"Data": b"data", "PartitionKey": "key", "ExplicitHashKey": hash_key}
        for hash_key in ("0", str(2**128 - 1), "1")
    ]
    answer = engine.call("PutRecords", StreamName="orders", Records=entries)
    assert answer["FailedRecordCount"] == 1
    assert [record.get("ErrorCode") for record in answer["Records"]] == [None, "InternalFailure", None]
    iterator = engine.call(
        "GetShardIterator", StreamName="orders", ShardId="0", ShardIteratorType="TRIM_HORIZON"
    )
    kept = engine.call("GetRecords", **iterator)["Records"].documents()
    numbers = [record["SequenceNumber"] for record in answer["Records"] if "SequenceNumber" in record]
    assert [record["SequenceNumber"] for record in kept] == numbers
    engine.close()


def refusing(clock: ManualClock) -> tuple[RunningEngine, RefusingStore]:
    stores: list[RefusingStore] = []

    def open_store(post: Post) -> RefusingStore:
        stores.append(RefusingStore(post))
        return stores[-1]

    engine = RunningEngine(open_store, clock)
    engine.call("CreateStream", StreamName="orders", ShardCount=2)
    return engine, stores[-1]


NEW_RECORDS: list[NewRecord] = [
    (b"first", 'a "key"', None),
    (b"", "k\u00e9y", "0"),
    (bytes(LARGE_BYTES + 1), "key", str(2**128 - 1)),
    (b"last", "key", None),
]


def test_records_that_are_given_back_are_stored_as_they_were(clock: ManualClock) -> None:
    engine, store = refusing(clock)
    store.refusals = 2
    entries = [
        {"Data": data, "PartitionKey": key, **({"ExplicitHashKey": hash_key} if hash_key else {})}
        for data, key, hash_key in NEW_RECORDS
    ]
    answer = engine.call("PutRecords", StreamName="orders", Records=entries)
    placements = answer["Records"].documents()
    assert placements[1]["ShardId"] == "shardId-000000000000"
    assert placements[2]["ShardId"] == "shardId-000000000001"
    found = {}
    for shard in ("0", "1"):
        iterator = engine.call(
            "GetShardIterator", StreamName="orders", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        for record in engine.call("GetRecords", **iterator)["Records"].documents():
            found[record["SequenceNumber"]] = (record["Data"], record["PartitionKey"])
    stored = [found[placement["SequenceNumber"]] for placement in placements]
    assert stored == [(data, key) for data, key, _ in NEW_RECORDS]
    engine.close()


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
