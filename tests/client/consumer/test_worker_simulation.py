"""Workers share a stream that splits and merges, while they are paused, killed and added, and calls fail.

All of it is the real worker, on an event loop whose time is virtual, with leases in memory
and a stream in memory. A seed is a whole history.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import pytest

from headwater.client.calls.errors import ConnectionFailed
from headwater.client.calls.kinesis_calls import ListedShard, RecordsPage
from headwater.client.calls.timing import Timing
from headwater.client.calls.users_code import outcome_here, outcome_of_coroutine
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.handler_delivery import ErrorSettings, HandlerDelivery
from headwater.client.consumer.polling import Polling, PollingPace
from headwater.client.consumer.shard_reading import ShardReadingSettings
from headwater.client.consumer.worker import Worker, WorkerSettings
from headwater.client.leases.balancing import BalancingSettings
from headwater.client.leases.checkpoint import Checkpoint, StartingPosition
from headwater.client.leases.lease import Lease, LeaseChange
from headwater.client.leases.memory_store import MemoryLeases
from headwater.client.leases.shard_tree import may_start
from headwater.client.leases.store import StateError
from tests.client.consumer.simulated_stream import KEYS, SimulatedStream, maybe_fail
from tests.client.virtual_time import run_in_virtual_time

Answer = TypeVar("Answer")

LEASE_S = 1.0
CHAOS_S = 40.0
WORKERS = 5


class Watched(MemoryLeases):
    """Leases whose every change is held against the rules."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__()
        self._simulation = simulation

    async def change(self, change: LeaseChange) -> Lease | None:
        before = self._leases.get(change.key)
        after = await super().change(change)
        if before is not None and after is not None:
            check = self._simulation.check
            check(
                not after.checkpoint.is_before(before.checkpoint), f"the checkpoint of {change.key} went back"
            )
            if "owner" in change.sets:
                self._simulation.changed_hands(change.key)
            if after.is_complete and not before.is_complete:
                for child in after.child_ids:
                    check(child in self._leases, f"{change.key} ended before {child} had a lease")
        return after


class Process:
    """A worker in a process that can be stopped and continued, and whose calls fail now and then."""

    def __init__(self, simulation: Simulation, name: str) -> None:
        self.name = name
        self.is_killed = False
        self._simulation: Simulation = simulation
        self._running = asyncio.Event()
        self._running.set()
        timing = Timing(
            simulation.now_s, lambda: int(simulation.now_s() * 1000), self._sleep, simulation.chance
        )
        rules = WorkerSettings(
            name,
            "stream",
            StartingPosition("TRIM_HORIZON"),
            BalancingSettings(LEASE_S * 1000, 5 * LEASE_S * 1000),
            ShardReadingSettings(True, False, False, 0.0, None, lambda checkpointer: checkpointer),
            10.0,
            1_000_000,
        )
        pace = PollingPace(calls_per_s=10, max_records=7, idle_s=0.3)
        calls: Any = self
        self.worker = Worker(
            rules,
            calls,
            Polling(calls, "stream", pace, timing),
            self,
            HandlerDelivery(
                partial(outcome_of_coroutine, self._handle), outcome_here, ErrorSettings(retries=None), timing
            ),
            timing,
        )
        self.task = asyncio.create_task(self.worker.run())

    def pause(self) -> None:
        self._running.clear()

    def go_on(self) -> None:
        if not self.is_killed:
            self._running.set()

    def kill(self) -> None:
        self.is_killed = True
        self._running.clear()

    async def bury(self) -> None:
        """Let the tasks of a killed process end: whatever they try fails."""
        self._running.set()
        await asyncio.wait([self.task])

    async def _wait_to_run(self) -> None:
        await self._running.wait()
        if self.is_killed:
            raise StateError("killed")

    async def list_shards(self, _stream: str) -> list[ListedShard]:
        stream: SimulatedStream = self._simulation.stream
        return await self._call(stream.listed, "LimitExceededException")

    async def get_shard_iterator(
        self,
        _stream: str,
        shard_id: str,
        type_: str,
        *,
        sequence_number: str | None,
        timestamp_s: float | None,
    ) -> str:
        stream: SimulatedStream = self._simulation.stream
        return await self._call(lambda: stream.iterator(shard_id, type_, sequence_number))

    async def get_records(self, iterator: str, limit: int) -> RecordsPage:
        stream: SimulatedStream = self._simulation.stream
        return await self._call(lambda: stream.read(iterator, limit))

    async def leases(self) -> list[Lease]:
        return await self._state(self._simulation.state.leases)

    async def lease(self, key: str) -> Lease | None:
        return await self._state(lambda: self._simulation.state.lease(key))

    async def create(self, lease: Lease) -> bool:
        return await self._state(lambda: self._simulation.state.create(lease))

    async def change(self, change: LeaseChange) -> Lease | None:
        return await self._state(lambda: self._simulation.state.change(change))

    async def delete(self, lease: Lease) -> bool:
        return await self._state(lambda: self._simulation.state.delete(lease))

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def _sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self._wait_to_run()

    async def _call(
        self, answer: Callable[[], Answer], code: str = "ProvisionedThroughputExceededException"
    ) -> Answer:
        await self._take_time()
        maybe_fail(self._simulation.chance, self._simulation.faults, code)
        return answer()

    async def _state(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """A call whose request or whose answer may be lost."""
        await self._take_time()
        maybe_fail(self._simulation.chance, self._simulation.faults, "ThrottlingException")
        answer = await call()
        await self._take_time()
        if self._simulation.chance.random() < self._simulation.faults / 2:
            raise ConnectionFailed("the answer was lost")
        return answer

    async def _take_time(self) -> None:
        await asyncio.sleep(self._simulation.chance.uniform(0.001, 0.02))
        await self._wait_to_run()

    async def _handle(self, batch: Batch) -> None:
        for record in batch:
            self._simulation.handled(self.name, batch.shard_id, record.partition_key, int(record.data))
        await self._take_time()
        if self._simulation.chance.random() < self._simulation.faults:
            self._simulation.comes_again(self.name, batch.shard_id)
            raise RuntimeError("the handler failed")


class Simulation:
    """One history."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now_s = asyncio.get_running_loop().time
        self.stream: SimulatedStream = SimulatedStream(4, self.now_s)
        self.state: Watched = Watched(self)
        self.violations: list[str] = []
        self.faults = 0.05
        self.processes: list[Process] = []
        self.put: dict[int, int] = defaultdict(int)
        self.seen: dict[str, set[int]] = defaultdict(set)
        self._last: dict[tuple[str, str, str], int] = {}
        self._furthest: dict[str, int] = defaultdict(lambda: -1)

    def handled(self, worker: str, shard_id: str, key: str, number: int) -> None:
        """A record was given to a handler: no key skips anything, and a worker's next record is the next."""
        self.check(number <= self._furthest[key] + 1, f"{key} skips from {self._furthest[key]} to {number}")
        before = self._last.get((shard_id, worker, key))
        self.check(before is None or number == before + 1, f"{worker} got {key} {number} after {before}")
        self._last[shard_id, worker, key] = number
        self._furthest[key] = max(self._furthest[key], number)
        self.seen[key].add(number)
        for parent in self.stream.shards[shard_id].parents:
            self.check(self.state._leases[parent].is_complete, f"{shard_id} began before the end of {parent}")

    def check(self, holds: bool, rule: str) -> None:
        """Note what is wrong: an error raised here would be taken for the handler's."""
        if not holds:
            self.violations.append(rule)

    def changed_hands(self, shard_id: str) -> None:
        """What was handled and not written down may come again."""
        self._last = {at: number for at, number in self._last.items() if at[0] != shard_id}

    def comes_again(self, worker: str, shard_id: str) -> None:
        """A handler failed."""
        self._last = {at: number for at, number in self._last.items() if at[:2] != (shard_id, worker)}

    async def run(self) -> None:
        for number in range(WORKERS):
            self.processes.append(Process(self, f"worker-{number}"))
        end_s = self.now_s() + CHAOS_S
        while self.now_s() < end_s:
            await asyncio.sleep(0.05)
            for key in self.chance.sample(range(KEYS), 4):
                self.stream.put(key, b"%d" % self.put[key])
                self.put[key] += 1
            if self.chance.random() < 0.08:
                await self.disturb()
        self.faults = 0.0
        for process in self.processes:
            process.go_on()

    async def disturb(self) -> None:
        """One of the things that happen."""
        alive = [process for process in self.processes if not process.is_killed]
        match self.chance.choice(["pause", "go on", "go on", "kill", "add", "split", "merge"]):
            case "pause":
                self.chance.choice(alive).pause()
            case "go on":
                for process in alive:
                    process.go_on()
            case "kill" if len(alive) > 2:
                self.chance.choice(alive).kill()
            case "add" if len(alive) < 2 * WORKERS:
                self.processes.append(Process(self, f"worker-{len(self.processes)}"))
            case "split" if len(self.stream.open_shards()) < 10:
                self.stream.split(self.chance.choice(self.stream.open_shards()))
            case "merge":
                shards = sorted(self.stream.open_shards(), key=lambda shard: shard.first)
                if len(shards) > 2:
                    left = self.chance.randrange(len(shards) - 1)
                    self.stream.merge(shards[left], shards[left + 1])

    def is_all_read(self) -> bool:
        return all(self.seen[f"key-{key}"] == set(range(count)) for key, count in self.put.items())

    def counts(self) -> list[int]:
        """How many shards each living worker holds."""
        leases = self.state._leases
        owned = [lease.holder for lease in leases.values() if may_start(lease, leases)]
        return [owned.count(process.name) for process in self.processes if not process.is_killed]

    async def wait_until(self, holds: Callable[[], bool], limit_s: float, what: str) -> None:
        end_s = self.now_s() + limit_s
        while not holds():
            assert self.now_s() < end_s, f"{what}: {self.counts()}"
            await asyncio.sleep(0.02)

    def check_the_tree(self) -> None:
        for shard in self.stream.shards.values():
            lease = self.state._leases[shard.shard_id]
            assert lease.is_complete == bool(shard.children)
            if not lease.is_complete and shard.records:
                assert lease.checkpoint == Checkpoint(str(shard.records[-1][0]))

    async def stop(self) -> None:
        for process in self.processes:
            if process.is_killed:
                await process.bury()
                assert isinstance(process.task.exception(), StateError)
            else:
                process.worker.stop()
                await process.task


def is_even(counts: list[int]) -> bool:
    even = sum(counts) / len(counts)
    return all(abs(count - even) <= 1 for count in counts)


async def history(seed: int) -> None:
    simulation = Simulation(seed)
    await simulation.run()
    await simulation.wait_until(simulation.is_all_read, 60.0, "not everything was read")
    await simulation.wait_until(
        lambda: is_even(simulation.counts()), 3 * LEASE_S, "not balanced within three lease periods"
    )
    await asyncio.sleep(1.0)
    simulation.check_the_tree()
    await simulation.stop()
    assert simulation.violations == []
    assert not any(process.worker.coordinator.owned for process in simulation.processes)


@pytest.mark.parametrize("seed", [103, pytest.param(0, marks=pytest.mark.long)])
def test_nothing_is_skipped_or_overtaken_whatever_happens(seed: int) -> None:
    run_in_virtual_time(history(seed))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
def test_nothing_is_skipped_or_overtaken_in_many_histories(seed: int) -> None:
    run_in_virtual_time(history(seed))
