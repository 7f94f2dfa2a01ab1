"""Calls that are being committed count: two at a time cannot both have the last stream that is left."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.engine.limits.limits import CREATING_STREAMS_MAX
from headwater.model.clock import ManualClock
from headwater.model.errors import LimitExceededException
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import RunningEngine


@pytest.fixture
def running() -> RunningEngine:
    return RunningEngine(MemoryStore, ManualClock(), transition_ms=1_000, on_demand_stream_limit=3)


def refused(outcomes: list[list[tuple[Any, BaseException | None]]]) -> int:
    return sum(isinstance(error, LimitExceededException) for ((_, error),) in outcomes)


def test_no_more_streams_are_creating_than_may_be(running: RunningEngine) -> None:
    outcomes = [running.begin("CreateStream", StreamName=f"s-{at}", ShardCount=1) for at in range(12)]
    running.inbox.run_posted()
    assert refused(outcomes) == 12 - CREATING_STREAMS_MAX
    assert len(running.call("ListStreams")["StreamNames"]) == CREATING_STREAMS_MAX


def test_no_more_streams_are_on_demand_than_may_be(running: RunningEngine) -> None:
    mode = {"StreamMode": "ON_DEMAND"}
    outcomes = [
        running.begin("CreateStream", StreamName=f"s-{at}", StreamModeDetails=mode) for at in range(5)
    ]
    running.inbox.run_posted()
    assert refused(outcomes) == 2


def test_no_more_streams_become_on_demand_than_may_be(running: RunningEngine) -> None:
    for at in range(5):
        running.call("CreateStream", StreamName=f"s-{at}", ShardCount=1)
    running.clock.advance_ms(1_000)
    summaries = [running.call("DescribeStreamSummary", StreamName=f"s-{at}") for at in range(5)]
    arns = [each["StreamDescriptionSummary"]["StreamARN"] for each in summaries]
    mode = {"StreamMode": "ON_DEMAND"}
    outcomes = [running.begin("UpdateStreamMode", StreamARN=arn, StreamModeDetails=mode) for arn in arns]
    running.inbox.run_posted()
    assert refused(outcomes) == 2
