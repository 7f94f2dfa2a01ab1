"""Gives back the space of trimmed and deleted records, a small step at a time.

The backlog names the logs that still have records nobody may read. It is kept
in memory only: a trimmed log's row says where its records begin, and a deleted
log keeps its row until its last record is gone, so opening the file finds the
backlog again.

Refuses to know when a step is made, and who waits meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headwater.storage.interface import Extent
from headwater.storage.lmdb_file import Tables, Transaction
from headwater.storage.record_format import MAX_POSITION, log_key, record_key

RECORDS_PER_STEP = 2_000
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
        """Delete records, oldest first, until the step is full."""
        self.finished = []
        records_left, bytes_left = RECORDS_PER_STEP, BYTES_PER_STEP
        cursor = transaction.cursor(tables.records)
        for log_id in self._backlog:
            extent = self._extents.get(log_id)
            end = record_key(log_id, MAX_POSITION if extent is None else extent.first)
            found = cursor.set_range(record_key(log_id, 0))
            while found and (key := cursor.key()) and key < end:
                if records_left <= 0 or bytes_left <= 0:
                    return
                records_left -= 1
                bytes_left -= len(cursor.value())
                found = cursor.delete()
            self.finished.append(log_id)
            if extent is None:
                transaction.delete(log_key(log_id), db=tables.logs)
