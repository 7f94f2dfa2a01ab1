"""The records that were put to a delivery stream directly: the log that they are safe in, followed.

The log is told to a delivery as a shard would be, the only one; its records have numbers of their own.

Refuses to know what gathers them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from headwater.delivery.batch_plan import ShardPlace
from headwater.delivery.context import DeliveryContext
from headwater.delivery.source import PageTarget, SourcePage, runs_before
from headwater.engine.engine import Engine
from headwater.model.record_list import NumberedRun
from headwater.model.shard import Shard
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import LogPage, Run

PAGE_RECORDS = 2_000
PAGE_BYTES = 1024 * 1024
FIRST_DIGITS = 49 * 10**19
POSITION_DIGITS = 10**30
"""A record's number has two digits, those of its log, and those of its position."""


def log_shard(log_id: int) -> Shard:
    """The shard as which a log is followed."""
    return Shard(index=0, log_id=log_id, starting_hash_key="0", ending_hash_key="0", epoch_s=0, opened_ms=0)


class DirectPutSource:
    """A `Source`."""

    def __init__(self, context: DeliveryContext, log_id: int) -> None:
        self._engine = context.engine
        self._turns = context.turns
        self._shard = log_shard(log_id)
        self._stopping = False
        self._wake = asyncio.Event()

    async def run(self, target: PageTarget) -> None:
        """Read until `stop`, and no further while the target has no room."""
        unwatch = self._engine.watch_log(self._shard.log_id, self._wake.set)
        try:
            while not self._stopping:
                self._wake.clear()
                if not target.has_room() or not await self._read_in_turn(target):
                    await self._wake.wait()
        finally:
            unwatch()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping = True
        self._wake.set()

    def on_room(self) -> None:
        """The target has room again."""
        self._wake.set()

    async def again(
        self, begin: Callable[[Shard], int], places: dict[int, ShardPlace], take: Callable[[SourcePage], None]
    ) -> None:
        """Give the records between two places once more; see `Source`."""
        place = places.get(self._shard.log_id)
        position = begin(self._shard)
        while place is not None and position < place.position:
            async with self._turns:
                page = await self._page(position, min(PAGE_RECORDS, place.position - position))
                if page is None or not page.runs:
                    return
                runs = runs_before(self._numbered(page.runs), place.position, self._position_of)
                if runs:
                    take(SourcePage("", runs))
                position = _end(page.runs)

    def behind(self, place: Callable[[Shard], ShardPlace]) -> tuple[int, int]:
        """How many records are beyond a place, and for how long, in milliseconds, the last one waits."""
        extent = self._engine.extent(self._shard.log_id)
        if extent is None:
            return 0, 0
        records = extent.next - max(extent.first, place(self._shard).position)
        now_ms = self._engine.now_ms()
        newest_ms = extent.last_time_ms or now_ms  # 0: nothing of it has been read yet
        return records, now_ms - newest_ms if records else 0

    async def _read_in_turn(self, target: PageTarget) -> bool:
        async with self._turns:
            has_read = await self._read(target)
        await asyncio.sleep(0)
        return has_read

    async def _read(self, target: PageTarget) -> bool:
        """Read a page; whether there was one."""
        page = await self._page(target.place(self._shard).position, PAGE_RECORDS)
        if page is None or not page.runs or self._stopping:
            return False
        end = ShardPlace(_end(page.runs))
        target.take(self._shard.log_id, SourcePage("", self._numbered(page.runs)), end)
        return True

    async def _page(self, position: int, records: int) -> LogPage | None:
        return await finished(_read(self._engine, self._shard.log_id, position, records))

    @property
    def _first_number(self) -> int:
        return (FIRST_DIGITS + self._shard.log_id) * POSITION_DIGITS

    def _position_of(self, number: int) -> int:
        return number - self._first_number

    def _numbered(self, runs: Sequence[Run]) -> list[NumberedRun]:
        first = self._first_number
        return [
            NumberedRun(
                range(first + run.position, first + run.position + len(run.payloads)),
                run.time_ms,
                run.payloads,
            )
            for run in runs
        ]


async def _read(engine: Engine, log_id: int, position: int, records: int) -> LogPage | None:
    return await engine.store.read(log_id, position, records, PAGE_BYTES)


def _end(runs: Sequence[Run]) -> int:
    return runs[-1].position + len(runs[-1].payloads)
