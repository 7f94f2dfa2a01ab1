"""Several stores in front of the same data, as several engines have them, with a clock of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from headwater.storage.interface import Change, Entry, Outcome, Post
from headwater.storage.memory_store import MemoryStore


class SharedMemoryStore(MemoryStore):
    """A store over the data of `other`, or data of its own. What one changes, the others are told."""

    is_shared = True

    def __init__(
        self,
        post: Post,
        other: SharedMemoryStore | None = None,
        *,
        ahead_ms: int = 0,
        is_told_late: bool = False,
    ) -> None:
        """`ahead_ms`: how far the clock of the data is ahead of the engine's.

        `is_told_late`: it hears of what others have changed when it catches up, no earlier.
        """
        super().__init__(post)
        self._ahead_ms = ahead_ms
        self._is_told_late = is_told_late
        self._untold: list[str] = []
        """Keys that others have changed and this one was not told of."""
        self._commits = 0
        self._all: list[SharedMemoryStore] = other._all if other else []
        self._all.append(self)
        self._metadata_watchers: list[Callable[[Collection[str]], None]] = []
        if other is not None:
            self._logs, self._metadata, self._watchers = other._logs, other._metadata, other._watchers

    def watch_metadata(self, callback: Callable[[Collection[str]], None]) -> None:
        """Call `callback` with what the others have changed."""
        self._metadata_watchers.append(callback)

    async def catch_up(self) -> None:
        """Be told of what the others have changed."""
        untold, self._untold = self._untold, []
        self._tell_watchers_of(untold)

    def _tell_watchers_of(self, keys: Collection[str]) -> None:
        if keys:
            for callback in self._metadata_watchers:
                callback(tuple(keys))

    def _append(self, entries: Sequence[Entry]) -> list[Outcome]:
        return super()._append([entry._replace(time_ms=entry.time_ms + self._ahead_ms) for entry in entries])

    def _version_of_new(self) -> int:
        return self._all[0]._commits + 1

    def _commit(self, change: Change) -> int:
        self._all[0]._commits += 1
        made = super()._commit(change)
        if not made:
            return 0
        for store in self._all:
            if store is self or store._closed:
                continue
            if store._is_told_late:
                store._untold += change.writes
            else:
                store._tell_watchers_of(change.writes)
        return made
