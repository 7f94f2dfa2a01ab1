"""Answers of one of several engines: each knows what anybody was told before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater.api.operation import OPERATIONS
from headwater.api.other_engines import RECORD_OPERATIONS, in_step
from headwater.api.validation.constraints import accept
from headwater.model.clock import ManualClock
from headwater.model.errors import ResourceNotFoundException
from headwater.storage.interface import Post
from headwater.wire.json_format import encode
from tests.engine.running_engine import CALLER, RunningEngine
from tests.storage.shared_memory_store import SharedMemoryStore


@pytest.fixture
def one_and_other() -> Iterator[tuple[RunningEngine, RunningEngine]]:
    """The other one hears of what was changed when it asks."""
    stores: list[SharedMemoryStore] = []

    def open_store(post: Post) -> SharedMemoryStore:
        stores.append(SharedMemoryStore(post, stores[0] if stores else None, is_told_late=bool(stores)))
        return stores[-1]

    one, other = (RunningEngine(open_store, ManualClock(), seed=seed) for seed in (1, 2))
    one.inbox.run_posted()
    other.inbox.run_posted()
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    yield one, other
    one.close()
    other.close()


def call_in_step(engine: RunningEngine, operation: str, **members: Any) -> dict[str, Any]:
    handler = in_step(OPERATIONS, engine.engine)[operation].handler
    assert handler is not None
    answer = engine.inbox.run(handler(engine.engine, CALLER, accept(operation, encode(members))))
    assert isinstance(answer, dict)
    return answer


def test_what_describes_streams_waits_for_what_others_have_changed(
    one_and_other: tuple[RunningEngine, RunningEngine],
) -> None:
    _, other = one_and_other
    assert other.call("ListStreams")["StreamNames"] == []
    assert call_in_step(other, "ListStreams")["StreamNames"] == ["orders"]


def test_a_put_looks_again_before_it_says_no(one_and_other: tuple[RunningEngine, RunningEngine]) -> None:
    _, other = one_and_other
    record: dict[str, Any] = {"StreamName": "orders", "Data": b"data", "PartitionKey": "key"}
    with pytest.raises(ResourceNotFoundException):
        other.call("PutRecord", **record)
    assert call_in_step(other, "PutRecord", **record)["ShardId"] == "shardId-000000000000"


def test_what_nobody_has_is_still_not_there(one_and_other: tuple[RunningEngine, RunningEngine]) -> None:
    _, other = one_and_other
    for operation in ("PutRecord", "DescribeStreamSummary"):
        record = {"Data": b"data", "PartitionKey": "key"} if operation in RECORD_OPERATIONS else {}
        with pytest.raises(ResourceNotFoundException):
            call_in_step(other, operation, StreamName="orders-2", **record)


def test_operations_that_are_not_offered_stay_so(
    one_and_other: tuple[RunningEngine, RunningEngine],
) -> None:
    offered = {name for name, operation in OPERATIONS.items() if operation.is_offered}
    operations = in_step(OPERATIONS, one_and_other[0].engine)
    assert {name for name, operation in operations.items() if operation.is_offered} == offered
