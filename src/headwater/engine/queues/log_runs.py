"""The records of a log as queues read them: a log that is gone has none.

Who works through a queue wants ten records at a time, and to find these in the store costs as much as to read
a hundred. So a `ReadAhead` keeps the next ones, if they are small, until they are asked for.

A shared log may seem shorter for a moment than somebody has known it, after another broker has taken the
lead. So that a record is gone is known only from where the log begins, or from a later record in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headwater.model.cut_payloads import size_in_all
from headwater.storage.interface import Run, Store

AHEAD_RECORDS = 100
AHEAD_BYTES = 32 * 1024
"""No more is kept of one log."""


async def read_runs(store: Store, log_id: int, position: int, max_records: int, max_bytes: int) -> list[Run]:
    """Records from a position on. Raises `StoreUnavailable`."""
    page = await store.read(log_id, position, max_records, max_bytes)
    return [] if page is None else page.runs


class ReadRecord(NamedTuple):
    """A record that a queue has had before."""

    run: Run | None
    """With this one record; `None` when there is none."""
    is_known: bool
    """Whether that says what has become of it."""


async def read_record(store: Store, log_id: int, position: int, max_bytes: int) -> ReadRecord:
    """The record at a position. Raises `StoreUnavailable`."""
    page = await store.read(log_id, position, 1, max_bytes)
    if page is None:
        return ReadRecord(None, is_known=True)
    if page.runs:
        run = page.runs[0]
        return ReadRecord(run if run.position == position else None, is_known=True)
    return ReadRecord(None, is_known=not store.is_shared or position < page.first)


class ReadAhead:
    """One log, read from front to back. What was read of it stays as it is; who asks knows the retention."""

    def __init__(self, store: Store, log_id: int) -> None:
        self._store = store
        self._log_id = log_id
        self._kept: list[Run] = []
        """What was read and not asked for yet: `AHEAD_BYTES` at most."""
        self._at_once = 0
        """So many records like those of the last read are few enough bytes to be kept."""

    async def read(self, position: int, max_records: int, max_bytes: int) -> list[Run]:
        """As `read_runs`, though perhaps fewer than there are."""
        kept = self._kept
        if not kept or kept[0].position != position or max_bytes < AHEAD_BYTES:
            kept = await self._read(position, max_records, max_bytes)
        taken, rest = _cut(kept, max_records)
        # As pieces: what cuts them when they are wanted would keep the whole block.
        self._kept = [run._replace(payloads=tuple(run.payloads)) for run in rest]
        return taken

    async def _read(self, position: int, max_records: int, max_bytes: int) -> list[Run]:
        """So many records, and behind them no more than may be kept."""
        runs = await read_runs(
            self._store, self._log_id, position, max(max_records, self._at_once), max_bytes
        )
        records, size = _measure(runs)
        self._at_once = min(AHEAD_RECORDS, AHEAD_BYTES * records // max(size, 1))
        if size <= AHEAD_BYTES:
            return runs
        asked_for, rest = _cut(runs, max_records)
        return runs if _measure(rest)[1] <= AHEAD_BYTES else asked_for

    def forget(self) -> None:
        """Keep nothing until the next read."""
        self._kept = []


def _cut(runs: list[Run], count: int) -> tuple[list[Run], list[Run]]:
    """The first `count` records, and the others."""
    for at, (position, time_ms, payloads) in enumerate(runs):
        if len(payloads) > count:
            head = Run(position, time_ms, payloads[:count])
            rest = Run(position + count, time_ms, payloads[count:])
            return ([*runs[:at], head] if count else runs[:at]), [rest, *runs[at + 1 :]]
        count -= len(payloads)
    return runs, []


def _measure(runs: Sequence[Run]) -> tuple[int, int]:
    """How many records there are, and their bytes."""
    records = sum([len(run.payloads) for run in runs])
    return records, sum([size_in_all(run.payloads) for run in runs])
