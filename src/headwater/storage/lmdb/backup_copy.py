"""A consistent copy of an open store, taken in small parts while it goes on.

The copy is of the moment when it began: its metadata and the extents of its logs are
taken at once. Records never change, so those within the extents can be read later, a
part at a time, between the commits; only giving back space has to wait meanwhile.
LMDB's own copy would not do: it needs LMDB's lock table, which this store does without
(see `file`), and nothing else would keep its pages.

Refuses to know where the parts go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import lmdb

from headwater.storage.interface import Extent, Metadata, StoreUnavailable, metadata_key
from headwater.storage.lmdb.backup_format import LOGS, METADATA, RECORDS, BackupEntry, BackupWriter
from headwater.storage.lmdb.file import LmdbFile
from headwater.storage.lmdb.record_format import (
    LogRow,
    block_head,
    checked_block,
    log_key,
    pack_metadata,
    pack_row,
    record_key,
    split_record_key,
)

PART_BYTES = 256 * 1024
"""A part takes no further block once it has so much: less than a millisecond on the engine's thread."""


class BackupCopy:
    """See `interface.StoreCopy`. Call `next_part` until it gives nothing, then, or to give up, `close`."""

    def __init__(
        self,
        file: Callable[[], LmdbFile],
        metadata: Mapping[str, Metadata],
        extents: Mapping[int, Extent],
        on_close: Callable[[], None],
        *,
        has_checksums: bool,
    ) -> None:
        """`file` gives the open file before each part; raises `StoreUnavailable` when there is none.

        `has_checksums` is of the blocks of that file; those of the copy have them.
        """
        self._has_checksums = has_checksums
        self._file = file
        self._on_close = on_close
        self._writer = BackupWriter()
        self._first = [_metadata_entry(metadata_key(key), value) for key, value in metadata.items()]
        self._first += [_log_entry(log_key(log_id), extent) for log_id, extent in extents.items()]
        kept = [(log_id, extent) for log_id, extent in extents.items() if extent.first < extent.next]
        self._left = sorted(kept, reverse=True)
        """The logs whose records are not copied, or not all, the next one last."""
        self._begun = self._ended = self._closed = False

    def next_part(self) -> bytes:
        """The next part; empty at the end. Raises `StoreUnavailable`."""
        if not self._begun:
            self._begun = True
            first, self._first = self._first, []
            return self._writer.head() + self._writer.entries(first)
        entries: list[BackupEntry] = []
        room = PART_BYTES
        while self._left and room > 0:
            room = self._take_log(entries, room)
        if entries:
            return self._writer.entries(entries)
        if self._ended:
            return b""
        self._ended = True
        return self._writer.end()

    def close(self) -> None:
        """Let the store give back space again. Harmless when called again."""
        if not self._closed:
            self._closed = True
            self._on_close()

    def _take_log(self, entries: list[BackupEntry], room: int) -> int:
        """Take blocks of the next log; returns the room that is left."""
        log_id, extent = self._left.pop()
        file = self._file()
        position, taken = extent.first, 0
        try:
            cursor = file.snapshot().cursor(file.tables.records)
            found = cursor.set_range(record_key(log_id, position))
            if not (found and cursor.key() == record_key(log_id, position)) and not (
                cursor.prev() if found else cursor.last()
            ):
                raise StoreUnavailable(f"Log {log_id} is damaged: position {position} is missing.")
            while position < extent.next:
                key, block = cursor.item()
                block_log_id, start = split_record_key(key) if key else (-1, 0)
                if block_log_id != log_id or not start <= position < start + block_head(block).size:
                    raise StoreUnavailable(f"Log {log_id} is damaged: position {position} is missing.")
                copied = block if self._has_checksums else checked_block(key, block)
                entries.append(BackupEntry(RECORDS, key, copied))
                position = start + block_head(block).size
                taken += len(block)
                if taken >= room:
                    break
                cursor.next()
        except lmdb.Error as error:
            raise StoreUnavailable(f"Records could not be read: {error}") from error
        file.touched(taken)
        if position < extent.next:
            self._left.append((log_id, extent._replace(first=position)))
        return room - taken - 1


def _metadata_entry(key: bytes, value: Metadata) -> BackupEntry:
    return BackupEntry(METADATA, key, pack_metadata(key, value))


def _log_entry(key: bytes, extent: Extent) -> BackupEntry:
    return BackupEntry(LOGS, key, pack_row(key, LogRow(*extent, deleted=False)))
