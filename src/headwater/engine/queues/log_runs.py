"""The records of a log as queues read them: a log that is gone has none."""

from __future__ import annotations

from headwater.storage.interface import Run, Store


async def read_runs(store: Store, log_id: int, position: int, max_records: int, max_bytes: int) -> list[Run]:
    """Records from a position on. Raises `StoreUnavailable`."""
    page = await store.read(log_id, position, max_records, max_bytes)
    return [] if page is None else page.runs
