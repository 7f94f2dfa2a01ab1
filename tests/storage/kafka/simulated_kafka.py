"""A Kafka cluster without one, in virtual time: producers' epochs, leaders that are deposed, lost answers.

A topic is a leader's log of which a part is safe (on all in-sync replicas). A batch is appended, and a
moment later safe; if the leader is deposed in between, what was not safe is kept up to a point chosen by
chance and is gone beyond it, with what the leader remembered of its producers. An answer can be lost, late,
or come from a leader that does not know yet that it is deposed: then the end of the log is an old one.

Each gateway has a `SimulatedCluster` of its own, which can be frozen: nothing leaves it and nothing
reaches it until it thaws, as with a process that is stopped.
"""

from __future__ import annotations

import asyncio
import selectors
import struct
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from math import inf
from random import Random
from typing import NamedTuple, TypeVar

from aiokafka.record.util import calc_crc32c

from headwater.storage.kafka.batch_requests import BatchRequests, NotSent
from headwater.storage.kafka.batches import RecordBatch, batches
from headwater.storage.kafka.cluster import (
    EARLIEST,
    INVALID_PRODUCER_EPOCH,
    LATEST,
    NONE,
    OFFSET_OUT_OF_RANGE,
    OUT_OF_ORDER_SEQUENCE,
    UNKNOWN_TOPIC,
    KafkaError,
    Unsent,
)
from headwater.storage.kafka.fetch_request import Fetched
from headwater.storage.kafka.patience import CONTROL_TIMEOUT_MS, REQUEST_TIMEOUT_MS
from headwater.storage.kafka.produce_request import Produced

T = TypeVar("T")

REMEMBERED = 5
"""Batches of a producer that a leader knows again."""
PRODUCER_LIFE_S = 3 * 3600.0
REQUEST_TIMEOUT_S = REQUEST_TIMEOUT_MS / 1000


class Stuck(AssertionError):
    """Nothing will ever happen again, and somebody waits."""


class _LeapingSelector(selectors.SelectSelector):
    """Waits for nothing: time leaps to when there is something to do."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("everybody waits, and nobody will do anything")
        self.now_s += max(0.0, timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose hours take no time."""

    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now_s


class _Stored(NamedTuple):
    batch: RecordBatch
    data: bytes
    stored_s: float


class SimulatedTopic:
    """One topic, at its leader."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.log: list[_Stored] = []
        self.first = 0
        self.takes_times = False
        """Whether batches keep the time that they come with."""
        self.safe = 0
        """How many batches all in-sync replicas have."""
        self.generation = 0
        self.grown = asyncio.Event()
        """Set, and replaced, when more is safe."""
        self._old_ends: list[int] = [0]

    @property
    def end(self) -> int:
        """Where the safe part ends."""
        return self.log[self.safe - 1].batch.next if self.safe else 0

    def append(self, data: bytes, now_s: float) -> Produced:
        (batch,) = batches(data)
        mine = [
            stored.batch
            for stored in self.log
            if stored.batch.producer_id == batch.producer_id and now_s - stored.stored_s < PRODUCER_LIFE_S
        ]
        if mine:
            epoch = max(known.epoch for known in mine)
            if batch.epoch < epoch:
                return Produced(INVALID_PRODUCER_EPOCH, -1, -1)
            same = [known for known in mine if known.epoch == epoch]
            if batch.epoch == epoch:
                for known in same[-REMEMBERED:]:
                    if (known.sequence, known.records) == (batch.sequence, batch.records):
                        return Produced(NONE, known.position, known.time_ms)
            expected = same[-1].sequence + same[-1].records if batch.epoch == epoch else 0
            if batch.sequence != expected:
                return Produced(OUT_OF_ORDER_SEQUENCE, -1, -1)
        position = self.log[-1].batch.next if self.log else 0
        time_ms = batch.time_ms if self.takes_times else int(now_s * 1000)
        stored = _stamped(data, position, time_ms)
        (kept,) = batches(stored)
        self.log.append(_Stored(kept, stored, now_s))
        return Produced(NONE, position, time_ms)

    def is_safe(self, position: int) -> bool:
        """Whether the batch at a position is; makes it so, with all before it."""
        for at, stored in enumerate(self.log):
            if stored.batch.position == position:
                self.safe = max(self.safe, at + 1)
                self._old_ends.append(self.end)
                self.grown.set()
                self.grown = asyncio.Event()
                return True
        return False

    def depose(self) -> None:
        """Another broker leads from now on."""
        kept = self._chance.randint(self.safe, len(self.log))
        del self.log[kept:]
        self.safe = kept
        self.generation += 1
        self.grown.set()
        self.grown = asyncio.Event()

    def find(self, time_ms: int) -> int:
        """The first position of that time or later that is kept; -1 if there is none."""
        found = (s.batch for s in self.log[: self.safe] if s.batch.time_ms >= time_ms)
        return next((max(batch.position, self.first) for batch in found if batch.next > self.first), -1)

    def told_end(self, *, stale: bool) -> int:
        """The end that a leader tells; a `stale` one does not know yet that it is deposed."""
        return self._chance.choice(self._old_ends[-5:]) if stale else self.end

    def fetch(self, position: int, max_bytes: int, *, stale: bool) -> Fetched:
        end = self.told_end(stale=stale)
        if position < self.first or position > (self.log[-1].batch.next if self.log else 0):
            return Fetched(OFFSET_OUT_OF_RANGE, -1, -1, b"")
        found = bytearray()
        for stored in self.log:
            if stored.batch.next <= position or (found and len(found) + len(stored.data) > max_bytes):
                continue
            if stored.batch.next > end:
                break
            found += stored.data
        return Fetched(NONE, max(end, self.first), self.first, bytes(found))


class SimulatedKafka:
    """The cluster that all gateways share."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.topics: dict[str, SimulatedTopic] = {}
        self.producer_ids = 0
        self.is_whole = False
        """No more faults."""

    def depose_some(self) -> None:
        """Let leaders of some topics be deposed."""
        for topic in self.topics.values():
            if self.chance.random() < 0.5:
                topic.depose()


class SimulatedCluster:
    """What one gateway has of it: the methods of `Cluster`."""

    def __init__(self, kafka: SimulatedKafka) -> None:
        self._kafka = kafka
        self._chance = kafka.chance
        self._joined: dict[bool, BatchRequests[Produced]] = {}
        """To the broker that leads silent topics, and to the one that leads the others."""
        self.frozen_until_s = 0.0
        self.silent: set[str] = set()
        """Topics whose leader takes what this gateway sends, and does nothing about it."""
        self.has_silent_controller = False
        self.bytes_per_s = inf
        """What the broker takes of batches, one after the other."""
        self._busy_until_s = 0.0

    async def close(self) -> None:
        """Nothing is open."""

    async def leader(self, topic: str) -> int:
        """The one broker that leads all topics, when it has been asked."""
        await self._sent(topic)
        return await self._answered(1)

    def known_leader(self, _topic: str) -> int:
        """The same, as it is known."""
        return 1

    def sweep(self) -> None:
        for joined in self._joined.values():
            joined.sweep()

    def is_silent(self, topic: str) -> bool:
        joined = self._joined.get(not self.silent.isdisjoint((topic,)))
        return joined is not None and joined.is_silent()

    async def produce(self, topic: str, batch: bytes, lane: int = 0) -> Produced:
        await self._unless_silent(topic)
        return await self._answered(await self._stored(await self._sent(topic), batch))

    async def produce_joined(self, topic: str, batch: bytes) -> Produced:
        while True:
            is_silent = not self.silent.isdisjoint((topic,))
            if is_silent not in self._joined:
                self._joined[is_silent] = BatchRequests(self._produce_all)
            with suppress(NotSent):
                return await self._joined[is_silent].add(topic, batch)

    async def _produce_all(self, batches: Mapping[str, bytes], _lane: int) -> dict[str, Produced]:
        """One request: its batches share the ways there and back, and the wait for the slowest."""
        await self._arrived()
        await self._unless_silent(*batches)
        await self._taken(sum(map(len, batches.values())))
        produced = await asyncio.gather(
            *(self._stored(self._kafka.topics.get(topic), batch) for topic, batch in batches.items())
        )
        return await self._answered(dict(zip(batches, produced, strict=True)))

    async def _taken(self, size: int) -> None:
        """When the broker has read so many bytes, behind what it has to read before."""
        self._busy_until_s = max(self._busy_until_s, _now_s()) + size / self.bytes_per_s
        await asyncio.sleep(self._busy_until_s - _now_s())

    async def _stored(self, topic: SimulatedTopic | None, batch: bytes) -> Produced:
        if topic is None:
            return Produced(UNKNOWN_TOPIC, -1, -1)
        produced = topic.append(batch, _now_s())
        if produced.code == NONE:
            replicated = asyncio.ensure_future(self._replicated(topic, produced.position))
            if not await asyncio.shield(replicated):  # brokers go on when whoever has sent it is gone
                return Produced(7, -1, -1)
        return produced

    async def _unless_silent(self, *topics: str) -> None:
        if not self.silent.isdisjoint(topics):
            await asyncio.sleep(REQUEST_TIMEOUT_S)
            raise KafkaError("no answer")

    async def _replicated(self, topic: SimulatedTopic, position: int) -> bool:
        generation = topic.generation
        await self._later(0.02)
        return topic.generation == generation and topic.is_safe(position)

    async def fetch(self, topic: str, position: int, max_bytes: int, *, lane: int = 0) -> Fetched:
        found = await self._sent(topic)
        return await self._answered(found.fetch(position, max_bytes, stale=self._happens(0.2)))

    async def follow(self, topic: str, position: int, max_bytes: int, max_wait_ms: int) -> Fetched:
        found = await self._sent(topic)
        fetched = found.fetch(position, max_bytes, stale=self._happens(0.1))
        if not fetched.data:
            with suppress(TimeoutError):  # longer than a broker would wait: idle hours shall cost nothing
                await asyncio.wait_for(found.grown.wait(), 100 * max_wait_ms / 1000)
            fetched = found.fetch(position, max_bytes, stale=False)
        return await self._answered(fetched)

    async def poll(self, positions: Mapping[str, int], max_wait_ms: int) -> dict[str, Fetched]:
        await asyncio.sleep(max_wait_ms / 1000)
        return {topic: await self.fetch(topic, position, 1) for topic, position in positions.items()}

    async def find_end(self, topic: str) -> int:
        return await self._answered((await self._sent(topic)).end)

    async def confirm(self, topic: str) -> None:
        await self._sent(topic)

    async def refresh(self) -> None:
        """There is one broker."""

    async def find_offset(self, topic: str, time_ms: int, *, lane: int = 0) -> int:
        found = await self._sent(topic)
        if time_ms == EARLIEST:
            return await self._answered(found.first)
        if time_ms == LATEST:
            return await self._answered(found.told_end(stale=self._happens(0.1)))
        return await self._answered(found.find(time_ms))

    async def find_offsets(self, topics: Sequence[str], time_ms: int) -> dict[str, int]:
        return {topic: await self.find_offset(topic, time_ms) for topic in topics}

    async def delete_before(self, topic: str, position: int) -> None:
        found = await self._sent(topic)
        found.first = max(found.first, min(position, found.end))
        await self._answered(None)

    async def set_topic(self, topic: str, settings: Mapping[str, str]) -> None:
        await self._later(0.05)
        if topic in self._kafka.topics:
            self._kafka.topics[topic].takes_times = _takes_times(settings)
        await self._answered(None)

    async def new_producer_id(self) -> int:
        await self._later(0.01)
        self._kafka.producer_ids += 1
        return await self._answered(self._kafka.producer_ids)

    async def create_topics(self, topics: Mapping[str, Mapping[str, str]], replicas: int) -> None:
        if self.has_silent_controller:
            await asyncio.sleep(CONTROL_TIMEOUT_MS / 1000)
            raise KafkaError("no answer")
        await self._later(0.05)
        for topic, settings in topics.items():
            if topic not in self._kafka.topics:
                self._kafka.topics[topic] = SimulatedTopic(self._chance)
                self._kafka.topics[topic].takes_times = _takes_times(settings)
        await self._answered(None)

    async def delete_topics(self, topics: Collection[str]) -> None:
        await self._later(0.05)
        for topic in topics:
            self._kafka.topics.pop(topic, None)
        await self._answered(None)

    async def exists(self, topic: str) -> bool:
        await self._later(0.01)
        return await self._answered(topic in self._kafka.topics)

    def _happens(self, share: float) -> bool:
        return not self._kafka.is_whole and self._chance.random() < share

    async def _thawed(self) -> None:
        while _now_s() < self.frozen_until_s:
            await asyncio.sleep(max(0.001, min(5.0, self.frozen_until_s - _now_s())))  # it may thaw before

    async def _later(self, mean_s: float) -> None:
        await asyncio.sleep(self._chance.expovariate(1 / mean_s))

    async def _sent(self, topic: str) -> SimulatedTopic:
        """The topic, when the request has reached its leader."""
        await self._arrived()
        found = self._kafka.topics.get(topic)
        if found is None:
            raise Unsent("nobody leads it")
        return found

    async def _arrived(self) -> None:
        """When a request has reached a broker."""
        if self._happens(0.05):
            raise Unsent("no connection")
        if not self._happens(0.1):  # else it has left before the freeze
            await self._thawed()
        await self._later(0.01)
        if self._happens(0.03):
            await self._later(20)  # in a buffer of the network

    async def _answered(self, answer: T) -> T:
        if self._happens(0.05):
            await asyncio.sleep(REQUEST_TIMEOUT_S)
            raise KafkaError("no answer")
        await self._later(0.01)
        await self._thawed()
        return answer


def _takes_times(settings: Mapping[str, str]) -> bool:
    return settings.get("message.timestamp.type") == "CreateTime"


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _stamped(data: bytes, position: int, time_ms: int) -> bytes:
    """A batch as its leader stores it: with its position and time, and the checksum over these."""
    stamped = bytearray(data)
    struct.pack_into(">q", stamped, 0, position)
    struct.pack_into(">h", stamped, 21, 0x08)
    struct.pack_into(">q", stamped, 35, time_ms)
    struct.pack_into(">I", stamped, 17, calc_crc32c(bytes(stamped[21:])))
    return bytes(stamped)
