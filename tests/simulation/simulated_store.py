"""A store with every freedom that the contract leaves, and the faults it allows.

What is committed lies on a `Disk` that outlives the store: a crash takes the store away, and
another one finds what was committed. In between,

- calls wait until chance commits some of them, the oldest first, in one group;
- a group fails now and then, with nothing of it on the disk;
- what is on the disk can be read before those who wrote it are told;
- each of them is told in a step of its own, in the order of the commits;
- a read is at once or later, sees the disk as it is at either moment, or fails;
- in a crash the oldest waiting calls may just have been committed, their callers never told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from headwater.model.completion import Completion
from headwater.storage.interface import (
    Change,
    CommitTimes,
    Entry,
    Extent,
    LogPage,
    Metadata,
    Outcome,
    StoreUnavailable,
)
from headwater.storage.memory_store import MemoryStore
from tests.simulation.scheduler import Scheduler

T = TypeVar("T")

Call = Callable[[], Completion[Any]]
News = tuple[Callable[[], None], Completion[Any] | None]
"""What tells somebody, and the completion that it resolves, if it does."""


class Faults(NamedTuple):
    """How often something goes wrong or late, as shares of the calls."""

    failed_commits: float = 0.0
    failed_reads: float = 0.0
    late_reads: float = 0.0


class Disk:
    """What has been committed: a memory store that does at once what it is told."""

    def __init__(self) -> None:
        self._posted: deque[Callable[[], None]] = deque()
        self.store = MemoryStore(self._posted.append)

    def settle(self) -> None:
        """Let everything take effect."""
        while self._posted:
            self._posted.popleft()()


class SimulatedStore:
    """See `interface.Store`."""

    is_shared = False
    trims_itself = False

    def __init__(self, disk: Disk, scheduler: Scheduler, faults: Faults) -> None:
        self.commit_times = CommitTimes()
        self.faults = faults
        self.failures = 0
        """How many times it has failed anybody."""
        self._disk = disk
        self._scheduler = scheduler
        self._pending: list[tuple[Call, Completion[Any]]] = []
        self._news: deque[News] = deque()
        self._unwatch: dict[object, Callable[[], None]] = {}
        self._grown: list[Callable[[], None]] = []
        """The watchers to call after the commit that is being made."""
        self._closed = False
        self._crashed = False

    # What drives it

    @property
    def has_pending(self) -> bool:
        """Whether calls wait to be committed."""
        return bool(self._pending)

    @property
    def has_news(self) -> bool:
        """Whether somebody is to be told of a commit."""
        return bool(self._news)

    def crash(self) -> None:
        """Never touch the disk again; of what waits, the oldest calls may have been committed.

        Those who wait are failed so that their coroutines end, in an engine that nobody sees.
        """
        committed = self._scheduler.chance.randint(0, len(self._pending))
        self._take_effect(self._pending[:committed])
        self._crashed = True
        waiting = [completion for _, completion in self._pending]
        waiting += [completion for _, completion in self._news if completion is not None]
        self._pending.clear()
        self._news.clear()
        for unwatch in self._unwatch.values():
            unwatch()
        for completion in waiting:
            completion.fail(_closed())

    def finish(self) -> None:
        """Commit and tell all that waits, and what it leads to, without a fault."""
        while self._pending or self._news:
            self._news.extend(self._take_effect(self._pending))
            self._pending = []
            while self._news:
                self.tell_one()

    def commit_some(self) -> None:
        count = self._scheduler.chance.randint(1, len(self._pending))
        group, self._pending = self._pending[:count], self._pending[count:]
        if self._scheduler.chance.random() < self.faults.failed_commits:
            self._scheduler.note(f"the commit of {count} calls fails")
            self._news.extend((partial(self._fail, completion), completion) for _, completion in group)
        else:
            self._news.extend(self._take_effect(group))

    def _fail(self, completion: Completion[Any]) -> None:
        self.failures += 1
        completion.fail(StoreUnavailable("no space left on device"))

    def tell_one(self) -> None:
        tell, _ = self._news.popleft()
        tell()

    def _take_effect(self, group: list[tuple[Call, Completion[Any]]]) -> list[News]:
        """Commit the calls; who is to be told, watchers last."""
        self._grown = []
        committed = [(call(), completion) for call, completion in group]
        self._disk.settle()
        told: list[News] = [
            (partial(completion.resolve, done.result()), completion) for done, completion in committed
        ]
        return told + [(call, None) for call in self._grown]

    # What a store does

    def metadata(self) -> dict[str, Metadata]:
        self._require_open()
        return self._disk.store.metadata()

    def metadata_of(self, key: str) -> Metadata | None:
        self._require_open()
        return self._disk.store.metadata_of(key)

    async def catch_up(self) -> None:
        """Nobody else changes anything."""

    def behind_s(self) -> float:
        """It is always known."""
        return 0.0

    def extent(self, log_id: int) -> Extent | None:
        self._require_open()
        return self._disk.store.extent(log_id)

    async def find_extents(self, log_ids: Sequence[int]) -> list[Extent | None]:
        return await self._now_or_late(lambda: self._disk.store.find_extents(log_ids))

    def append(self, entries: Sequence[Entry], _waited_s: float = 0.0) -> Completion[list[Outcome]]:
        entries = tuple(entries)
        return self._later(lambda: self._disk.store.append(entries))

    def commit(self, change: Change) -> Completion[int]:
        return self._later(lambda: self._disk.store.commit(change))

    def trim(self, log_id: int, position: int) -> Completion[None]:
        return self._later(lambda: self._disk.store.trim(log_id, position))

    async def read(self, log_id: int, position: int, max_records: int, max_bytes: int) -> LogPage | None:
        return await self._now_or_late(
            lambda: self._disk.store.read(log_id, position, max_records, max_bytes)
        )

    async def find(self, log_id: int, time_ms: int) -> int:
        return await self._now_or_late(lambda: self._disk.store.find(log_id, time_ms))

    def watch(self, log_id: int, callback: Callable[[], None]) -> Callable[[], None]:
        self._require_open()
        watch = object()

        def call_if_watched() -> None:
            if watch in self._unwatch:
                callback()

        unwatch = self._disk.store.watch(log_id, lambda: self._grown.append(call_if_watched))
        self._unwatch[watch] = unwatch

        def end() -> None:
            self._unwatch.pop(watch, None)
            unwatch()

        return end

    def watch_metadata(self, callback: Callable[[Collection[str]], None]) -> None:
        """Nothing is ever in doubt here: a crash takes the engine along."""

    def check(self) -> list[str]:
        self._require_open()
        return self._disk.store.check()

    def close(self) -> None:
        self._closed = True

    async def _now_or_late(self, read: Callable[[], Awaitable[T]]) -> T:
        self._require_open()
        chance = self._scheduler.chance
        if self.faults.late_reads and chance.random() < self.faults.late_reads:
            seen_first = chance.random() < 0.5
            found = await read()
            await self._scheduler.turn("a late read")
            self._require_open()
            self._fail_some()
            return found if seen_first else await read()
        self._fail_some()
        return await read()

    def _fail_some(self) -> None:
        if self.faults.failed_reads and self._scheduler.chance.random() < self.faults.failed_reads:
            self.failures += 1
            self._scheduler.note("a read fails")
            raise StoreUnavailable("input/output error")

    def _later(self, call: Call) -> Completion[Any]:
        completion = Completion[Any]()
        if self._crashed:
            completion.fail(_closed())
        elif self._closed:
            self._news.append((partial(self._fail, completion), completion))
        else:
            self._pending.append((call, completion))
        return completion

    def _require_open(self) -> None:
        if self._closed or self._crashed:
            self.failures += 1
            raise _closed()


def _closed() -> StoreUnavailable:
    return StoreUnavailable("The store is closed.")
