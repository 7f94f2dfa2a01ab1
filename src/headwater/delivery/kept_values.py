"""The values that the store has under keys of one kind, as they are now, whoever has written them.

Refuses to know what the values are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from headwater.engine.engine import Engine
from headwater.storage.interface import Change, Metadata

Value = TypeVar("Value")


class KeptValues(Generic[Value]):
    """The values of a kind. `decode` makes one of a key and its bytes, or raises `StoreUnreadable`."""

    def __init__(self, engine: Engine, kind: str, decode: Callable[[str, bytes], Value]) -> None:
        self._engine = engine
        self._kind = kind
        self._decode = decode
        self._held: dict[str, tuple[int, Value]] = {}
        """Version and value by key."""
        self._on_told: Callable[[str], None] | None = None

    def open(self, on_told: Callable[[str], None] | None = None) -> None:
        """Find everything that the store holds. Call once, first. Raises `StoreUnreadable`.

        `on_told` is called with each key that another server has changed.
        """
        self._on_told = on_told
        for key, _ in self._engine.metadata_of(self._kind):
            self._hold(key)
        self._engine.kind_watchers.watch(self._kind, self._told)

    def keys_now(self) -> list[str]:
        """Every key."""
        return [key for key, _ in self._engine.metadata_of(self._kind)]

    def values(self) -> Collection[Value]:
        """Every value, but for what another kind's commit has written with it."""
        return [value for _, value in self._held.values()]

    def find(self, key: str) -> Value | None:
        """The value of a key, if it has one. Raises `StoreUnavailable` once the store is closed."""
        self._hold(key)
        held = self._held.get(key)
        return None if held is None else held[1]

    def version(self, key: str) -> int:
        """The version of a key's value; 0 without one. Raises what `find` raises."""
        self._hold(key)
        held = self._held.get(key)
        return 0 if held is None else held[0]

    async def commit(self, change: Change) -> bool:
        """Commit a change; whether the versions were as it expects. Raises `StoreUnavailable`."""
        is_made = await self._engine.store.commit(change) > 0
        if is_made:
            for key in change.writes:
                if key.partition("/")[0] == self._kind:
                    self._hold(key)
        return is_made

    def _told(self, key: str, _found: Metadata | None) -> None:
        self._hold(key)
        if self._on_told is not None:
            self._on_told(key)

    def _hold(self, key: str) -> None:
        found, held = self._engine.store.metadata_of(key), self._held.get(key)
        if found is None:
            self._held.pop(key, None)
        elif held is None or held[0] != found.version:
            self._held[key] = found.version, self._decode(key, found.value)
