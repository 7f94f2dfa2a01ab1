"""A data directory made from what another store holds, by way of a backup beside it.

Refuses to know where the records come from.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from headwater.storage.interface import (
    Extent,
    Metadata,
    Run,
    StoreUnavailable,
    StoreUnreadable,
    metadata_key,
)
from headwater.storage.lmdb.backup_format import LOGS, METADATA, RECORDS, BackupEntry, BackupWriter
from headwater.storage.lmdb.record_format import (
    GAP,
    LogRow,
    cut_payloads,
    log_key,
    pack_block,
    pack_metadata,
    pack_row,
    record_key,
)
from headwater.storage.lmdb.restore import require_empty, restore

GAP_POSITIONS_MAX = 10_000
"""A wider gap is several blocks."""


class LmdbFilling:
    """See `interface.StoreFilling`. Needs room for the data twice until it is finished."""

    def __init__(self, data_dir: Path) -> None:
        """Raises `StoreUnreadable` for a directory that cannot be used, or holds something."""
        folder = data_dir.absolute()
        try:
            require_empty(folder)
            self._file = tempfile.TemporaryFile(dir=folder.parent)  # noqa: SIM115 - `close` closes it
        except OSError as error:
            raise StoreUnreadable(f"The data directory {data_dir} cannot be used: {error}") from error
        self._data_dir = data_dir
        self._writer = BackupWriter()
        self._write(self._writer.head())

    async def add_log(self, log_id: int, extent: Extent, keep_ms: int, runs: AsyncIterator[Run]) -> None:  # noqa: ARG002 - whoever opens it knows how long records are kept
        """Take a log with its records. Raises `StoreUnavailable`."""
        position, last_time_ms = extent.first, extent.last_time_ms
        async for run in runs:
            self._add_gap(log_id, position, run.position, last_time_ms)
            position, last_time_ms = run.position, run.time_ms
            for payloads in cut_payloads([bytes(payload) for payload in run.payloads]):
                self._add_block(log_id, position, run.time_ms, payloads)
                position += len(payloads)
        self._add_gap(log_id, position, extent.next, last_time_ms)
        key = log_key(log_id)
        row = LogRow(extent.first, extent.next, last_time_ms, extent.sealed, deleted=False)
        self._add(BackupEntry(LOGS, key, pack_row(key, row)))

    async def finish(self, metadata: Mapping[str, Metadata]) -> None:
        """Make the directory. Raises `StoreUnreadable`, `StoreLocked`, `StoreUnavailable`."""
        for name, value in metadata.items():
            key = metadata_key(name)
            self._add(BackupEntry(METADATA, key, pack_metadata(key, value)))
        self._write(self._writer.end())
        self._file.seek(0)
        restore(self._file, self._data_dir)

    async def close(self) -> None:
        """Give back the room that it took."""
        self._file.close()

    def _add_gap(self, log_id: int, position: int, end: int, time_ms: int) -> None:
        while position < end:
            count = min(end - position, GAP_POSITIONS_MAX)
            self._add_block(log_id, position, GAP | time_ms, [b""] * count)
            position += count

    def _add_block(self, log_id: int, position: int, time_ms: int, payloads: list[bytes]) -> None:
        key = record_key(log_id, position)
        self._add(BackupEntry(RECORDS, key, pack_block(key, time_ms, payloads)))

    def _add(self, entry: BackupEntry) -> None:
        self._write(self._writer.entries([entry]))

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise StoreUnavailable(f"There is no room beside {self._data_dir}: {error}") from error
