"""A store whose writes fail when a test says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headwater.model.completion import Completion
from headwater.storage.interface import Change, Entry, Outcome, Post, StoreUnavailable
from headwater.storage.memory_store import MemoryStore


class FaultyStore(MemoryStore):
    """Reads as ever; what is written while `is_full` is refused, and leaves no trace."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self.is_full = False

    def append(self, entries: Sequence[Entry], _waited_s: float = 0.0) -> Completion[list[Outcome]]:
        """Refuse, or do as a store does."""
        return self._refused() if self.is_full else super().append(entries)

    def commit(self, change: Change) -> Completion[int]:
        """Refuse, or do as a store does."""
        return self._refused() if self.is_full else super().commit(change)

    def trim(self, log_id: int, position: int) -> Completion[None]:
        """Refuse, or do as a store does."""
        return self._refused() if self.is_full else super().trim(log_id, position)

    def _refused(self) -> Completion[Any]:
        completion: Completion[Any] = Completion()
        self._post(lambda: completion.fail(StoreUnavailable("no space left on device")))
        return completion
