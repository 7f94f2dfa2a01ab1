"""Two engines over the same data: what one changes, the other one serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from headwater.model.errors import ResourceInUseException, ResourceNotFoundException
from headwater.model.sequence_number import parse_sequence_number
from headwater.storage.interface import Post
from tests.engine.running_engine import RunningEngine
from tests.storage.shared_memory_store import SharedMemoryStore

SHARD = "shardId-000000000000"
AHEAD_MS = 4_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engines(clock: ManualClock) -> Iterator[tuple[RunningEngine, RunningEngine]]:
    """Both are started before either has stored anything; the clock of the data is ahead of theirs."""
    stores: list[SharedMemoryStore] = []

    def open_store(post: Post) -> SharedMemoryStore:
        stores.append(SharedMemoryStore(post, stores[0] if stores else None, ahead_ms=AHEAD_MS))
        return stores[-1]

    one, other = (RunningEngine(open_store, clock, seed=seed) for seed in (1, 2))
    one.inbox.run_posted()
    other.inbox.run_posted()
    yield one, other
    one.close()
    other.close()


def put(engine: RunningEngine, **members: Any) -> dict[str, Any]:
    return engine.call("PutRecord", StreamName="orders", Data=b"data", PartitionKey="key", **members)


def iterator(engine: RunningEngine, shard: str = SHARD, kind: str = "TRIM_HORIZON", **members: Any) -> str:
    answer = engine.call(
        "GetShardIterator", StreamName="orders", ShardId=shard, ShardIteratorType=kind, **members
    )
    token: str = answer["ShardIterator"]
    return token


def numbers_read(engine: RunningEngine, token: str) -> list[str]:
    runs = engine.call("GetRecords", ShardIterator=token)["Records"].runs
    return [str(number) for run in runs for number in run.sequence_numbers]


def test_a_stream_that_one_has_made_is_served_by_the_other(
    engines: tuple[RunningEngine, RunningEngine],
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    number = put(other)["SequenceNumber"]
    assert numbers_read(one, iterator(one)) == [number]


def test_an_iterator_of_one_is_good_at_the_other(engines: tuple[RunningEngine, RunningEngine]) -> None:
    one, other = engines
    other.call("CreateStream", StreamName="orders", ShardCount=1)
    put(one)
    token = one.call("GetRecords", ShardIterator=iterator(other))["NextShardIterator"]
    assert numbers_read(other, token) == []


def test_only_one_of_them_can_make_a_stream(engines: tuple[RunningEngine, RunningEngine]) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    with pytest.raises(ResourceInUseException):
        other.call("CreateStream", StreamName="orders", ShardCount=2)


def test_what_one_has_split_the_other_puts_into_the_children(
    engines: tuple[RunningEngine, RunningEngine],
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    put(other)
    one.call("SplitShard", StreamName="orders", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
    one.engine.tick()
    one.inbox.run_posted()
    assert put(other)["ShardId"] != SHARD
    answer = other.call("GetRecords", ShardIterator=iterator(other))
    assert len(answer["ChildShards"]) == 2


def test_a_stream_that_is_gone_and_made_again_is_a_new_one_everywhere(
    engines: tuple[RunningEngine, RunningEngine], clock: ManualClock
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    put(other)
    stale = iterator(other)
    one.call("DeleteStream", StreamName="orders")
    one.engine.tick()
    one.inbox.run_posted()
    with pytest.raises(ResourceNotFoundException):
        put(other)
    clock.advance_ms(1_000)
    other.call("CreateStream", StreamName="orders", ShardCount=2)
    with pytest.raises(ResourceNotFoundException):
        other.call("GetRecords", ShardIterator=stale)
    assert numbers_read(one, iterator(one)) == []


def test_settings_of_an_account_are_those_of_both(engines: tuple[RunningEngine, RunningEngine]) -> None:
    one, other = engines
    commitment = {"Status": "ENABLED"}
    one.call("UpdateAccountSettings", MinimumThroughputBillingCommitment=commitment)
    described = other.call("DescribeAccountSettings")["MinimumThroughputBillingCommitment"]
    assert described["Status"] == "ENABLED"


def test_a_record_arrives_when_the_store_says_so(
    engines: tuple[RunningEngine, RunningEngine], clock: ManualClock
) -> None:
    one, other = engines
    one.call("CreateStream", StreamName="orders", ShardCount=1)
    first = put(other)["SequenceNumber"]
    number = parse_sequence_number(first)
    assert number is not None
    assert number.time_s == (clock.now_ms() + AHEAD_MS) // 1000
    assert numbers_read(one, iterator(one)) == [first]
    second = put(one, SequenceNumberForOrdering=first)["SequenceNumber"]
    after = iterator(other, kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=first)
    assert numbers_read(other, after) == [second]
