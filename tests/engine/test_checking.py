"""Each rule of streams, broken on purpose, is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from headwater.engine.checking import check_streams
from headwater.model.clock import ManualClock
from headwater.model.stream import Stream
from headwater.storage.interface import Change, Entry
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import RunningEngine


@pytest.fixture
def running() -> Iterator[RunningEngine]:
    """A stream that was split and merged, with some records."""
    clock = ManualClock()
    engine = RunningEngine(MemoryStore, clock)
    engine.call("CreateStream", StreamName="orders", ShardCount=2)
    for size in (0, 10, 5_000):
        engine.call("PutRecord", StreamName="orders", Data=b"x" * size, PartitionKey="é")
    engine.call("SplitShard", StreamName="orders", ShardToSplit="shardId-0", NewStartingHashKey="1000")
    clock.advance_ms(10_000)
    engine.call(
        "MergeShards", StreamName="orders", ShardToMerge="shardId-2", AdjacentShardToMerge="shardId-3"
    )
    clock.advance_ms(10_000)
    engine.call("PutRecord", StreamName="orders", Data=b"later", PartitionKey="key")
    yield engine
    engine.close()


def stream_of(running: RunningEngine) -> Stream:
    (live,) = running.engine._streams.values()
    return live.stream


def found(running: RunningEngine, *streams: Stream) -> list[str]:
    return running.inbox.run(check_streams(streams, running.engine.store, lambda stream: stream))


def test_a_stream_with_a_history_is_whole(running: RunningEngine) -> None:
    assert running.engine.check() == []


Broken = Callable[[Stream], dict[str, Any]]


def with_shard(at: int, **changes: Any) -> Broken:
    def broken(stream: Stream) -> dict[str, Any]:
        shards = list(stream.shards)
        shards[at] = msgspec.structs.replace(shards[at], **changes)
        return {"shards": tuple(shards)}

    return broken


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (with_shard(1, starting_hash_key="5"), "gaps or overlaps"),
        (with_shard(1, closed_ms=1), "gaps or overlaps"),
        (with_shard(0, closed_ms=None), "cannot be a child of shardId-000000000000"),
        (with_shard(0, closed_ms=None), "is open, but its log is not"),
        (with_shard(2, parent_index=4), "cannot be a child of shardId-000000000004"),
        (with_shard(4, epoch_s=0), "is as old as its parent"),
        (with_shard(1, log_id=12345), "has no log"),
        (with_shard(1, index=9), "are not counted up"),
        (lambda stream: {"next_shard_index": 2}, "are not counted up"),
    ],
)
def test_a_broken_lineage_is_found(running: RunningEngine, broken: Broken, words: str) -> None:
    stream = stream_of(running)
    faults = found(running, msgspec.structs.replace(stream, **broken(stream)))
    assert any(words in fault for fault in faults), faults


def test_two_shards_with_one_log_are_found(running: RunningEngine) -> None:
    stream = stream_of(running)
    twin = msgspec.structs.replace(stream, name="twin")
    assert any("has the same log as shardId-000000000000" in fault for fault in found(running, stream, twin))


@pytest.mark.parametrize(
    "payload", [b"\0", b"\0\xff\xffshort", b'"Data":"A"', b'"Data":"AA=="}', b"\xff", b"x"]
)
def test_a_record_that_is_none_is_found(running: RunningEngine, payload: bytes) -> None:
    stream = stream_of(running)
    (log_id,) = [shard.log_id for shard in stream.open_shards if shard.index == 4]
    extent = running.engine.store.extent(log_id)
    assert extent is not None
    running.inbox.run(running.engine.store.append([Entry(log_id, extent.last_time_ms, (payload,))]))
    assert any("is damaged" in fault for fault in found(running, stream))


def test_a_log_that_should_be_sealed_is_found(running: RunningEngine) -> None:
    stream = stream_of(running)
    log_id = stream.open_shards[0].log_id
    running.inbox.run(running.engine.store.commit(Change({}, seal_logs=[log_id])))
    assert any("is open, but its log is not" in fault for fault in found(running, stream))


def test_a_stream_that_is_changed_meanwhile_is_looked_at_as_it_is_then(running: RunningEngine) -> None:
    stream, store = stream_of(running), running.engine.store
    broken = msgspec.structs.replace(stream, next_shard_index=2)
    worse = msgspec.structs.replace(stream, next_shard_index=1)
    assert running.inbox.run(check_streams([broken], store, lambda _stream: stream)) == []
    assert running.inbox.run(check_streams([broken], store, lambda _stream: None)) == []
    (fault,) = running.inbox.run(check_streams([broken], store, lambda _stream: worse))
    assert "are not counted up" in fault
