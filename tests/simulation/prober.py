"""A reader that begins in the middle: at the tip of a shard, or at a time."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from headwater.model.errors import KinesisError
from headwater.model.hash_key import HASH_KEY_MAX
from headwater.storage.interface import StoreUnavailable
from tests.simulation.record_book import Page
from tests.simulation.shard_book import hash_range_of
from tests.simulation.simulated_server import ConnectionLost, Flight
from tests.simulation.world import World


async def probe(world: World) -> None:
    """Begin in the middle again and again until the history ends."""
    while not world.ending:
        await world.scheduler.turn("a prober")
        name = world.chance.choice(world.names)
        shards = sorted(world.stream(name).shards.shards)
        if world.ending or not shards:
            continue
        with suppress(KinesisError, StoreUnavailable, ConnectionLost):
            match world.chance.randrange(3):
                case 0:
                    await _from_the_tip(world, name, world.chance.choice(shards))
                case 1:
                    await _from_a_time(world, name, world.chance.choice(shards))
                case _:
                    await _shards_at_a_time(world, name)


async def _from_the_tip(world: World, name: str, shard_id: str) -> None:
    """All that is sent from now on, and nothing that was acknowledged before."""
    born, asked = world.born(name), world.scheduler.now
    issued: list[int] = []
    answer = await world.server.call(
        "GetShardIterator",
        lambda flight: issued.append(flight.ended),
        StreamName=name,
        ShardId=shard_id,
        ShardIteratorType="LATEST",
    )
    await world.scheduler.turn("a prober waits")

    def settle(flight: Flight) -> None:
        if flight.code is not None or world.born(name) != born:
            return
        found = _read(world, name, shard_id, flight)
        for record in world.stream(name).records.stored(shard_id):
            if record.acknowledged is not None and record.acknowledged < asked:
                assert record.number not in found, f"{record} was there before"
            elif record.acknowledged is not None and issued[0] < record.sent < flight.started:
                told = record.acknowledged < flight.started
                gone = record.earliest_ms < world.stream(name).gone_before_ms
                assert not told or gone or record.number in found, f"{record} is missing from the tip"

    await world.server.call("GetRecords", settle, ShardIterator=answer["ShardIterator"])


async def _from_a_time(world: World, name: str, shard_id: str) -> None:
    """All that arrived then or later, and nothing else."""
    born, asked = world.born(name), world.scheduler.now
    time_ms = world.clock.now_ms() - world.chance.choice((0, 1, 1000, 100_000, 90_000_000))
    answer = await world.server.call(
        "GetShardIterator",
        StreamName=name,
        ShardId=shard_id,
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=time_ms / 1000,
    )

    def settle(flight: Flight) -> None:
        if flight.code is not None or world.born(name) != born:
            return
        found = _read(world, name, shard_id, flight)
        stream = world.stream(name)
        for record in stream.records.stored(shard_id):
            # What was still being stored as the iterator was made may have arrived before, and come after.
            if record.acknowledged is not None and record.acknowledged < asked:
                assert found.get(record.number, time_ms) >= time_ms, f"{record} is from before {time_ms}"
        since_ms = max(time_ms, stream.gone_before_ms)
        for record in stream.records.missing(shard_id, "", flight.started, since_ms):
            assert record.number in found, f"{record} arrived after {time_ms}, and is missing"

    await world.server.call("GetRecords", settle, ShardIterator=answer["ShardIterator"])


def _read(world: World, name: str, shard_id: str, flight: Flight) -> dict[str, int]:
    """The numbers and arrival times of a page."""
    stream = world.stream(name)
    records: list[dict[str, Any]] = flight.answer["Records"]
    after = str(int(records[0]["SequenceNumber"]) - 1) if records else "9" * 60
    visible_from_ms = world.book.visible_from_ms(name, flight)
    page = Page(shard_id, records, after, flight.started, True, visible_from_ms, stream.gone_before_ms)
    found = stream.records.read(page, stream.shards)
    arrivals_ms = [round(record["ApproximateArrivalTimestamp"] * 1000) for record in records]
    return dict(zip((record.number for record in found), arrivals_ms, strict=True))


async def _shards_at_a_time(world: World, name: str) -> None:
    """The shards that were open at any one time had all hash keys."""
    time_ms = world.clock.now_ms() - world.chance.choice((0, 1, 1000, 100_000))
    chosen = {"Type": "AT_TIMESTAMP", "Timestamp": time_ms / 1000}
    settle = partial(_settle_shards, world, name, world.born(name))
    await world.server.call("ListShards", settle, StreamName=name, ShardFilter=chosen)


def _settle_shards(world: World, name: str, born: int | None, flight: Flight) -> None:
    if flight.code is None and world.born(name) == born:
        ranges = sorted(hash_range_of(shard) for shard in flight.answer["Shards"])
        covered = -1
        for start, end in ranges:  # in the very millisecond of a reshard, parents and children
            assert start <= covered + 1, f"at {flight.members} no shard had {covered + 1}"
            covered = max(covered, end)
        assert not ranges or covered == HASH_KEY_MAX
