"""Copies what one store holds into another one that is being filled.

Records keep their positions and arrivals.

Refuses to know what is in the records, and which stores these are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from headwater.storage.interface import Extent, LogPage, Run, StoreFilling, StoreUnavailable

RECORDS_PER_READ = 10_000
BYTES_PER_READ = 4 * 1024 * 1024
AT_ONCE = 4
"""So many logs are copied at the same time."""

Read = Callable[[int, int], Awaitable[LogPage | None]]
"""A page of a log, from a position on."""


@dataclass
class Copied:
    """How much was copied."""

    logs: int = 0
    records: int = 0
    payload_bytes: int = 0


class Copying:
    """One copy in the making."""

    def __init__(self, read: Read, filling: StoreFilling) -> None:
        self.copied = Copied()
        self.ends: dict[int, int] = {}
        """Where each log ended when it was copied."""
        self._read = read
        self._filling = filling

    async def copy(self, keep_ms: Mapping[int, int], sealed: Collection[int]) -> None:
        """Copy these logs, with how long their records are kept. Raises `StoreError`."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def in_turn(log_id: int) -> None:
            async with turns:
                await self._copy_log(log_id, keep_ms[log_id], is_sealed=log_id in sealed)

        try:
            async with asyncio.TaskGroup() as tasks:
                for log_id in sorted(keep_ms):
                    tasks.create_task(in_turn(log_id))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    async def _copy_log(self, log_id: int, keep_ms: int, *, is_sealed: bool) -> None:
        page = await self._page(log_id, 0)
        self.ends[log_id] = page.next
        extent = Extent(page.first, page.next, 0, is_sealed)
        await self._filling.add_log(log_id, extent, keep_ms, self._runs(log_id, page))
        self.copied.logs += 1

    async def _runs(self, log_id: int, page: LogPage) -> AsyncIterator[Run]:
        """The records of a log from its first page on, as far as it reached then."""
        end = page.next
        while page.runs:
            for run in page.runs:
                if run.position >= end:
                    return
                run = run._replace(payloads=run.payloads[: end - run.position])  # noqa: PLW2901 - the part wanted
                self.copied.records += len(run.payloads)
                self.copied.payload_bytes += sum(map(len, run.payloads))
                yield run
            page = await self._page(log_id, run.position + len(run.payloads))

    async def _page(self, log_id: int, position: int) -> LogPage:
        page = await self._read(log_id, position)
        if page is None:
            raise StoreUnavailable(f"Log {log_id} is gone: its data are damaged, or were changed meanwhile.")
        return page
