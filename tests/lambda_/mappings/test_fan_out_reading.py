"""Reading as a registered consumer: what differs from reading the stream."""

from __future__ import annotations

from typing import get_args

import pytest

from headwater.engine.fan_out import SUBSCRIPTION_LIFE_MS
from headwater.followers.shard_reading import LOG_PHASES, LogPhase
from headwater.lambda_.mappings.fan_out_reading import PHASES, Phase
from tests.lambda_.mapped_stream import STREAM, STREAM_ARN, MappedStream, in_loop, mapped_stream
from tests.lambda_.mappings.test_poller import Failing, retry
from tests.phase_tables import never_left, reached_from


async def register(mapped: MappedStream) -> str:
    answer = await mapped.call("RegisterStreamConsumer", StreamARN=STREAM_ARN, ConsumerName="reader")
    await mapped.tick()
    arn: str = answer["Consumer"]["ConsumerARN"]
    return arn


@in_loop
async def test_a_consumer_is_pushed_its_records() -> None:
    async with mapped_stream(shards=2) as mapped:
        arn = await register(mapped)
        await mapped.put("before")
        await mapped.map(EventSourceArn=arn)
        assert len(mapped.engine.subscriptions) == 2
        await mapped.put("a", "b")
        assert mapped.functions.batches == [["before"], ["a"], ["b"]]
        assert mapped.functions.events[0]["Records"][0]["eventSourceARN"] == arn


@in_loop
async def test_a_subscription_follows_another_without_a_gap() -> None:
    async with mapped_stream() as mapped:
        await mapped.map(EventSourceArn=await register(mapped))
        await mapped.put("a")
        await mapped.tick(SUBSCRIPTION_LIFE_MS)
        await mapped.put("b")
        await mapped.tick(SUBSCRIPTION_LIFE_MS // 2)
        await mapped.put("c")
        assert mapped.functions.batches == [["a"], ["b"], ["c"]]


@in_loop
async def test_a_consumer_reads_children_after_their_parents() -> None:
    async with mapped_stream() as mapped:
        function = Failing("a")
        await mapped.map(function, EventSourceArn=await register(mapped), BatchSize=1)
        await mapped.put("a", "b")
        await mapped.call(
            "SplitShard",
            StreamName=STREAM,
            ShardToSplit="shardId-000000000000",
            NewStartingHashKey=str(2**127),
        )
        await mapped.tick()
        await mapped.put("c")
        assert function.done == []
        function.poison.clear()
        await retry(mapped)
        assert function.done == ["a", "b", "c"]


@pytest.mark.long
@in_loop
async def test_nothing_is_pushed_while_enough_waits() -> None:
    async with mapped_stream() as mapped:
        function = Failing("bad")
        await mapped.map(function, EventSourceArn=await register(mapped), BatchSize=1)
        await mapped.put("bad")
        for _ in range(10):
            await mapped.put_together(*(("k", f"{n}") for n in range(500)))
        polled = (await mapped.status())[0]["event_counts"]["polled"]
        assert polled < 5_001
        function.poison.clear()
        await retry(mapped)
        for _ in range(150):
            await mapped.settle()
        assert len(function.done) == 5_001


@in_loop
async def test_a_consumer_goes_on_after_a_restart() -> None:
    async with mapped_stream() as mapped:
        await mapped.map(EventSourceArn=await register(mapped))
        await mapped.put("a")
        await mapped.restart()
        await mapped.put("b")
        assert mapped.functions.batches == [["a"], ["b"]]


@in_loop
async def test_a_disabled_mapping_has_no_subscription() -> None:
    async with mapped_stream() as mapped:
        uuid = await mapped.map(EventSourceArn=await register(mapped))
        await mapped.lambda_call("UpdateEventSourceMapping", UUID=uuid, Enabled=False)
        await mapped.tick()
        assert not mapped.engine.subscriptions


@in_loop
async def test_a_consumer_that_was_deregistered_is_a_problem_that_the_mapping_tells() -> None:
    async with mapped_stream() as mapped:
        arn = await register(mapped)
        uuid = await mapped.map(EventSourceArn=arn)
        await mapped.call("DeregisterStreamConsumer", ConsumerARN=arn)
        await mapped.tick()
        await mapped.tick(1_000)
        assert (await mapped.state(uuid))["LastProcessingResult"].startswith("PROBLEM: Consumer")


def test_every_phase_of_a_consumers_reader_is_reached_and_any_may_be_stopped() -> None:
    assert reached_from("unsubscribed", PHASES) == set(get_args(Phase))
    assert never_left(PHASES) == {"stopped"}
    assert set(PHASES["stop"]) == set(get_args(Phase))


def test_a_reader_of_the_log_may_be_stopped_in_every_phase() -> None:
    assert reached_from("reading", LOG_PHASES) == set(get_args(LogPhase))
    assert never_left(LOG_PHASES) == {"stopped"}
    assert set(LOG_PHASES["stop"]) == set(get_args(LogPhase))
