"""A stream made again under its name begins in a later second than all that the last one has given out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.engine.consumers import PAST_CONSUMERS_MAX
from headwater.engine.past_streams import NAMES_MAX, PastStreams
from headwater.model.arn import StreamName
from headwater.model.clock import ManualClock
from headwater.model.errors import InvalidArgumentException, ResourceNotFoundException
from headwater.model.sequence_number import parse_sequence_number
from headwater.storage.interface import Post, Store
from headwater.storage.lmdb.store import LmdbStore
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import RunningEngine

OpenStore = Callable[[Post], Store]
HOUR_MS = 3_600_000


def stores() -> Iterator[Any]:
    yield pytest.param(lambda _folder: MemoryStore, id="memory")
    yield pytest.param(lambda folder: lambda post: LmdbStore(folder, post, synced=False), id="lmdb")


@pytest.fixture(params=list(stores()))
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    opened: OpenStore = request.param(tmp_path)
    return opened


def seconds_of(number: str) -> int:
    parsed = parse_sequence_number(number)
    assert parsed is not None
    return max(parsed.epoch_s, parsed.time_s)


class Life:
    """What one life of the stream `orders` has given out."""

    def __init__(self, running: RunningEngine, split: bool = False) -> None:
        call: Any = running.call
        name = {"StreamName": "orders"}
        call("CreateStream", **name, ShardCount=1)
        running.clock.advance_ms(running.engine.settings.transition_ms)
        told = call("DescribeStreamSummary", **name)["StreamDescriptionSummary"]
        self.created_s = told["StreamCreationTimestamp"].ms // 1000
        consumer = call("RegisterStreamConsumer", StreamARN=told["StreamARN"], ConsumerName="reader")
        self.consumer_s = int(consumer["Consumer"]["ConsumerARN"].rpartition(":")[2])
        assert self.consumer_s == consumer["Consumer"]["ConsumerCreationTimestamp"].ms // 1000
        self.numbers = [
            call("PutRecord", **name, Data=b"x", PartitionKey=str(at))["SequenceNumber"] for at in range(3)
        ]
        if split:
            for shard_id in ("shardId-0", "shardId-1"):
                half = str(2**126 if shard_id == "shardId-1" else 2**127)
                call("SplitShard", **name, ShardToSplit=shard_id, NewStartingHashKey=half)
                running.clock.advance_ms(running.engine.settings.transition_ms)
                call("DescribeStreamSummary", **name)
        for shard in call("ListShards", **name)["Shards"]:
            self.numbers += shard["SequenceNumberRange"].values()
        first = {**name, "ShardId": "shardId-000000000000"}
        self.iterator = call("GetShardIterator", **first, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]

    @property
    def seconds(self) -> list[int]:
        return [self.created_s, self.consumer_s, *map(seconds_of, self.numbers)]


def delete(running: RunningEngine) -> None:
    running.call("DeleteStream", StreamName="orders", EnforceConsumerDeletion=True)
    running.clock.advance_ms(running.engine.settings.transition_ms)
    running.engine.tick()
    running.inbox.run_posted()


def set_back(running: RunningEngine) -> None:
    running.clock.advance_ms(-HOUR_MS)


def restart(running: RunningEngine) -> None:
    if not isinstance(running.engine.store, MemoryStore):
        running.restart()


def reset(running: RunningEngine) -> None:
    running.inbox.run(running.engine.reset())


def wait_long_and_go_back(running: RunningEngine) -> None:
    running.clock.advance_ms(HOUR_MS)
    for _ in range(3):
        running.engine.tick()
        running.inbox.run_posted()
    running.clock.advance_ms(-2 * HOUR_MS)


def nothing(_running: RunningEngine) -> None:
    pass


@pytest.mark.parametrize("transition_ms", [0, 1, 500])
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("between", [nothing, set_back, restart, wait_long_and_go_back])
def test_each_life_of_a_name_is_later_than_the_last(
    open_store: OpenStore, transition_ms: int, split: bool, between: Callable[[RunningEngine], None]
) -> None:
    running = RunningEngine(open_store, ManualClock(), transition_ms)
    lives: list[Life] = []
    for _ in range(4):
        life = Life(running, split)
        for earlier in lives:
            assert min(life.seconds) > max(earlier.seconds)
            for number in earlier.numbers:
                for kind in ("AFTER_SEQUENCE_NUMBER", "AT_SEQUENCE_NUMBER"):
                    with pytest.raises(InvalidArgumentException):
                        running.call(
                            "GetShardIterator",
                            StreamName="orders",
                            ShardId="shardId-000000000000",
                            ShardIteratorType=kind,
                            StartingSequenceNumber=number,
                        )
            with pytest.raises(ResourceNotFoundException):
                running.call("GetRecords", ShardIterator=earlier.iterator)
        lives.append(life)
        delete(running)
        between(running)
    running.close()


def test_a_reset_forgets_streams_but_not_their_seconds(open_store: OpenStore) -> None:
    running = RunningEngine(open_store, ManualClock())
    first = Life(running)
    reset(running)
    restart(running)
    assert min(Life(running).seconds) > max(first.seconds)
    running.close()


def test_a_stream_made_ahead_of_the_clock_can_be_read_and_listed_from_its_beginning() -> None:
    running = RunningEngine(MemoryStore, ManualClock())
    Life(running)
    delete(running)
    life = Life(running, split=True)
    assert life.created_s * 1000 > running.clock.now_ms()
    listed = running.call("ListShards", StreamName="orders", ShardFilter={"Type": "FROM_TRIM_HORIZON"})
    assert len(listed["Shards"]) == 5
    iterator = running.call(
        "GetShardIterator",
        StreamName="orders",
        ShardId="shardId-000000000000",
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=life.created_s,
    )
    assert iterator["ShardIterator"]
    running.close()


def test_another_name_begins_when_the_clock_says() -> None:
    running = RunningEngine(MemoryStore, ManualClock())
    Life(running)
    delete(running)
    running.call("CreateStream", StreamName="other", ShardCount=1)
    told = running.call("DescribeStreamSummary", StreamName="other")["StreamDescriptionSummary"]
    assert told["StreamCreationTimestamp"].ms // 1000 == running.clock.now_ms() // 1000
    running.close()


def test_a_consumer_registered_again_has_an_arn_of_a_later_second(open_store: OpenStore) -> None:
    running = RunningEngine(open_store, ManualClock())
    running.call("CreateStream", StreamName="orders", ShardCount=1)
    arn = running.call("DescribeStreamSummary", StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    seen: list[int] = []
    for between in (nothing, set_back, restart, nothing):
        answer = running.call("RegisterStreamConsumer", StreamARN=arn, ConsumerName="reader")["Consumer"]
        seen.append(int(answer["ConsumerARN"].rpartition(":")[2]))
        running.call("DeregisterStreamConsumer", ConsumerARN=answer["ConsumerARN"])
        running.call("DescribeStreamSummary", StreamName="orders")  # by then it is gone
        between(running)
    assert seen == sorted(set(seen))
    running.close()


def test_consumers_that_are_gone_take_a_bounded_place() -> None:
    running = RunningEngine(MemoryStore, ManualClock())
    running.call("CreateStream", StreamName="orders", ShardCount=1)
    arn = running.call("DescribeStreamSummary", StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    seen: dict[str, int] = {}
    for at in [*range(2 * PAST_CONSUMERS_MAX), *range(3)]:
        named = {"StreamARN": arn, "ConsumerName": f"reader-{at}"}
        answer = running.call("RegisterStreamConsumer", **named)["Consumer"]
        second = int(answer["ConsumerARN"].rpartition(":")[2])
        assert second > seen.get(named["ConsumerName"], -1)
        seen[named["ConsumerName"]] = second
        running.call("DeregisterStreamConsumer", **named)
        running.call("DescribeStreamSummary", StreamName="orders")
    (live,) = running.engine._streams.values()
    assert len(live.stream.past_consumers_s) <= PAST_CONSUMERS_MAX
    running.close()


@pytest.mark.long
def test_names_that_are_gone_take_a_bounded_place_and_lose_no_second() -> None:
    past, stored = PastStreams(), dict[str, bytes | None]()
    names = [StreamName("123456789012", "eu-central-1", f"stream-{at}") for at in range(2 * NAMES_MAX)]
    for at, name in enumerate(names):
        stored.update(past.writes({name: at}))
        past.remember({name: at})
    kept = {key: value for key, value in stored.items() if value is not None}
    assert len(kept) == NAMES_MAX + 1
    loaded = PastStreams()
    for key, value in kept.items():
        loaded.take_over(key, value)
    for at, name in enumerate(names):
        assert loaded.first_s(name) == past.first_s(name) > at
    assert loaded.first_s(StreamName("123456789012", "eu-central-1", "new")) == NAMES_MAX
