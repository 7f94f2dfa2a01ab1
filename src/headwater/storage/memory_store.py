"""The reference store: plain dicts and lists, gone when the process ends.

It says in the fewest words what a store does, so that every other store can be
compared with it. Calls wait in a list until the next posted callback, which
makes them take effect in order: that is its commit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import itemgetter
from time import perf_counter
from typing import TypeVar

from headwater.model.completion import Completion
from headwater.storage.interface import (
    FIRST_VERSION,
    Change,
    CommitTimes,
    Entry,
    Extent,
    LogPage,
    Metadata,
    Outcome,
    Placed,
    Post,
    Run,
    StoreUnavailable,
    metadata_key,
)
from headwater.storage.watchers import Watchers, deliver

T = TypeVar("T")


@dataclass
class _Log:
    first: int = 0
    records: list[tuple[int, bytes]] = field(default_factory=list)
    """Arrival and payload, from position `first` on."""
    last_time_ms: int = 0
    sealed: bool = False

    @property
    def next(self) -> int:
        return self.first + len(self.records)


class MemoryStore:
    """See `interface.Store`."""

    is_shared = False
    trims_itself = False

    def __init__(self, post: Post) -> None:
        self.commit_times = CommitTimes()
        self._post = post
        self._logs: dict[int, _Log] = {}
        self._metadata: dict[str, Metadata] = {}
        self._watchers = Watchers()
        self._pending: list[Callable[[], Callable[[], None]]] = []
        self._touched: dict[int, None] = {}
        self._closed = False

    def metadata(self) -> dict[str, Metadata]:
        """Every committed key."""
        self._require_open()
        return dict(self._metadata)

    def metadata_of(self, key: str) -> Metadata | None:
        """One committed key."""
        self._require_open()
        return self._metadata.get(key)

    async def catch_up(self) -> None:
        """Nobody else changes anything."""

    def behind_s(self) -> float:
        """It is always known."""
        return 0.0

    def extent(self, log_id: int) -> Extent | None:
        """The present extent of the log."""
        self._require_open()
        log = self._logs.get(log_id)
        return None if log is None else Extent(log.first, log.next, log.last_time_ms, log.sealed)

    async def find_extents(self, log_ids: Sequence[int]) -> list[Extent | None]:
        """The present extents of logs, in the order of `log_ids`. Never suspends."""
        return [self.extent(log_id) for log_id in log_ids]

    def append(self, entries: Sequence[Entry], _waited_s: float = 0.0) -> Completion[list[Outcome]]:
        """Append in one commit; where each entry begins, or `None` where the log is sealed or gone."""
        return self._later(partial(self._append, tuple(entries)))

    def commit(self, change: Change) -> Completion[int]:
        """Apply a change, or nothing of it."""
        for key in change.writes:
            metadata_key(key)
        return self._later(partial(self._commit, change))

    def trim(self, log_id: int, position: int) -> Completion[None]:
        """Forget the records before `position`."""
        return self._later(partial(self._trim, log_id, position))

    async def read(self, log_id: int, position: int, max_records: int, max_bytes: int) -> LogPage | None:
        """Records from `position` on."""
        self._require_open()
        log = self._logs.get(log_id)
        if log is None:
            return None
        start = max(position, log.first)
        size = 0
        found: list[tuple[int, bytes]] = []
        begin = start - log.first
        for record in log.records[begin : begin + max(max_records, 0)]:
            size += len(record[1])
            if found and size > max_bytes:
                break
            found.append(record)
        runs = []
        for time_ms, records in groupby(found, key=itemgetter(0)):
            run = Run(start, time_ms, [payload for _, payload in records])
            start += len(run.payloads)
            runs.append(run)
        return LogPage(runs, log.first, log.next)

    async def find(self, log_id: int, time_ms: int) -> int:
        """Position of the first kept record that arrived at `time_ms` or later."""
        self._require_open()
        log = self._logs.get(log_id)
        if log is None:
            return 0
        return log.first + bisect_left(log.records, time_ms, key=lambda record: record[0])

    def watch(self, log_id: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each commit that appended to, sealed or deleted the log."""
        self._require_open()
        return self._watchers.add(log_id, callback)

    def watch_metadata(self, callback: Callable[[Collection[str]], None]) -> None:
        """Nobody else changes anything, and there is no file that could be opened again."""

    def check(self) -> list[str]:
        """Every broken promise found."""
        self._require_open()
        found = []
        for log_id, log in self._logs.items():
            times = [time_ms for time_ms, _ in log.records]
            if times != sorted(times):
                found.append(f"log {log_id}: the arrival times go back")
            if times and times[-1] != log.last_time_ms:
                found.append(f"log {log_id}: the last record did not arrive at {log.last_time_ms}")
        found += [
            f"key {key!r} has version {m.version}" for key, m in self._metadata.items() if m.version < 1
        ]
        return found

    def close(self) -> None:
        """Finish what was called before; later calls fail."""
        if self._closed:
            return
        self._closed = True
        self._post(partial(deliver, self._take_effect(), self._post))

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("The store is closed.")

    def _later(self, call: Callable[[], T]) -> Completion[T]:
        completion: Completion[T] = Completion()
        if self._closed:
            self._post(partial(completion.fail, StoreUnavailable("The store is closed.")))
            return completion
        if not self._pending:
            self._post(self._flush)
        self._pending.append(lambda: partial(completion.resolve, call()))
        return completion

    def _flush(self) -> None:
        deliver(self._take_effect(), self._post)

    def _take_effect(self) -> Iterator[Callable[[], None]]:
        """Make the pending calls; what is left to do is to tell of them."""
        pending, self._pending, self._touched = self._pending, [], {}
        started_s = perf_counter()
        resolutions = [call() for call in pending]
        self.commit_times.durations.add(perf_counter() - started_s)
        touched = self._touched

        def calls() -> Iterator[Callable[[], None]]:
            yield from resolutions
            yield from self._watchers.calls(touched)

        return calls()

    def _append(self, entries: Sequence[Entry]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for log_id, time_ms, payloads in entries:
            log = self._logs.get(log_id)
            if log is None or log.sealed:
                outcomes.append(None)
                continue
            outcomes.append(Placed(log.next, time_ms))
            log.records.extend((time_ms, payload) for payload in payloads)
            log.last_time_ms = time_ms
            self._touched[log_id] = None
        return outcomes

    def _commit(self, change: Change) -> int:
        for key, version in change.expected.items():
            found = self._metadata.get(key)
            if (found.version if found else 0) != version:
                return 0
        made = self._version_of_new()
        for key, value in change.writes.items():
            before = self._metadata.pop(key, None)
            if value is not None:
                self._metadata[key] = Metadata(before.version + 1 if before else made, value)
        for log_id in change.create_logs:
            self._logs.setdefault(log_id, _Log())
        for log_id in change.seal_logs:
            if log_id in self._logs:
                self._logs[log_id].sealed = True
                self._touched[log_id] = None
        for log_id in change.delete_logs:
            if self._logs.pop(log_id, None) is not None:
                self._touched[log_id] = None
        return made

    def _version_of_new(self) -> int:
        """Of keys that the present commit makes."""
        return FIRST_VERSION

    def _trim(self, log_id: int, position: int) -> None:
        log = self._logs.get(log_id)
        if log is not None and position > log.first:
            dropped = min(position, log.next) - log.first
            del log.records[:dropped]
            log.first += dropped
