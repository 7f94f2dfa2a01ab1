"""Limits and scaling inside an engine, without a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.engine.limits.throughput_limits import ThroughputSettings
from headwater.engine.limits.write_load import PEAK_LIFE_MS, WINDOW_MS
from headwater.model.arn import StreamName
from headwater.model.clock import ManualClock
from headwater.storage.interface import Change, Post, StoreUnavailable
from headwater.storage.lmdb.store import LmdbStore
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import CALLER, RunningEngine

NAME = StreamName(*CALLER, "orders")
TRANSITION_MS = 200


def put(running: RunningEngine, count: int) -> None:
    records = [{"Data": b"x", "PartitionKey": str(at)} for at in range(count)]
    running.call("PutRecords", StreamName="orders", Records=records)


def created(open_store: Callable[[Post], Any] = MemoryStore, mode: str = "ON_DEMAND") -> RunningEngine:
    """An engine with the stream `orders`, of which each shard takes ten records a second."""
    running = RunningEngine(open_store, ManualClock(), TRANSITION_MS)
    running.call("CreateStream", StreamName="orders", StreamModeDetails={"StreamMode": mode})
    running.clock.advance_ms(TRANSITION_MS)
    running.call("DescribeStreamSummary", StreamName="orders")
    limit(running)
    return running


def limit(running: RunningEngine) -> None:
    assert running.engine.enforcement.set_own_rule(NAME, ThroughputSettings(records_in_per_s=10))


def tick(running: RunningEngine) -> None:
    running.engine.tick()
    running.inbox.run_posted()


def test_the_tick_scales_a_stream_that_nobody_asks_about() -> None:
    running = created()
    put(running, 400)
    running.clock.advance_ms(WINDOW_MS - 1)
    tick(running)
    assert running.engine.live(NAME).stream.status == "ACTIVE"
    running.clock.advance_ms(1)
    tick(running)
    assert running.engine.live(NAME).stream.status == "UPDATING"
    running.clock.advance_ms(TRANSITION_MS)
    tick(running)
    live = running.engine.live(NAME)
    assert (live.stream.status, len(live.stream.open_shards)) == ("ACTIVE", 8)
    running.close()


def test_scaling_that_has_begun_is_completed_after_a_restart(tmp_path: Path) -> None:
    running = created(lambda post: LmdbStore(tmp_path, post, synced=False))
    put(running, 400)
    running.clock.advance_ms(WINDOW_MS)
    tick(running)
    running.restart()
    assert running.engine.live(NAME).stream.status == "UPDATING"
    running.clock.advance_ms(TRANSITION_MS)
    summary = running.call("DescribeStreamSummary", StreamName="orders")["StreamDescriptionSummary"]
    assert (summary["StreamStatus"], summary["OpenShardCount"]) == ("ACTIVE", 8)
    assert running.engine.check() == []
    running.close()


def test_a_restart_forgets_rules_and_peaks(tmp_path: Path) -> None:
    running = created(lambda post: LmdbStore(tmp_path, post, synced=False))
    put(running, 400)
    running.restart()
    assert running.engine.enforcement.own_rules() == []
    assert running.engine.live(NAME).limits is None
    running.close()


class FullDisk(MemoryStore):
    """Takes records, and no change while it is full."""

    is_full = False

    def commit(self, change: Change) -> Any:
        if self.is_full:
            raise StoreUnavailable("the disk is full")
        return super().commit(change)


def test_a_store_that_cannot_write_stops_scaling_and_nothing_else() -> None:
    running = created(FullDisk)
    store: Any = running.engine.store
    store.is_full = True
    put(running, 400)
    running.clock.advance_ms(WINDOW_MS)
    put(running, 400)
    assert running.engine.live(NAME).stream.status == "ACTIVE"
    store.is_full = False
    running.clock.advance_ms(WINDOW_MS)
    tick(running)
    assert running.engine.live(NAME).stream.status == "UPDATING"
    running.close()


def test_a_stream_that_becomes_on_demand_is_judged_from_then_on() -> None:
    running = created(mode="PROVISIONED")
    put(running, 400)
    running.clock.advance_ms(WINDOW_MS)
    tick(running)
    stream = running.engine.live(NAME).stream
    mode = {"StreamMode": "ON_DEMAND"}
    running.call("UpdateStreamMode", StreamARN=stream.arn, StreamModeDetails=mode)
    running.clock.advance_ms(TRANSITION_MS)
    tick(running)
    put(running, 1)
    running.clock.advance_ms(WINDOW_MS)
    tick(running)
    assert running.engine.live(NAME).stream.status == "ACTIVE"
    put(running, 400)
    running.clock.advance_ms(WINDOW_MS)
    tick(running)
    assert running.engine.live(NAME).stream.status == "UPDATING"
    running.close()


@pytest.mark.parametrize("mode", ["ON_DEMAND", "PROVISIONED"])
def test_a_limited_stream_that_needs_nothing_is_not_looked_at(mode: str) -> None:
    running = created(mode=mode)
    put(running, 1)
    for at_ms in (WINDOW_MS, PEAK_LIFE_MS, PEAK_LIFE_MS):
        running.clock.advance_ms(at_ms)
        tick(running)
        tick(running)
        assert running.engine.settled(NAME) is not None
    running.close()


def test_a_log_that_is_gone_is_forgotten() -> None:
    running = created()
    limits = running.engine.live(NAME).limits
    assert limits is not None
    put(running, 40)
    log_id = running.engine.live(NAME).stream.shards[0].log_id
    now_ms = running.clock.now_ms()
    while limits.takes(log_id, 1, now_ms):
        pass
    limits.forget([log_id])
    assert limits.takes(log_id, 1, now_ms)
    running.close()
