"""The engine: what becomes due, and who sees it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.model.arn import StreamName
from headwater.model.clock import ManualClock
from headwater.model.completion import drive
from headwater.model.stream import Stream
from headwater.storage.interface import Post, StoreUnavailable
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import CALLER, RunningEngine
from tests.storage.faulty_store import FaultyStore

ORDERS = StreamName(*CALLER, "orders")
TRANSITION_MS = 200


@pytest.fixture
def running() -> Iterator[RunningEngine]:
    engine = RunningEngine(MemoryStore, ManualClock(), TRANSITION_MS)
    engine.call("CreateStream", StreamName="orders", ShardCount=1)
    yield engine
    engine.close()


def test_nobody_sees_a_stream_as_it_was_once_its_transition_is_due(running: RunningEngine) -> None:
    running.clock.advance_ms(TRANSITION_MS)
    running.engine.tick()  # begins to commit the transition, and cannot end before the inbox runs
    seen: list[Stream | None] = []
    for _ in range(3):
        drive(running.engine.stream(ORDERS), lambda stream, _error: seen.append(stream))
    assert seen == []
    running.inbox.run_posted()
    assert [stream and stream.status for stream in seen] == ["ACTIVE"] * 3


def test_a_transition_that_nobody_asks_about_is_applied_by_the_tick(running: RunningEngine) -> None:
    running.clock.advance_ms(TRANSITION_MS)
    assert running.engine.live(ORDERS).stream.status == "CREATING"
    running.engine.tick()
    running.inbox.run_posted()
    assert running.engine.live(ORDERS).stream.status == "ACTIVE"


@pytest.fixture
def on_faulty_store() -> Iterator[RunningEngine]:
    engine = RunningEngine(FaultyStore, ManualClock(), TRANSITION_MS)
    engine.call("CreateStream", StreamName="orders", ShardCount=1)
    engine.clock.advance_ms(TRANSITION_MS)
    engine.call("PutRecord", StreamName="orders", Data=b"kept", PartitionKey="key")
    yield engine
    engine.close()


def status(running: RunningEngine) -> str:
    answer = running.call("DescribeStreamSummary", StreamName="orders")
    return str(answer["StreamDescriptionSummary"]["StreamStatus"])


def test_a_stream_is_read_while_what_is_due_cannot_be_stored(on_faulty_store: RunningEngine) -> None:
    running, store = on_faulty_store, on_faulty_store.engine.store
    assert isinstance(store, FaultyStore)
    running.call("SplitShard", StreamName="orders", ShardToSplit="shardId-0", NewStartingHashKey="1000")
    store.is_full = True
    running.clock.advance_ms(TRANSITION_MS)
    running.engine.tick()
    assert status(running) == "UPDATING"
    iterator = running.call(
        "GetShardIterator", StreamName="orders", ShardId="0", ShardIteratorType="TRIM_HORIZON"
    )
    (record,) = running.call("GetRecords", **iterator)["Records"].documents()
    assert record["Data"] == b"kept"
    with pytest.raises(StoreUnavailable):
        running.call("PutRecord", StreamName="orders", Data=b"lost", PartitionKey="key")
    with pytest.raises(StoreUnavailable):
        running.call("CreateStream", StreamName="others", ShardCount=1)

    store.is_full = False
    assert status(running) == "ACTIVE"
    running.call("PutRecord", StreamName="orders", Data=b"again", PartitionKey="key")
    assert running.engine.check() == []


class StoreFullAtFirst(FaultyStore):
    """Nothing can be written to it when the engine opens it."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self.is_full = True


def test_iterators_outlive_a_restart_even_when_the_first_write_failed() -> None:
    running = RunningEngine(StoreFullAtFirst, ManualClock())
    running.inbox.run_posted()
    store = running.engine.store
    assert isinstance(store, StoreFullAtFirst)
    store.is_full = False
    running.call("CreateStream", StreamName="orders", ShardCount=1)
    iterator = running.call(
        "GetShardIterator", StreamName="orders", ShardId="0", ShardIteratorType="TRIM_HORIZON"
    )

    running.engine = Engine(store, running.clock, Settings(transition_ms=0), Random(1).randbytes)
    running.engine.open()
    assert "NextShardIterator" in running.call("GetRecords", **iterator)
    running.close()
