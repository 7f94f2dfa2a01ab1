"""A consumer that polls: every shard through its lineage, parents first, by iterators of all kinds.

It forgets its iterators now and then, as a process that starts again would, and asks for one
of a type with which it loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from headwater.model.errors import KinesisError
from headwater.storage.interface import StoreUnavailable
from tests.simulation.record_book import Page, SentRecord
from tests.simulation.shard_book import hash_range_of
from tests.simulation.simulated_server import ConnectionLost, Flight
from tests.simulation.world import World

ITERATOR_LIFE_MS = 300_000


@dataclass
class ShardReader:
    """How far one shard is read."""

    shard_id: str
    last: str = ""
    """The number of the last record read; it counts as read, whatever an iterator gives again."""
    arrival_ms: int = 0
    """Of that record."""
    earlier: str = ""
    """The number of the last record read that arrived before it."""
    after: str = ""
    """Where the iterator stands: after the record of this number."""
    iterator: str | None = None
    issued_from_ms: int = 0
    issued_to_ms: int = 0
    """Between these times the iterator was issued."""
    caught_up: bool = False
    """The last page reached to the newest record."""
    ended: bool = False


class Consumer:
    """Reads one stream, and the next one of its name after it."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self._born: int | None = None
        self._readers: dict[str, ShardReader] = {}
        self._consumed: dict[int, list[SentRecord]] = {}

    async def run(self) -> None:
        """Read until the history ends."""
        while not self._world.ending:
            await self._world.scheduler.turn("a consumer")
            if not self._world.ending:
                await self.step()

    async def step(self) -> None:
        """One call."""
        world = self._world
        if world.born(self._name) != self._born:
            self._born, self._readers, self._consumed = world.born(self._name), {}, {}
        open_readers = [reader for reader in self._readers.values() if not reader.ended]
        try:
            if not open_readers or world.chance.random() < 0.1:
                await self.find_shards()
                return
            reader = world.chance.choice(open_readers)
            if reader.iterator is None or world.chance.random() < 0.1:
                await self.find_iterator(reader)
            else:
                await self.read(reader)
        except (KinesisError, StoreUnavailable, ConnectionLost):
            pass  # its `settle` has looked at it

    def check_whole(self) -> None:
        """Nothing may have come into a shard after its end was read."""
        stream, now = self._world.stream(self._name), self._world.scheduler.now
        if self._world.born(self._name) == self._born:
            for reader in self._readers.values():
                if reader.ended:
                    missing = stream.records.missing(reader.shard_id, reader.last, now, stream.gone_before_ms)
                    assert not missing, f"{missing} came into {reader.shard_id} after its end"

    async def find_shards(self) -> None:
        """List the shards, and begin with those whose parents have been read or are gone."""
        answer = await self._world.book.look("ListShards", StreamName=self._name)
        if self._world.born(self._name) != self._born:
            return
        listed = [shard["ShardId"] for shard in answer["Shards"]]
        for shard in answer["Shards"]:
            parents = [shard.get(name) for name in ("ParentShardId", "AdjacentParentShardId")]
            if not any(parent in listed and parent not in self._ended() for parent in parents):
                self._readers.setdefault(shard["ShardId"], ShardReader(shard["ShardId"]))

    def has_read(self, shard_ids: list[str]) -> bool:
        """Whether these shards are read to their ends, open ones up to now."""
        readers = [self._readers.get(shard_id) for shard_id in shard_ids]
        return all(reader is not None and (reader.ended or reader.caught_up) for reader in readers)

    def _ended(self) -> list[str]:
        return [name for name, reader in self._readers.items() if reader.ended]

    async def find_iterator(self, reader: ShardReader) -> None:
        """An iterator that loses nothing."""
        members: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        after = ""
        kind = self._world.chance.choice(("AFTER_SEQUENCE_NUMBER", "AT_SEQUENCE_NUMBER", "AT_TIMESTAMP"))
        if kind == "AT_TIMESTAMP" and reader.arrival_ms <= self._world.clock.now_ms():
            members = {"ShardIteratorType": kind, "Timestamp": reader.arrival_ms / 1000}
            after = reader.earlier
        elif kind != "AT_TIMESTAMP" and reader.last:
            members = {"ShardIteratorType": kind, "StartingSequenceNumber": reader.last}
            after = reader.last if kind == "AFTER_SEQUENCE_NUMBER" else _just_before(reader.last)
        settle = partial(self._settle_iterator, reader)
        answer = await self._world.server.call(
            "GetShardIterator", settle, StreamName=self._name, ShardId=reader.shard_id, **members
        )
        reader.iterator, reader.after = answer["ShardIterator"], after

    async def read(self, reader: ShardReader) -> None:
        """A page, and where to go on."""
        limit = self._world.chance.choice((1, 2, 3, 10, 10_000))
        settle = partial(self._settle_page, reader, limit, self._born)
        try:
            answer = await self._world.server.call(
                "GetRecords", settle, ShardIterator=reader.iterator, Limit=limit
            )
        except (KinesisError, StoreUnavailable, ConnectionLost):
            reader.iterator = reader.iterator if self._world.chance.random() < 0.5 else None
            raise
        reader.iterator = answer.get("NextShardIterator")
        if self._world.chance.random() < 0.1:
            reader.iterator = None

    def _settle_iterator(self, reader: ShardReader, flight: Flight) -> None:
        if self._world.born(self._name) == self._born:
            if flight.code is None:
                reader.issued_from_ms, reader.issued_to_ms = flight.least_ms, flight.most_ms
            self._check_refusal(reader, flight)

    def _settle_page(self, reader: ShardReader, limit: int, born: int | None, flight: Flight) -> None:
        if self._world.born(self._name) != born or self._born != born:
            return
        if flight.code == "ExpiredIteratorException":
            assert flight.most_ms - reader.issued_from_ms > ITERATOR_LIFE_MS, "an iterator expires too early"
        elif flight.code is not None:
            self._check_refusal(reader, flight)
        else:
            self._take(reader, limit, flight)

    def _take(self, reader: ShardReader, limit: int, flight: Flight) -> None:
        assert flight.least_ms - reader.issued_to_ms <= ITERATOR_LIFE_MS, "an iterator does not expire"
        answer, stream = flight.answer, self._world.stream(self._name)
        ended = "NextShardIterator" not in answer
        assert ended == ("ChildShards" in answer), "only a shard that ends has children"
        page = Page(
            shard_id=reader.shard_id,
            records=answer["Records"],
            after=reader.after,
            asked=flight.started,
            to_the_tip=ended or len(answer["Records"]) < limit,
            visible_from_ms=self._world.book.visible_from_ms(self._name, flight),
            gone_before_ms=stream.gone_before_ms,
        )
        found = stream.records.read(page, stream.shards)
        for record, document in zip(found, answer["Records"], strict=True):
            reader.after = record.number
            if record.number > reader.last:
                self._consume(record)
                arrival_ms = round(document["ApproximateArrivalTimestamp"] * 1000)
                if arrival_ms > reader.arrival_ms:
                    reader.arrival_ms, reader.earlier = arrival_ms, reader.last
                reader.last = record.number
        reader.caught_up = page.to_the_tip
        reader.issued_from_ms, reader.issued_to_ms = flight.least_ms, flight.most_ms
        if ended:
            self._end(reader, answer["ChildShards"])

    def _end(self, reader: ShardReader, children: list[dict[str, Any]]) -> None:
        reader.ended = True
        known = self._world.stream(self._name).shards.shards.get(reader.shard_id)
        ranges = sorted(hash_range_of(child) for child in children)
        assert ranges, f"{reader.shard_id} has no children"
        if known is not None:
            whole = ranges[0][0] <= known.hash_range[0] and ranges[-1][1] >= known.hash_range[1]
            assert whole, f"{children} are not all children of {reader.shard_id}"
        for child in children:
            assert reader.shard_id in child["ParentShards"]
            if all(parent in self._ended() for parent in child["ParentShards"]):
                self._readers.setdefault(child["ShardId"], ShardReader(child["ShardId"]))

    def _consume(self, record: SentRecord) -> None:
        """Every record once, and those of a hash key in the order in which they were acknowledged."""
        before = self._consumed.setdefault(record.hash_key, [])
        if before:
            assert record.number > before[-1].number, f"{record} is read after {before[-1]}"
        for other in before:
            late = record.acknowledged is not None and record.acknowledged < other.sent
            assert not late, f"{record} is read after {other}"
        before.append(record)

    def _check_refusal(self, reader: ShardReader, flight: Flight) -> None:
        world, name = self._world, self._name
        if flight.code == "StoreUnavailable":
            assert flight.saw_failures
        elif flight.code == "ResourceNotFoundException":
            stream = world.stream(name)
            gone = world.book.may_serve(name, flight, serving=False)
            missing = stream.records.missing(
                reader.shard_id, reader.last, flight.started, stream.gone_before_ms
            )
            assert gone or not missing, f"{reader.shard_id} is gone with {missing}"
            reader.ended = reader.ended or not gone
        elif flight.code == "InvalidArgumentException" and "Timestamp" in flight.members:
            assert flight.members["Timestamp"] * 1000 > flight.least_ms, "the clock was never before that"
        elif flight.code not in {None, "ConnectionLost"}:
            raise AssertionError(f"{flight.operation} of {reader}: {flight.error!r}")


def _just_before(number: str) -> str:
    """A number below this one and above that of the record before it."""
    return str(int(number) - 1)
