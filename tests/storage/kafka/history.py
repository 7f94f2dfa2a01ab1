"""A history of several gateways under faults, and what must be true of it in the end.

Writers put values, each with a key of its own and only after the last answer; a value is sent once. A
resharder splits and merges. A reader follows the lineage as a consumer library does. Another stream is made,
filled and deleted again and again, under one name. Meanwhile gateways are stopped and killed, and brokers
killed and stopped, one of them at a time, at random by a seed. Where each has a network of its own, these are
cut, too. Where faults may last, all brokers hang at once, a gateway sleeps for a minute, and cuts stay for
half a minute.

In the end, of what all shards hold:
- each acknowledged record is at the shard and number that were acknowledged;
- no value is there twice, and none that nobody has sent;
- of two acknowledged puts of a key, the later one has the higher number;
- the reader has seen what each shard holds that it has read to its end, in order;
- a record is in a shard that its key belongs to;
- all gateways tell the same of the shards;
- a stream that is made under the name of a deleted one has none of its records, and all of its own.
"""

from __future__ import annotations

import asyncio
import signal
import time
from base64 import b64decode
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import md5
from random import Random
from typing import Any

import aiohttp

from tests.storage.kafka.gateways import CallFailed, Gateway
from tests.storage.kafka.machines import THIS_MACHINE, Machine, cut, mend
from tests.storage.kafka.nodes import KafkaNode
from tests.waiting import RETRY_FOR_S

WRITERS = 24
SHARDS_MAX = 8
EXPIRED = "ExpiredIteratorException"
TIMES_LONGER = 5
SLEEP_S = 60.0
LONG_CUT_S = 30.0
STOP_S = 30.0
"""A gateway has stopped by then: a call that it has begun takes 20 s at most."""


@dataclass
class History:
    """Runs it, and has what happened."""

    gateways: list[Gateway]
    seed: int
    stream: str = "orders"
    has_lasting_faults: bool = False
    acknowledged: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Value → shard and number."""
    by_key: dict[str, list[int]] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    failed: dict[str, int] = field(default_factory=dict)
    reshards: int = 0
    faults: int = 0
    seen: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    longest_gap_s: float = 0.0
    brief_streams: int = 0
    """How many were made, filled, read and deleted."""
    wrong: list[str] = field(default_factory=list)
    """Rules that did not hold meanwhile."""
    _asleep: Gateway | None = None
    _until: float = 0.0
    _last: float = 0.0
    _least: Callable[[History], bool] = field(default=lambda _: True)

    async def run(
        self,
        duration_s: float,
        *,
        kills: bool = True,
        nodes: Sequence[KafkaNode] = (),
        least: Callable[[History], bool] = lambda _: True,
    ) -> None:
        """Live through it, and read everything back into `stored`.

        It lasts longer, `TIMES_LONGER` at most, until there was what `least` wants, on a busy machine.
        """
        chance = Random(self.seed)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(gateway.ready(session) for gateway in self.gateways))
            await self.insist(session, "CreateStream", StreamName=self.stream, ShardCount=2)
            await self._active(session)
            self._until = time.monotonic() + duration_s
            self._last, self._least = self._until + (TIMES_LONGER - 1) * duration_s, least
            work = [self._write(session, Random(chance.random()), f"key-{at}") for at in range(WRITERS)]
            work += [
                self._reshard(session, Random(chance.random())),
                self._disturb(session, Random(chance.random()), kills=kills),
                self._disturb_nodes(Random(chance.random()), nodes),
                *self._cuts(chance, nodes),
                *self._lasting_faults(chance, nodes),
                self._read(session, Random(chance.random())),
                self._come_and_go(session, Random(chance.random())),
            ]
            await asyncio.gather(*work)
            await asyncio.gather(*(gateway.ready(session) for gateway in self.gateways))
            self.stored = await self._read_back(session)

    def _any_awake(self, chance: Random) -> Gateway:
        """One of those that a balancer would ask."""
        return chance.choice([gateway for gateway in self.gateways if gateway is not self._asleep])

    def _goes_on(self) -> bool:
        now_s = time.monotonic()
        return now_s < self._until or (now_s < self._last and not self._least(self))

    stored: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Shard → numbers and values."""
    hash_keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Shard → its first and last hash key."""

    def broken(self) -> list[str]:
        """Every rule that does not hold."""
        found = list(self.wrong)
        places: dict[str, tuple[str, int]] = {}
        for shard, records in self.stored.items():
            if [number for number, _ in records] != sorted({number for number, _ in records}):
                found.append(f"{shard}: the numbers do not grow")
            for number, value in records:
                if value in places:
                    found.append(f"{value} is twice: {places[value]}, {(shard, number)}")
                places[value] = (shard, number)
        found += [
            f"{value} is in {shard}, where its key does not belong"
            for value, (shard, _) in places.items()
            if not self.hash_keys[shard][0] <= _hash_key(value.partition("/")[0]) <= self.hash_keys[shard][1]
        ]
        found += [f"{value} was sent by nobody" for value in places.keys() - self.sent]
        found += [
            f"{value} was acknowledged at {place} and is at {places.get(value)}"
            for value, place in self.acknowledged.items()
            if places.get(value) != place
        ]
        found += [f"{key}: its numbers go back" for key, n in self.by_key.items() if n != sorted(n)]
        found += [
            f"{shard}: the reader has seen other records than it holds"
            for shard in self.ended
            if self.seen.get(shard, []) != self.stored.get(shard)
        ]
        return found

    def told(self) -> str:
        """What happened, in one line."""
        return (
            f"seed {self.seed}: {len(self.sent)} sent, {len(self.acknowledged)} acknowledged, {self.failed}, "
            f"{self.reshards} reshards, {self.brief_streams} streams deleted, {self.faults} faults, "
            f"{len(self.ended)} shards read to their end, "
            f"longest gap {self.longest_gap_s:.1f} s"
        )

    async def insist(
        self, session: aiohttp.ClientSession, operation: str, at: Gateway | None = None, **members: Any
    ) -> dict[str, Any]:
        """Ask one gateway after another, or the one `at` which it must be, until there is an answer.

        Raises `CallFailed` when an iterator has expired meanwhile.
        """
        until_s = time.monotonic() + RETRY_FOR_S
        while time.monotonic() < until_s:
            for gateway in [at] if at else self.gateways:
                try:
                    return await gateway.call(session, operation, **members)
                except CallFailed as failed:
                    if failed.error == "ResourceInUseException" and operation == "CreateStream":
                        return {}
                    if failed.error == EXPIRED:
                        raise
            await asyncio.sleep(0.2)
        raise AssertionError(f"{operation} does not succeed")

    async def _active(self, session: aiohttp.ClientSession, stream: str | None = None) -> None:
        while True:
            name = stream or self.stream
            summary = await self.insist(session, "DescribeStreamSummary", StreamName=name)
            if summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
            await asyncio.sleep(0.1)

    async def _write(self, session: aiohttp.ClientSession, chance: Random, key: str) -> None:
        count, last_s = 0, time.monotonic()
        numbers = self.by_key.setdefault(key, [])
        while self._goes_on():
            value = f"{key}/{count}"
            count += 1
            self.sent.add(value)
            try:
                answer = await self._any_awake(chance).call(
                    session, "PutRecord", StreamName=self.stream, Data=value.encode(), PartitionKey=key
                )
            except CallFailed as failed:
                self.failed[failed.error] = self.failed.get(failed.error, 0) + 1
                await asyncio.sleep(0.05)
                continue
            number = int(answer["SequenceNumber"])
            self.acknowledged[value] = (answer["ShardId"], number)
            numbers.append(number)
            now_s = time.monotonic()
            self.longest_gap_s = max(self.longest_gap_s, now_s - last_s)
            last_s = now_s

    async def _reshard(self, session: aiohttp.ClientSession, chance: Random) -> None:
        while self._goes_on():
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            try:
                shards = (await self._any_awake(chance).call(session, "ListShards", StreamName=self.stream))[
                    "Shards"
                ]
                open_shards = [s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
                open_shards.sort(key=lambda s: int(s["HashKeyRange"]["StartingHashKey"]))
                gateway = self._any_awake(chance)
                if len(open_shards) < SHARDS_MAX and chance.random() < 0.6:
                    shard = chance.choice(open_shards)
                    hash_keys = shard["HashKeyRange"]
                    start, end = int(hash_keys["StartingHashKey"]), int(hash_keys["EndingHashKey"])
                    await gateway.call(
                        session,
                        "SplitShard",
                        StreamName=self.stream,
                        ShardToSplit=shard["ShardId"],
                        NewStartingHashKey=str((start + end) // 2 + 1),
                    )
                elif len(open_shards) > 1:
                    at = chance.randrange(len(open_shards) - 1)
                    await gateway.call(
                        session,
                        "MergeShards",
                        StreamName=self.stream,
                        ShardToMerge=open_shards[at]["ShardId"],
                        AdjacentShardToMerge=open_shards[at + 1]["ShardId"],
                    )
                self.reshards += 1
            except CallFailed:
                continue

    async def _come_and_go(self, session: aiohttp.ClientSession, chance: Random) -> None:
        """Make a stream, fill, read and delete it, over and over under one name."""
        name = f"{self.stream}-brief"
        while self._goes_on():
            await self.insist(session, "CreateStream", StreamName=name, ShardCount=1)
            await self._active(session, name)
            sent = [f"brief/{self.brief_streams}/{at}" for at in range(10)]
            acknowledged = []
            for value in sent:
                try:
                    await self._any_awake(chance).call(
                        session, "PutRecord", StreamName=name, Data=value.encode(), PartitionKey="a"
                    )
                except CallFailed:
                    continue
                acknowledged.append(value)
            stored = await self._brief(session, name, acknowledged)
            if not set(acknowledged) <= set(stored) <= set(sent) or len(stored) != len(set(stored)):
                self.wrong.append(f"{name}: {acknowledged} were acknowledged, and {stored} are there")
            await self._delete(session, name)
            self.brief_streams += 1
            await asyncio.sleep(chance.uniform(0, 2))

    async def _brief(self, session: aiohttp.ClientSession, name: str, acknowledged: list[str]) -> list[str]:
        """What the stream holds; a reader finds the newest within a while, whichever broker is cut off."""
        until_s = time.monotonic() + RETRY_FOR_S
        while True:
            stored = [value for _, value in await self._all_of(session, "shardId-000000000000", name)]
            if set(acknowledged) <= set(stored) or time.monotonic() > until_s:
                return stored
            await asyncio.sleep(0.5)

    async def _delete(self, session: aiohttp.ClientSession, name: str) -> None:
        """Until it is gone at every gateway: one that was asked for may be under way for long."""
        while True:
            for gateway in self.gateways:
                try:
                    await gateway.call(session, "DeleteStream", StreamName=name)
                except CallFailed as failed:
                    if failed.error == "ResourceNotFoundException":
                        return
            await asyncio.sleep(0.2)

    async def _disturb(self, session: aiohttp.ClientSession, chance: Random, *, kills: bool) -> None:
        while time.monotonic() < self._until - 1:
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            gateway = self._any_awake(chance)
            gateway.signal(signal.SIGSTOP)
            self.faults += 1
            await asyncio.sleep(chance.uniform(0.1, 3))
            if kills and chance.random() < 0.4:
                if chance.random() < 0.3:
                    gateway.signal(signal.SIGCONT)
                    await self._stop(gateway)
                else:
                    gateway.kill()
                await asyncio.sleep(chance.uniform(0, 1))
                gateway.start()
                await gateway.ready(session, may_give_up=True)
            else:
                gateway.signal(signal.SIGCONT)

    async def _stop(self, gateway: Gateway) -> None:
        """As an update does."""
        began_s = time.monotonic()
        await asyncio.to_thread(gateway.stop)
        took_s = time.monotonic() - began_s
        if took_s > STOP_S and not self.has_lasting_faults:
            self.wrong.append(f"port {gateway.port}: a gateway took {took_s:.1f} s to stop")

    async def _disturb_nodes(self, chance: Random, nodes: Sequence[KafkaNode]) -> None:
        while nodes and time.monotonic() < self._until - 10:
            await asyncio.sleep(chance.uniform(0.2, 4))
            await self._disturb_node(chance, chance.choice(nodes))

    async def _disturb_node(self, chance: Random, node: KafkaNode) -> None:
        """Kill a broker, stop it or let it hang; it comes again, and the cluster is whole a while."""
        self.faults += 1
        kind = chance.choice(("kill", "stop", "hang", "hang"))
        if kind != "hang":
            await asyncio.to_thread(node.kill if kind == "kill" else node.stop)
            await asyncio.sleep(chance.uniform(0, 5))
            node.start()
            await asyncio.to_thread(node.wait)
        else:
            node.signal(signal.SIGSTOP)
            await asyncio.sleep(chance.uniform(0.5, 8))
            node.signal(signal.SIGCONT)
        await asyncio.sleep(5)

    def _lasting_faults(self, chance: Random, nodes: Sequence[KafkaNode]) -> list[Coroutine[Any, Any, None]]:
        if not self.has_lasting_faults:
            return []
        return [self._let_sleep(Random(chance.random())), self._let_all_hang(Random(chance.random()), nodes)]

    async def _let_sleep(self, chance: Random) -> None:
        """Stop a gateway for so long that shards are split and merged without it, again and again."""
        while time.monotonic() < self._until - SLEEP_S - 10:
            await asyncio.sleep(chance.uniform(5, 30))
            self._asleep = chance.choice(self.gateways)
            self._asleep.signal(signal.SIGSTOP)
            self.faults += 1
            await asyncio.sleep(SLEEP_S)
            self._asleep.signal(signal.SIGCONT)
            self._asleep = None

    async def _let_all_hang(self, chance: Random, nodes: Sequence[KafkaNode]) -> None:
        while time.monotonic() < self._until - 40:
            await asyncio.sleep(chance.uniform(30, 120))
            for node in nodes:
                node.signal(signal.SIGSTOP)
            self.faults += 1
            await asyncio.sleep(chance.uniform(1, 20))
            for node in nodes:
                node.signal(signal.SIGCONT)

    def _cuts(self, chance: Random, nodes: Sequence[KafkaNode]) -> list[Coroutine[Any, Any, None]]:
        """Of brokers from each other, of brokers from gateways, and of gateways from brokers."""
        brokers = [node.machine for node in nodes]
        gateways = [gateway.machine for gateway in self.gateways]
        if THIS_MACHINE in (*brokers, *gateways) or not brokers:
            return []
        pairs = ((brokers, brokers), (brokers, gateways), (gateways, brokers))
        return [self._cut(Random(chance.random()), those, others) for those, others in pairs]

    async def _cut(self, chance: Random, those: Sequence[Machine], others: Sequence[Machine]) -> None:
        while time.monotonic() < self._until - 20:
            await asyncio.sleep(chance.uniform(0.5, 8))
            machine = chance.choice(those)
            await asyncio.to_thread(cut, machine, [other for other in others if other != machine], chance)
            self.faults += 1
            lasts = self.has_lasting_faults and chance.random() < 0.1
            await asyncio.sleep(LONG_CUT_S if lasts else chance.uniform(0.5, 15))
            await asyncio.to_thread(mend, machine)

    async def _read(self, session: aiohttp.ClientSession, chance: Random) -> None:
        """Follow the lineage: a shard's children once all its parents have ended."""
        shards = (await self.insist(session, "ListShards", StreamName=self.stream))["Shards"]
        iterators: dict[str, str] = {}
        parents: dict[str, list[str]] = {shard["ShardId"]: [] for shard in shards[:2]}
        while self._goes_on():
            for shard in [s for s in parents if s not in self.ended and set(parents[s]) <= self.ended]:
                gateway = self._any_awake(chance)
                try:
                    if shard not in iterators:
                        begin = _behind(self.seen.get(shard))
                        answer = await gateway.call(
                            session, "GetShardIterator", StreamName=self.stream, ShardId=shard, **begin
                        )
                        iterators[shard] = answer["ShardIterator"]
                    answer = await gateway.call(session, "GetRecords", ShardIterator=iterators[shard])
                except CallFailed as failed:
                    if failed.error == EXPIRED:
                        del iterators[shard]
                    continue
                self.seen.setdefault(shard, []).extend(_values(answer))
                if "NextShardIterator" in answer:
                    iterators[shard] = answer["NextShardIterator"]
                    continue
                self.ended.add(shard)
                for child in answer["ChildShards"]:
                    parents[child["ShardId"]] = child["ParentShards"]
            await asyncio.sleep(0.05)

    async def _read_back(self, session: aiohttp.ClientSession) -> dict[str, list[tuple[int, str]]]:
        told = [
            await self.insist(session, "ListShards", gateway, StreamName=self.stream)
            for gateway in self.gateways
        ]
        if any(other["Shards"] != told[0]["Shards"] for other in told):
            self.wrong.append("the gateways do not tell the same of the shards")
        shards = told[0]["Shards"]
        for shard in shards:
            ends = shard["HashKeyRange"]
            self.hash_keys[shard["ShardId"]] = int(ends["StartingHashKey"]), int(ends["EndingHashKey"])
        return {
            shard["ShardId"]: await self._all_of(session, shard["ShardId"], self.stream) for shard in shards
        }

    async def _all_of(self, session: aiohttp.ClientSession, shard: str, stream: str) -> list[tuple[int, str]]:
        records: list[tuple[int, str]] = []
        while True:
            answer = await self.insist(
                session, "GetShardIterator", StreamName=stream, ShardId=shard, **_behind(records)
            )
            iterator = answer["ShardIterator"]
            with suppress(CallFailed):  # it has expired: take another one
                while iterator:
                    answer = await self.insist(session, "GetRecords", ShardIterator=iterator)
                    records += _values(answer)
                    if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                        break
                    iterator = answer.get("NextShardIterator")
                return records


def _behind(seen: Sequence[tuple[int, str]] | None) -> dict[str, Any]:
    """Where a reader goes on that has seen so much."""
    if not seen:
        return {"ShardIteratorType": "TRIM_HORIZON"}
    return {
        "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
        "StartingSequenceNumber": str(seen[-1][0]),
    }


def _hash_key(key: str) -> int:
    return int.from_bytes(md5(key.encode(), usedforsecurity=False).digest(), "big")


def _values(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(int(r["SequenceNumber"]), b64decode(r["Data"]).decode()) for r in answer["Records"]]
