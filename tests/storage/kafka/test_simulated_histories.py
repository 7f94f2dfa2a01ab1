"""Histories of several gateways on a simulated cluster: thousands in the time of a real one.

Every history is a function of its seed alone: `lived(seed).broken()` is the same again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from random import Random
from typing import TypeVar, cast

import msgspec
import pytest

from headwater.model.completion import Completion
from headwater.storage.interface import Change, Entry, Placed, StoreUnavailable
from headwater.storage.kafka import batches, snapshots
from headwater.storage.kafka import store as store_module
from headwater.storage.kafka.cluster import LATEST, Cluster, KafkaError
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.store import KafkaStore
from headwater.storage.kafka.topics import Topics
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop

T = TypeVar("T")

TOPICS = Topics("simulated", 3)
GATEWAYS, WRITERS = 3, 6
KEY = "open-logs"
DURATION_S = 60.0
FREEZES_S = (0.5, 3.0, 30.0, 900.0, 5_000.0, 12_000.0)
"""Longer than it is trusted, than it takes to be forgotten, than brokers remember producers."""


async def done(completion: Completion[T]) -> T:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    completion.on_done(lambda: future.set_result(None))
    await future
    return completion.result()


@pytest.fixture(autouse=True)
def _snapshots_come_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "COMMANDS_MIN", 20)


class SimulatedHistory:
    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.pace_s = self.chance.choice((1.0, 1.0, 1.0, 60.0))
        """Slow ones live for hours, in which gateways are forgotten."""
        self.kafka = SimulatedKafka(self.chance)
        self.clusters = [SimulatedCluster(self.kafka) for _ in range(GATEWAYS)]
        self.stores: list[KafkaStore] = []
        self.acknowledged: dict[str, tuple[int, int]] = {}
        self.order: dict[int, list[tuple[int, int]]] = {}
        self.seals = 0
        self.last_log_id = 2
        self.ends = False

    async def live(self) -> None:
        self.kafka.is_whole = True
        await self.clusters[0].create_topics({TOPICS.meta: {}, TOPICS.snapshots: {}}, 3)
        loop = asyncio.get_running_loop()
        for cluster in self.clusters:
            store = KafkaStore(cast("Cluster", cluster), TOPICS, lambda _text: None, Producer(loop.time))
            await store.open()
            self.stores.append(store)
        first = Change({KEY: msgspec.msgpack.encode([1, 2])}, create_logs=[1, 2])
        assert await done(self.stores[0].commit(first))
        for store in self.stores:
            await store._metadata.catch_up()
        self.kafka.is_whole = False
        work = [asyncio.create_task(self._write(writer)) for writer in range(WRITERS)]
        work += [asyncio.create_task(self._reshard()) for _ in range(2)]
        work += [asyncio.create_task(self._disturb())]
        await asyncio.sleep(DURATION_S * self.pace_s)
        self.ends = self.kafka.is_whole = True
        for cluster in self.clusters:
            cluster.frozen_until_s = 0
        await asyncio.gather(*work)
        while any(store._metadata.state.pending for store in self.stores):
            await asyncio.sleep(1)
        await asyncio.sleep(100)  # what was in buffers arrives
        for store in self.stores:
            await store._metadata.catch_up()

    async def _write(self, writer: int) -> None:
        count = 0
        while not self.ends:
            store = self.chance.choice(self.stores)
            open_logs = self._open_logs(store)
            log_id = open_logs[writer % len(open_logs)]
            value = f"{writer}/{count}"
            count += 1
            try:
                outcomes = await done(store.append([Entry(log_id, 0, (value.encode(),))]))
            except StoreUnavailable:
                await self._later(0.2)
                continue
            (outcome,) = outcomes
            if isinstance(outcome, Placed):
                self.acknowledged[value] = (log_id, outcome.position)
                self.order.setdefault(log_id, []).append((writer, outcome.position))
            await self._later(0.2)

    async def _later(self, mean_s: float) -> None:
        await asyncio.sleep(self.chance.expovariate(1 / (mean_s * self.pace_s)))

    def _open_logs(self, store: KafkaStore) -> list[int]:
        found = store.metadata_of(KEY)
        assert found is not None
        return msgspec.msgpack.decode(found.value, type=list[int])

    async def _reshard(self) -> None:
        """Close one log, with another one in its place."""
        while not self.ends:
            await self._later(3)
            store = self.chance.choice(self.stores)
            found = store.metadata_of(KEY)
            assert found is not None
            open_logs = self._open_logs(store)
            closed = self.chance.choice(open_logs)
            self.last_log_id += 1
            opened = [self.last_log_id if log_id == closed else log_id for log_id in open_logs]
            change = Change(
                {KEY: msgspec.msgpack.encode(opened)},
                {KEY: found.version},
                create_logs=[self.last_log_id],
                seal_logs=[closed],
            )
            try:
                committed = await done(store.commit(change)) > 0
                self.seals += committed
            except StoreUnavailable:
                continue

    async def _disturb(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.ends:
            await self._later(5)
            if self.ends:
                return
            if self.chance.random() < 0.5:
                self.kafka.depose_some()
            else:
                cluster = self.chance.choice(self.clusters)
                cluster.frozen_until_s = loop.time() + self.chance.choice(
                    FREEZES_S[: 3 if self.pace_s == 1 else 6]
                )

    def broken(self) -> list[str]:
        """Every rule that does not hold."""
        state = self.stores[0]._metadata.state
        found = [
            "gateways do not agree" for store in self.stores[1:]
            if (store._metadata.state.metadata, store._metadata.state.logs) != (state.metadata, state.logs)
        ]  # fmt: skip
        places: dict[str, list[tuple[int, int]]] = {}
        for log_id, log in state.logs.items():
            for stored in self.kafka.topics[TOPICS.log(log_id)].log:
                if stored.batch.is_fence or (log.final is not None and stored.batch.position >= log.final):
                    continue
                for at, payload in enumerate(batches.payloads_of(stored.batch).cut):
                    places.setdefault(payload.decode(), []).append((log_id, stored.batch.position + at))
        found += [f"{value} is twice: {at}" for value, at in places.items() if len(at) > 1]
        found += [
            f"{value} was acknowledged at {place} and is at {places.get(value)}"
            for value, place in self.acknowledged.items()
            if places.get(value) != [place]
        ]
        for log_id, acknowledged in self.order.items():
            for writer in range(WRITERS):
                mine = [position for other, position in acknowledged if other == writer]
                if mine != sorted(mine):
                    found.append(f"log {log_id}: the records of writer {writer} are out of order")
        return found


def lived(seed: int) -> SimulatedHistory:
    """A history that has been lived through."""
    history = SimulatedHistory(seed)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:

        async def live() -> None:
            try:
                await history.live()
            finally:
                for store in history.stores:
                    store.close()

        runner.run(live())
    return history


def run(seeds: Collection[int]) -> None:
    acknowledged = seals = 0
    for seed in seeds:
        history = lived(seed)
        assert history.broken() == [], f"seed {seed}"
        acknowledged += len(history.acknowledged)
        seals += history.seals
    assert acknowledged > 20 * len(seeds)
    assert seals > len(seeds)


def test_nothing_is_lost_doubled_or_out_of_order_in_some_histories() -> None:
    run(range(1, 9))


@pytest.mark.long
@pytest.mark.parametrize("first", range(100, 250, 25))
def test_nothing_is_lost_doubled_or_out_of_order_in_many_histories(first: int) -> None:
    run(range(first, first + 25))


def test_without_the_fence_histories_lose_records(monkeypatch: pytest.MonkeyPatch) -> None:
    async def end_only(cluster: Cluster, topic: str, _producers: Collection[int], lane: int) -> int:
        while True:
            try:
                return await cluster.find_offset(topic, LATEST, lane=lane)
            except KafkaError:
                await asyncio.sleep(0.1)

    monkeypatch.setattr(store_module, "close_log", end_only)
    found = (text for seed in range(1, 40) for text in lived(seed).broken())
    assert any("was acknowledged at" in text for text in found)
