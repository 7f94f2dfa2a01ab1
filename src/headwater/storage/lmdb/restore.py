"""A data directory made from a backup: whole, or not at all.

Rules:
- the backup is read to its end before the directory is touched;
- only a directory that is missing, empty or half made becomes ours;
- the data file gets its name when everything is in it and on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import lmdb

from headwater.storage.directory_lock import LOCK_FILE, DirectoryLock
from headwater.storage.interface import StoreUnreadable
from headwater.storage.lmdb import data_file
from headwater.storage.lmdb.backup_format import BackupEntry, read_backup
from headwater.storage.lmdb.record_format import TABLE_NAMES

COMMIT_BYTES = 16 * 1024 * 1024
SPARE_MAP_BYTES = 64 * 1024 * 1024
PAGES_PER_BYTE = 3
"""A value of half a page and one byte takes a page of its own, and its place in another one."""


def restore(backup: IO[bytes], data_dir: Path) -> None:
    """Make the data directory. Raises `StoreUnreadable` for the backup or the directory, `StoreLocked`."""
    for _ in read_backup(backup):
        pass
    size = backup.tell()
    backup.seek(0)
    try:
        _restore_whole(backup, size, data_dir.absolute())
    except FileExistsError as error:
        raise StoreUnreadable(f"The data directory {data_dir} is not a directory.") from error
    except (OSError, lmdb.Error) as error:
        raise StoreUnreadable(f"The data directory {data_dir} cannot be used: {error}") from error


def require_empty(folder: Path) -> None:
    """Make the directory unless it is there. Raises `StoreUnreadable` if it holds something; `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = {entry.name for entry in folder.iterdir()}
    if not names <= {LOCK_FILE, data_file.NEW_DATA_FILE}:
        raise StoreUnreadable(f"The data directory {folder} is not empty: give a new one.")


def _restore_whole(backup: IO[bytes], size: int, folder: Path) -> None:
    require_empty(folder)
    lock = DirectoryLock(folder)
    try:
        lock.sign()
        data_file.create(
            folder,
            synced=True,
            fill=lambda environment: _fill(environment, read_backup(backup)),
            map_bytes=PAGES_PER_BYTE * size + SPARE_MAP_BYTES,
        )
        folder.chmod(0o700)
    except BaseException:
        (folder / data_file.NEW_DATA_FILE).unlink(missing_ok=True)
        raise
    finally:
        lock.release()


def _fill(environment: lmdb.Environment, entries: Iterator[BackupEntry]) -> None:
    tables = [environment.open_db(name, create=False) for name in TABLE_NAMES]
    has_more = True
    while has_more:
        with environment.begin(write=True) as transaction:
            room = COMMIT_BYTES
            while has_more and room > 0:
                entry = next(entries, None)
                if entry is None:
                    has_more = False
                else:
                    transaction.put(entry.key, entry.value, db=tables[entry.table])
                    room -= len(entry.value) + 1
