"""The records of a log as queues read them: a log that is gone has none.

A shared log may seem shorter for a moment than somebody has known it, after another broker has taken the
lead. So that a record is gone is known only from where the log begins, or from a later record in its place.
"""

from __future__ import annotations

from typing import NamedTuple

from headwater.storage.interface import Run, Store


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
