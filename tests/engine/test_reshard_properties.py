"""What must hold through any sequence of puts, splits, merges, scalings and restarts.

- The hash ranges of the open shards partition [0, 2^128-1].
- Walking the lineage from TRIM_HORIZON, parents before children, gives every
  acknowledged record exactly once, and those of one partition key in the order
  in which they were put.
- Sequence numbers grow in a shard, and from a parent to its children.
"""

from __future__ import annotations

import tempfile
from base64 import b64decode
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from headwater.model.clock import ManualClock
from headwater.model.hash_key import HASH_KEY_MAX
from headwater.storage.interface import Post, Store
from headwater.storage.lmdb.store import LmdbStore
from headwater.storage.lmdb.temporary_store import TemporaryStore
from headwater.storage.memory_store import MemoryStore
from headwater.wire.json_format import decode, encode
from tests.engine.running_engine import RunningEngine

STREAM = "walked"
KEYS = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen")
DAY_MS = 86_400_000


class Resharding(RuleBasedStateMachine):
    """One stream, and what was put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.running = self.open_engine()
        self.put_by_key: dict[str, list[str]] = defaultdict(list)
        self.sequence_number_of: dict[str, str] = {}
        self.puts = 0

    def open_engine(self) -> RunningEngine:
        raise NotImplementedError

    @initialize(shard_count=st.integers(1, 4))
    def create(self, shard_count: int) -> None:
        self.running.call("CreateStream", StreamName=STREAM, ShardCount=shard_count)

    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=6))
    def put_records(self, keys: list[str]) -> None:
        # One call must not hold a key twice: PutRecords promises no order within a call.
        records = [self.new_record(key) for key in dict.fromkeys(keys)]
        answer = self.running.call("PutRecords", StreamName=STREAM, Records=records)
        for record, placed in zip(records, answer["Records"].documents(), strict=True):
            self.acknowledge(record, placed)

    @rule(key=st.sampled_from(KEYS))
    def put_record(self, key: str) -> None:
        record = self.new_record(key)
        self.acknowledge(record, self.running.call("PutRecord", StreamName=STREAM, **record))

    @rule(choice=st.randoms(use_true_random=False), share=st.integers(1, 99))
    def split(self, choice: Any, share: int) -> None:
        shard = choice.choice(self.open_shards())
        start, end = hash_range(shard)
        if end - start > 4:
            at = min(max(start + 2, start + (end - start) * share // 100), end - 1)
            self.running.call(
                "SplitShard",
                StreamName=STREAM,
                ShardToSplit=shard["ShardId"],
                NewStartingHashKey=str(at),
            )

    @precondition(lambda self: len(self.open_shards()) > 1)
    @rule(choice=st.randoms(use_true_random=False))
    def merge(self, choice: Any) -> None:
        shards = self.open_shards()
        at = choice.randrange(len(shards) - 1)
        self.running.call(
            "MergeShards",
            StreamName=STREAM,
            ShardToMerge=shards[at]["ShardId"],
            AdjacentShardToMerge=shards[at + 1]["ShardId"],
        )

    @rule(share=st.integers(50, 200))
    def update_shard_count(self, share: int) -> None:
        current = len(self.open_shards())
        target = min(max(current * share // 100, (current + 1) // 2, 1), current * 2, 16)
        if target < (current + 1) // 2:
            return
        self.clock.advance_ms(DAY_MS // 9)  # at most ten times a day
        self.running.call("IncreaseStreamRetentionPeriod", StreamName=STREAM, RetentionPeriodHours=8760)
        self.running.call(
            "UpdateShardCount", StreamName=STREAM, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
        sizes = {end - start for start, end in map(hash_range, self.open_shards())}
        assert len(self.open_shards()) == target
        assert max(sizes) - min(sizes) < target

    @rule(milliseconds=st.integers(-5_000, 5_000))
    def the_machine_sets_its_clock(self, milliseconds: int) -> None:
        self.clock.advance_ms(milliseconds)

    @rule()
    def restart(self) -> None:
        self.running.restart()

    @invariant()
    def open_ranges_partition_all_hash_keys(self) -> None:
        ranges = [hash_range(shard) for shard in self.open_shards()]
        starts = [start for start, _ in ranges]
        assert starts == [0, *(end + 1 for _, end in ranges[:-1])]
        assert ranges[-1][1] == HASH_KEY_MAX

    @invariant()
    def parents_end_before_children_begin(self) -> None:
        shards = {shard["ShardId"]: shard for shard in self.all_shards()}
        for shard in shards.values():
            for parent in parents(shard):
                ended = shards[parent]["SequenceNumberRange"]["EndingSequenceNumber"]
                assert ended < shard["SequenceNumberRange"]["StartingSequenceNumber"]

    @invariant()
    def every_record_is_read_once_in_order(self) -> None:
        read: dict[str, list[str]] = defaultdict(list)
        for record in self.walk():
            data = b64decode(record["Data"]).decode()
            read[record["PartitionKey"]].append(data)
            assert record["SequenceNumber"] == self.sequence_number_of[data]
        assert read == {key: data for key, data in self.put_by_key.items() if data}

    def teardown(self) -> None:
        problems = self.running.engine.store.check()
        self.running.close()
        assert problems == []

    def new_record(self, key: str) -> dict[str, Any]:
        self.puts += 1
        return {"Data": f"{key}-{self.puts}".encode(), "PartitionKey": key}

    def acknowledge(self, record: dict[str, Any], placed: dict[str, Any]) -> None:
        data = record["Data"].decode()
        earlier = self.put_by_key[record["PartitionKey"]]
        if earlier:
            assert placed["SequenceNumber"] > self.sequence_number_of[earlier[-1]]
        earlier.append(data)
        self.sequence_number_of[data] = placed["SequenceNumber"]

    def open_shards(self) -> list[dict[str, Any]]:
        shards = self.running.call("ListShards", StreamName=STREAM, ShardFilter={"Type": "AT_LATEST"})
        return sorted(shards["Shards"], key=lambda shard: hash_range(shard)[0])

    def walk(self) -> list[dict[str, Any]]:
        """Every record, each shard after all of its parents, as `ChildShards` lead."""
        shards = {shard["ShardId"]: shard for shard in self.all_shards()}
        finished: set[str] = set()
        waiting = [shard_id for shard_id, shard in shards.items() if not parents(shard)]
        records = []
        while waiting:
            shard_id = waiting.pop(0)
            shard_records, children = self.read_to_end(shard_id)
            records += shard_records
            finished.add(shard_id)
            for child in children:
                assert shard_id in child["ParentShards"]
                if set(child["ParentShards"]) <= finished:
                    waiting.append(child["ShardId"])
        assert finished == set(shards)
        return records

    def read_to_end(self, shard_id: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        iterator = self.running.call(
            "GetShardIterator", StreamName=STREAM, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records: list[dict[str, Any]] = []
        while True:
            page = decoded(self.running.call("GetRecords", ShardIterator=iterator, Limit=3))
            records += page["Records"]
            numbers = [record["SequenceNumber"] for record in records]
            assert numbers == sorted(set(numbers))
            if "NextShardIterator" not in page:
                assert page["ChildShards"]
                return records, page["ChildShards"]
            assert "ChildShards" not in page
            if not page["Records"]:
                return records, []
            iterator = page["NextShardIterator"]

    def all_shards(self) -> list[dict[str, Any]]:
        shards: list[dict[str, Any]] = self.running.call("ListShards", StreamName=STREAM)["Shards"]
        return shards


class ReshardingOnMemory(Resharding):
    def open_engine(self) -> RunningEngine:
        return RunningEngine(MemoryStore, self.clock)

    def restart(self) -> None:
        """Memory does not survive a restart."""


class ReshardingOnLmdb(Resharding):
    def open_engine(self) -> RunningEngine:
        self.folder = tempfile.TemporaryDirectory()
        return RunningEngine(self.open_store, self.clock)

    def open_store(self, post: Post) -> Store:
        return LmdbStore(Path(self.folder.name), post, synced=False)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


class ReshardingOnTemporaryStore(ReshardingOnLmdb):
    """Where a restart is one of the store alone: what was gathered is written when it closes."""

    def open_store(self, post: Post) -> Store:
        return TemporaryStore(
            Path(self.folder.name), post, on_close=lambda: None, log_error=lambda _text: None
        )


def decoded(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer as a client sees it."""
    return decode(encode(answer))


def hash_range(shard: dict[str, Any]) -> tuple[int, int]:
    return int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"])


def parents(shard: dict[str, Any]) -> set[str]:
    return {shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if name in shard}


TestReshardingOnMemory = pytest.mark.long(ReshardingOnMemory.TestCase)  # the other one restarts, too
TestReshardingOnLmdb = ReshardingOnLmdb.TestCase
TestReshardingOnTemporaryStore = ReshardingOnTemporaryStore.TestCase
TestReshardingOnMemory.settings = settings(stateful_step_count=20, deadline=None)
TestReshardingOnLmdb.settings = settings(stateful_step_count=20, deadline=None)
TestReshardingOnTemporaryStore.settings = settings(stateful_step_count=20, deadline=None)
