"""What a store must remember of its file while it is open: metadata, extents and the backlog.

Reads each log's row and at most two of its blocks, never all records.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import lmdb

from headwater.storage.interface import Extent, Metadata, StoreUnreadable
from headwater.storage.lmdb.file import LmdbFile
from headwater.storage.lmdb.record_format import (
    GAP,
    MAX_POSITION,
    Damaged,
    LogRow,
    block_head,
    record_key,
    split_log_key,
    split_record_key,
    unpack_metadata,
    unpack_row,
)

NAMED_MAX = 20
"""So many damaged values are named."""


class Loaded(NamedTuple):
    """The committed state of a file."""

    metadata: dict[str, Metadata]
    extents: dict[int, Extent]
    backlog: dict[int, None]
    """Logs with records that nobody may read any more."""


def load(file: LmdbFile) -> Loaded:
    """Read it. Raises `StoreUnreadable` for a damaged file."""
    loaded = Loaded({}, {}, {})
    damaged: list[str] = []
    try:
        reading, tables = file.snapshot(), file.tables
        for key, value in reading.cursor(tables.metadata):
            try:
                loaded.metadata[key.decode()] = unpack_metadata(key, value)
            except (Damaged, struct.error) as error:
                damaged.append(f"the value of key {key.decode(errors='replace')!r}: {error}")
        cursor = reading.cursor(tables.records)
        for key, value in reading.cursor(tables.logs):
            try:
                row = unpack_row(key, value)
            except (Damaged, struct.error) as error:
                damaged.append(f"the row of log {key.hex()}: {error}")
            else:
                _load_log(split_log_key(key)[0], row, cursor, loaded)
    except (lmdb.Error, struct.error, UnicodeDecodeError) as error:
        raise StoreUnreadable(f"{file.path} is damaged: {error}") from error
    if damaged:
        more = f"; and {len(damaged) - NAMED_MAX} more" if len(damaged) > NAMED_MAX else ""
        raise StoreUnreadable(f"{file.path} is damaged: {'; '.join(damaged[:NAMED_MAX])}{more}")
    return loaded


def _load_log(log_id: int, row: LogRow, cursor: lmdb.Cursor[bytes], loaded: Loaded) -> None:
    if row.deleted:
        loaded.backlog[log_id] = None
        return
    next_position, last_time_ms = row.next, row.last_time_ms
    beyond = cursor.set_range(record_key(log_id, MAX_POSITION))
    if cursor.prev() if beyond else cursor.last():
        newest_log_id, start = split_record_key(cursor.key())
        _, count, time_ms = block_head(cursor.value())
        if newest_log_id == log_id and start + count > next_position:
            next_position, last_time_ms = start + count, time_ms & ~GAP
    loaded.extents[log_id] = Extent(row.first, next_position, last_time_ms, row.sealed)
    if row.first > 0 and cursor.set_range(record_key(log_id, 0)):
        oldest_log_id, start = split_record_key(cursor.key())
        if oldest_log_id == log_id and start + block_head(cursor.value()).size <= row.first:
            loaded.backlog[log_id] = None
