"""For how long a request waits over a simulated Kafka that does not answer: 20 s, for all together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Collection, Iterable
from typing import Any

import pytest

from headwater.model.errors import ResourceNotFoundException
from headwater.storage.interface import Entry, StoreInDoubt, StoreUnavailable
from headwater.storage.kafka.patience import SWEEP_S
from tests.storage.kafka.simulated_gateways import TOPICS, SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka
from tests.storage.kafka.test_simulated_histories import done

ANSWER_WITHIN_S = 20.0
"""As docs/scale-out.md promises."""
LONG_S = 300.0
"""After so long nothing is under way any more."""
FIRST_HALF, SECOND_HALF = "0", str(2**127)


async def timely(call: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """The answer of a call, or what it raises, which is there as early as it is promised."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        return await call
    finally:
        assert loop.time() - began_s <= ANSWER_WITHIN_S


async def made(gateways: Collection[SimulatedGateway], stream: str, shards: int) -> None:
    """A stream that every gateway serves."""
    first, *_ = gateways
    await first.call("CreateStream", StreamName=stream, ShardCount=shards)
    for gateway in gateways:
        while await status(gateway, stream) != "ACTIVE":
            await asyncio.sleep(0.1)


async def status(gateway: SimulatedGateway, stream: str) -> str:
    summary = await gateway.call("DescribeStreamSummary", StreamName=stream)
    found: str = summary["StreamDescriptionSummary"]["StreamStatus"]
    return found


class EveryShard(set[str]):
    """The topics of all shards, those that come later, too."""

    def isdisjoint(self, topics: Iterable[object]) -> bool:
        return super().isdisjoint(topics) and not any(map(is_of_shard, topics))


def is_of_shard(topic: object) -> bool:
    return str(topic).startswith(f"{TOPICS.prefix}.log.")


def put(gateway: SimulatedGateway, data: str, hash_key: str = FIRST_HALF) -> asyncio.Task[dict[str, Any]]:
    """A put that is under way."""
    members = {"Data": data.encode(), "PartitionKey": "key", "ExplicitHashKey": hash_key}
    return asyncio.create_task(timely(gateway.call("PutRecord", StreamName="orders", **members)))


def puts(gateway: SimulatedGateway, *records: tuple[str, str]) -> asyncio.Task[dict[str, Any]]:
    """A put of several records, with their hash keys."""
    entries = [
        {"Data": data.encode(), "PartitionKey": "key", "ExplicitHashKey": hash_key}
        for data, hash_key in records
    ]
    return asyncio.create_task(timely(gateway.call("PutRecords", StreamName="orders", Records=entries)))


async def split(gateway: SimulatedGateway, shard: int, hash_key: int) -> None:
    """Split a shard, and wait until the children take records."""
    await gateway.call(
        "SplitShard",
        StreamName="orders",
        ShardToSplit=f"shardId-{shard:012}",
        NewStartingHashKey=str(hash_key),
    )
    while await status(gateway, "orders") != "ACTIVE":
        await asyncio.sleep(0.1)


async def stored(gateway: SimulatedGateway) -> Counter[str]:
    """How often each record is in the stream, all shards together."""
    found: Counter[str] = Counter()
    for shard in (await gateway.call("ListShards", StreamName="orders"))["Shards"]:
        iterator = (
            await gateway.call(
                "GetShardIterator",
                StreamName="orders",
                ShardId=shard["ShardId"],
                ShardIteratorType="TRIM_HORIZON",
            )
        ).get("ShardIterator")
        while iterator:
            page = await gateway.call("GetRecords", ShardIterator=iterator)
            found.update(record["Data"].decode() for record in page["Records"].documents())
            if not page["MillisBehindLatest"] and not page["Records"].documents():
                break
            iterator = page.get("NextShardIterator")
    return found


async def rerouted(_: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    one, other = gateways
    await made(gateways, "orders", 1)
    one.cluster.silent = EveryShard()
    waiting = put(one, "late")
    for shard, after_s in ((0, 8), (1, 4), (3, 1)):
        await asyncio.sleep(after_s)
        await split(other, shard, 2 ** (100 - shard))
    with pytest.raises(StoreUnavailable):
        await waiting
    one.cluster.silent = set()
    await asyncio.sleep(LONG_S)
    assert (await stored(other))["late"] <= 1
    await put(one, "next")
    assert (await stored(other))["next"] == 1


async def stored_in_part(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    one, other = gateways
    await made(gateways, "orders", 2)
    one.cluster.silent = {topic_of(one, 0)}
    waiting = puts(one, ("a", FIRST_HALF), ("b", SECOND_HALF))
    await asyncio.sleep(12)
    one.cluster.silent = EveryShard()
    await split(other, 0, 2**100)
    answer = await waiting
    assert answer["FailedRecordCount"] == 1
    failed, placed = answer["Records"]
    assert failed["ErrorCode"] == "InternalFailure"
    assert placed["ShardId"] == "shardId-000000000001"
    one.cluster.silent = set()
    await asyncio.sleep(LONG_S)
    found = await stored(other)
    assert found["b"] == 1
    assert found["a"] <= 1


def topic_of(gateway: SimulatedGateway, shard: int) -> str:
    (stream,) = gateway.engine.all_streams()
    return TOPICS.log(stream.shards[shard].log_id)


async def behind_others(_: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """Rerouted records come behind those that wait for less long: both are told in time."""
    one, other = gateways
    await made(gateways, "orders", 1)
    one.cluster.silent = EveryShard()
    under_way, early = put(one, "under way"), put(one, "early")
    await asyncio.sleep(10)
    await split(other, 0, 2**100)
    later = [put(one, f"later {at}") for at in range(3)]
    answers = await asyncio.gather(under_way, early, *later, return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    one.cluster.silent = set()
    await asyncio.sleep(LONG_S)
    assert set((await stored(other)).values()) <= {1}


async def behind_those_who_came_later(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """Whoever has waited before is told before those who stand before it, and the others go on waiting."""
    one, _ = gateways
    await made(gateways, "orders", 1)
    one.cluster.silent = EveryShard()
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    (stream,) = one.engine.all_streams()

    async def told(text: str, waited_s: float) -> tuple[float, object]:
        entry = Entry(stream.shards[0].log_id, 0, (text.encode(),))
        (outcome,) = await done(one.store.append((entry,), waited_s))
        return loop.time() - began_s, outcome

    under_way = asyncio.create_task(told("under way", 0))
    await asyncio.sleep(1)
    waiting = [told("second", 0), told("third", 15), told("fourth", 0), told("late", 18)]
    second, third, fourth, late = await asyncio.gather(*waiting)
    assert isinstance((await under_way)[1], StoreInDoubt)
    for _, outcome in (second, third, fourth, late):
        assert isinstance(outcome, StoreUnavailable)
        assert not isinstance(outcome, StoreInDoubt)
        assert "nothing was stored" in str(outcome)
    assert late[0] < third[0] < second[0] == fourth[0]
    assert late[0] <= 1 + SWEEP_S
    assert third[0] <= 4 + SWEEP_S


async def asked_again(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """The stream goes while a put waits: the put looks whether it has missed a new one."""
    one, other = gateways
    await made(gateways, "orders", 1)
    one.cluster.silent = EveryShard()
    waiting = put(one, "late")
    await asyncio.sleep(16)
    one.cluster.silent = {TOPICS.meta}
    await other.call("DeleteStream", StreamName="orders")
    with pytest.raises((StoreUnavailable, ResourceNotFoundException)):
        await waiting


async def asked_for_the_newest(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """Nobody says where the commands end: what a put must know before it says no, too."""
    one, _ = gateways
    await made(gateways, "orders", 1)
    del kafka.topics[TOPICS.meta]
    for operation in ("PutRecord", "DescribeStreamSummary"):
        record = {"Data": b"a", "PartitionKey": "key"} if operation == "PutRecord" else {}
        with pytest.raises(StoreUnavailable):
            await timely(one.call(operation, StreamName="orders-2", **record))


async def made_without_a_controller(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    one, other = gateways
    one.cluster.has_silent_controller = True
    with pytest.raises(StoreUnavailable) as refused:
        await timely(one.call("CreateStream", StreamName="orders", ShardCount=1))
    assert not isinstance(refused.value, StoreInDoubt)
    one.cluster.has_silent_controller = False
    await asyncio.sleep(LONG_S)
    with pytest.raises(ResourceNotFoundException):
        await status(other, "orders")
    await made(gateways, "orders", 1)


async def made_by_the_next_controller(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """One that hangs is asked once; the next one is asked while the caller still waits."""
    one, _ = gateways
    one.cluster.has_silent_controller = True
    making = asyncio.create_task(timely(one.call("CreateStream", StreamName="orders", ShardCount=1)))
    await asyncio.sleep(3)
    one.cluster.has_silent_controller = False
    await making


async def changed_together(_: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """A change waits for what is due, then for itself, and for its turn behind another one's."""
    one, other = gateways
    await made(gateways, "orders", 1)
    one.cluster.silent = {TOPICS.meta}
    named = {"StreamName": "orders"}
    asking = [
        one.call("UpdateShardCount", TargetShardCount=2, ScalingType="UNIFORM_SCALING", **named),
        one.call("IncreaseStreamRetentionPeriod", RetentionPeriodHours=48, **named),
        one.call("AddTagsToStream", Tags={"a": "b"}, **named),
    ]
    answers = await asyncio.gather(*map(timely, asking), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    one.cluster.silent = set()
    await asyncio.sleep(LONG_S)
    await one.call("AddTagsToStream", Tags={"a": "c"}, **named)
    assert (await other.call("ListTagsForStream", **named))["Tags"] == [{"Key": "a", "Value": "c"}]


async def due_meanwhile(_: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """A put applies what is due, which is not taken; then its record is not either."""
    one, other = gateways
    await made(gateways, "orders", 1)
    await other.call(
        "SplitShard", StreamName="orders", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**100)
    )
    for gateway in gateways:
        gateway.cluster.silent = {TOPICS.meta}
    await asyncio.sleep(1)
    one.cluster.silent = EveryShard(one.cluster.silent)
    with pytest.raises(StoreUnavailable):
        await put(one, "late")
    for gateway in gateways:
        gateway.cluster.silent = set()
    await asyncio.sleep(LONG_S)
    assert (await stored(other))["late"] <= 1


async def started_while_brokers_are_away(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    """A gateway that starts waits for longer than a request: whoever opens its store says for how long."""
    await made(gateways, "orders", 1)
    for topic in (TOPICS.snapshots, TOPICS.meta):
        away = kafka.topics.pop(topic)
        late = SimulatedGateway(kafka, f"without {topic}")
        starting = asyncio.create_task(late.start())
        await asyncio.sleep(50)
        assert not starting.done()
        kafka.topics[topic] = away
        await starting
        gateways.append(late)
        assert await status(late, "orders") == "ACTIVE"


def test_a_put_that_finds_its_shard_closed_again_and_again_is_answered_in_time() -> None:
    live(1, 2, rerouted)


def test_records_that_are_stored_are_told_when_time_runs_out_for_others() -> None:
    live(2, 2, stored_in_part)


def test_records_of_a_closed_shard_are_told_in_time_behind_others() -> None:
    live(8, 2, behind_others)


def test_whoever_has_waited_before_is_told_before_others() -> None:
    live(10, 2, behind_those_who_came_later)


def test_a_put_that_finds_a_change_due_is_answered_in_time() -> None:
    live(9, 2, due_meanwhile)


def test_a_put_whose_stream_goes_meanwhile_is_answered_in_time() -> None:
    live(3, 2, asked_again)


def test_what_must_know_the_newest_is_answered_in_time() -> None:
    live(4, 2, asked_for_the_newest)


def test_a_stream_is_not_made_when_no_controller_answers_in_time() -> None:
    live(5, 2, made_without_a_controller)


def test_a_stream_is_made_when_the_next_controller_answers() -> None:
    live(6, 2, made_by_the_next_controller)


def test_changes_are_answered_in_time() -> None:
    live(7, 2, changed_together)


def test_a_gateway_that_starts_waits_for_brokers_that_are_away() -> None:
    live(11, 2, started_while_brokers_are_away)
