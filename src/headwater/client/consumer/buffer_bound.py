"""A bound on the bytes that all shards of a consumer have read and not handled yet."""

from __future__ import annotations

import asyncio


class BufferBound:
    """The bytes that are read ahead. A shard without a page may always read one, so that each goes on."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._changed = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether the bound is reached: no shard should read ahead."""
        return self._bytes >= self._most_bytes

    def add(self, size_bytes: int) -> None:
        """Count bytes that were read."""
        self._bytes += size_bytes

    def remove(self, size_bytes: int) -> None:
        """Count off bytes that were handled or dropped."""
        self._bytes -= size_bytes
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait until bytes are counted off."""
        await self._changed.wait()
