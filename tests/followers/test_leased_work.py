"""Work that one of several servers does: two engines over the same data, each with a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.followers.leased_work import LeasedWork
from headwater.model.clock import ManualClock
from headwater.server.asyncio_bridge import finished
from headwater.storage.memory_store import MemoryStore
from tests.lambda_.mapped_stream import in_loop
from tests.storage.shared_memory_store import SharedMemoryStore

KIND = "notes"
SILENT_MS = 4_000


class Worker:
    """An engine with work under its lease, which lasts until `may_end`."""

    def __init__(self, store: MemoryStore, seed: int) -> None:
        self.clock = ManualClock()
        self.engine = Engine(store, self.clock, Settings(), Random(seed).randbytes)
        self.engine.open()
        self.said: list[str] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.work = LeasedWork(self.engine, lambda: self.said.append("begun"), self._end)
        self.work.open()

    async def _end(self) -> None:
        await self.may_end.wait()
        self.said.append("ended")

    async def write(self, key: str, value: bytes) -> bool:
        return await finished(self._write(key, value))

    async def _write(self, key: str, value: bytes) -> bool:
        return await self.engine.write_metadata({key: value}, self.engine.lease.fence()) > 0

    async def tick(self) -> None:
        self.engine.tick()
        for _ in range(5):
            await asyncio.sleep(0)


async def pass_ms(workers: list[Worker], duration_ms: int, *awake: Worker) -> None:
    for _ in range(0, duration_ms, 100):
        for worker in workers:
            worker.clock.advance_ms(100)
        for worker in awake:
            await worker.tick()


def shared() -> tuple[Worker, Worker]:
    post: Callable[..., object] = asyncio.get_running_loop().call_soon
    store = SharedMemoryStore(post)  # type: ignore[arg-type]  # nobody looks at its result
    return Worker(store, 1), Worker(SharedMemoryStore(post, store), 2)  # type: ignore[arg-type]  # as above


@in_loop
async def test_a_server_alone_begins_at_once_and_goes_on() -> None:
    worker = Worker(MemoryStore(asyncio.get_running_loop().call_soon), 1)  # type: ignore[arg-type]  # as above
    assert worker.said == ["begun"]
    await pass_ms([worker], 60_000)
    await worker.tick()
    assert worker.said == ["begun"]
    assert worker.work.may_act()


@in_loop
async def test_one_of_two_works_and_the_other_one_when_that_is_silent() -> None:
    one, other = shared()
    await pass_ms([one, other], 1_000, one, other)
    assert (one.said, other.said) == (["begun"], [])
    await pass_ms([one, other], SILENT_MS, other)
    assert other.said == ["begun"]
    assert not one.work.may_act()  # though it has not found out yet
    await one.tick()
    assert one.said == ["begun", "ended"]


@in_loop
async def test_what_cannot_be_renewed_is_kept_but_may_not_act() -> None:
    one, other = shared()
    await pass_ms([one, other], 1_000, one, other)
    one.clock.advance_ms(SILENT_MS)
    assert one.work.is_begun
    assert not one.work.may_act()
    await pass_ms([one, other], 500, one)
    assert one.work.may_act()
    assert one.said == ["begun"]


@in_loop
async def test_it_is_begun_again_only_after_the_end() -> None:
    one, other = shared()
    both = [one, other]
    await pass_ms(both, 1_000, *both)
    one.may_end.clear()
    await pass_ms(both, SILENT_MS, other)
    await one.tick()
    await pass_ms(both, SILENT_MS, one)  # it has the lease again
    assert one.engine.lease.is_held
    assert one.said == ["begun"]
    one.may_end.set()
    await pass_ms(both, 1_000, one)
    assert one.said == ["begun", "ended", "begun"]


@in_loop
async def test_a_late_commit_is_refused_and_what_others_commit_is_told() -> None:
    one, other = shared()
    told: list[tuple[str, bytes | None]] = []
    one.engine.kind_watchers.watch(KIND, lambda key, found: told.append((key, found and found.value)))
    await pass_ms([one, other], 1_000, one, other)
    await pass_ms([one, other], SILENT_MS, other)
    assert not await one.write(f"{KIND}/a", b"late")
    assert await other.write(f"{KIND}/a", b"in time")
    assert await other.write("others/a", b"not watched")
    assert told == [(f"{KIND}/a", b"in time")]
