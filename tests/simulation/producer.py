"""A producer: one call after the other, of one record or of several."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from headwater.model.errors import KinesisError
from headwater.model.hash_key import HASH_KEY_MAX, hash_key_of
from headwater.storage.interface import StoreUnavailable
from tests.simulation.record_book import SentRecord
from tests.simulation.simulated_server import ConnectionLost, Flight
from tests.simulation.world import World

KEYS = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen")


async def produce(world: World) -> None:
    """Put records until the history ends."""
    last_numbers: dict[str, str] = {}
    while not world.ending:
        await world.scheduler.turn("a producer")
        if world.ending:
            return
        name = world.chance.choice(world.names)
        with suppress(KinesisError, StoreUnavailable, ConnectionLost):
            if world.chance.random() < 0.6:
                last_numbers[name] = await _put_record(world, name, last_numbers.get(name))
            else:
                await _put_records(world, name)


async def _put_record(world: World, name: str, last_number: str | None) -> str:
    record, members = _new_record(world, name)
    if last_number is not None and world.chance.random() < 0.3:
        members["SequenceNumberForOrdering"] = last_number
    settle = partial(_settle, world, name, [record])
    answer = await world.server.call("PutRecord", settle, StreamName=name, **members)
    return str(answer["SequenceNumber"])


async def _put_records(world: World, name: str) -> None:
    made = [_new_record(world, name) for _ in range(world.chance.randint(1, 6))]
    settle = partial(_settle, world, name, [record for record, _ in made])
    documents = [members for _, members in made]
    await world.server.call("PutRecords", settle, StreamName=name, Records=documents)


def _new_record(world: World, name: str) -> tuple[SentRecord, dict[str, Any]]:
    world.sent += 1
    data = f"{world.sent}".ljust(world.chance.choice((1, 1, 20, 1100)), ".")
    key = world.chance.choice(KEYS)
    members: dict[str, Any] = {"Data": data.encode(), "PartitionKey": key}
    hash_key = hash_key_of(key)
    if world.chance.random() < 0.3:
        hash_key = _edge(world, name)
        members["ExplicitHashKey"] = str(hash_key)
    record = SentRecord(data, key, hash_key, world.scheduler.now, world.clock.now_ms())
    world.stream(name).records.send(record)
    return record, members


def _edge(world: World, name: str) -> int:
    """A hash key at the border of a shard, where a mistake by one would tell."""
    shards = list(world.stream(name).shards.shards.values())
    if not shards:
        return world.chance.choice((0, HASH_KEY_MAX))
    return world.chance.choice(world.chance.choice(shards).hash_range)


def _settle(world: World, name: str, records: list[SentRecord], flight: Flight) -> None:
    stream = world.stream(name)
    book = stream.records
    if flight.code is None:
        assert world.book.may_serve(name, flight, serving=True), f"{name} takes records"
        placed = flight.answer.get("Records", [flight.answer])
        for record, place in zip(records, placed, strict=True):
            if "SequenceNumber" in place:
                book.store(record, place["ShardId"], place["SequenceNumber"], flight.ended, stream.shards)
            else:
                assert flight.saw_failures, place
                book.refuse(record)
        return
    for record in records:
        if flight.code == "ConnectionLost":
            book.lose(record)
        else:
            book.refuse(record)
    if flight.code == "ResourceNotFoundException":
        assert world.book.may_serve(name, flight, serving=False), f"{name} takes no records"
    elif flight.code == "StoreUnavailable":
        assert flight.saw_failures
    elif flight.code != "ConnectionLost":
        raise AssertionError(f"a record is refused: {flight.error!r}")
