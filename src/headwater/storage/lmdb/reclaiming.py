"""Gives back the space of trimmed and deleted records, a small step at a time.

A block goes when nobody may read any of its records. The backlog names the logs
that still have such blocks. It is kept in memory only: a trimmed log's row says
where its records begin, and a deleted log keeps its row until its last record is
gone, so opening the file finds the backlog again.

Refuses to know when a step is made, and who waits meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import lmdb

from headwater.storage.interface import Extent
from headwater.storage.lmdb.file import Tables, Transaction
from headwater.storage.lmdb.record_format import (
    MAX_POSITION,
    block_head,
    log_key,
    record_key,
    split_record_key,
)

BLOCKS_PER_STEP = 2_000
"""About two milliseconds, on the engine's thread."""
BYTES_PER_STEP = 16 * 1024 * 1024


class ReclaimStep:
    """One commit's worth of forgetting."""

    def __init__(self, backlog: Iterable[int], extents: Mapping[int, Extent]) -> None:
        self._backlog = tuple(backlog)
        self._extents = extents
        self.finished: list[int] = []
        """Logs that have nothing left to give back."""

    def write(self, transaction: Transaction, tables: Tables) -> None:
        """Delete blocks, oldest first, until the step is full."""
        self.finished = []
        blocks_left, bytes_left = BLOCKS_PER_STEP, BYTES_PER_STEP
        cursor = transaction.cursor(tables.records)
        for log_id in self._backlog:
            extent = self._extents.get(log_id)
            first_kept = MAX_POSITION if extent is None else extent.first
            cursor.set_range(record_key(log_id, 0))
            while _is_forgotten(cursor, log_id, first_kept):
                if blocks_left <= 0 or bytes_left <= 0:
                    return
                blocks_left -= 1
                bytes_left -= len(cursor.value())
                cursor.delete()
            self.finished.append(log_id)
            if extent is None:
                transaction.delete(log_key(log_id), db=tables.logs)


def _is_forgotten(cursor: lmdb.Cursor[bytes], log_id: int, first_kept: int) -> bool:
    """Whether there is a block under the cursor that is the log's and has no record that is kept."""
    key = cursor.key()
    if not key:  # past the last one
        return False
    block_log_id: int
    start: int
    block_log_id, start = split_record_key(key)
    return block_log_id == log_id and start + block_head(cursor.value()).size <= first_kept
