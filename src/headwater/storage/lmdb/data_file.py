"""The data file of a folder: made whole or not at all, and recognised before it is opened.

Rules:
- a new file is written under another name and renamed when it is complete and
  on disk, so that a process killed at any moment leaves a data file or none;
- recognising a file changes nothing, whatever it turns out to be.

Refuses to know records and logs, and who may own the folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import lmdb

from headwater.storage.interface import StoreUnreadable
from headwater.storage.lmdb.record_format import (
    FORMAT_NAME,
    FORMAT_VERSION,
    FORMAT_VERSION_WITHOUT_CHECKSUMS,
    TABLE_NAMES,
    with_checksum,
)

DATA_FILE = "data.mdb"
NEW_DATA_FILE = "new.mdb"
"""A data file still being made; worthless when found at start."""
MAX_DATABASES = len(TABLE_NAMES) + 1

VERSION_BYTES = str(FORMAT_VERSION).encode()
OLD_VERSION_BYTES = str(FORMAT_VERSION_WITHOUT_CHECKSUMS).encode()
KNOWN_VERSIONS = (VERSION_BYTES, OLD_VERSION_BYTES)

EMPTY_MAP_BYTES = 1024 * 1024
_TAIL_PAGES = 64
"""LMDB need not have written the last pages that it counts, if they are free again."""


def _leave_empty(_environment: lmdb.Environment) -> None:
    pass


def create(
    folder: Path,
    *,
    synced: bool,
    fill: Callable[[lmdb.Environment], None] = _leave_empty,
    map_bytes: int = EMPTY_MAP_BYTES,
) -> None:
    """Make a data file; `fill` puts into its tables what it shall hold.

    Raises `OSError`, `lmdb.Error`, and what `fill` raises; then there is none.
    """
    new = folder / NEW_DATA_FILE
    new.unlink(missing_ok=True)
    with lmdb.open(
        str(new),
        subdir=False,
        lock=False,
        max_dbs=MAX_DATABASES,
        mode=0o600,
        map_size=map_bytes,
        sync=synced,
        metasync=synced,
    ) as environment:
        with environment.begin(write=True) as transaction:
            for name in TABLE_NAMES:
                environment.open_db(name, txn=transaction)
            about = environment.open_db(b"about", txn=transaction)
            transaction.put(b"format", FORMAT_NAME, db=about)
            transaction.put(b"version", str(FORMAT_VERSION).encode(), db=about)
        fill(environment)
    new.replace(folder / DATA_FILE)
    if synced:
        _sync_folder(folder)
        _sync_folder(folder.parent)


def recognise(folder: Path) -> None:
    """Raise `StoreUnreadable` unless the folder's data file is whole, ours and of a known version."""
    path = folder / DATA_FILE
    try:
        environment = lmdb.open(
            str(path), subdir=False, lock=False, readonly=True, create=False, max_dbs=MAX_DATABASES
        )
    except (lmdb.Error, OSError) as error:
        raise StoreUnreadable(f"{path} is damaged or not a data file of Headwater: {error}") from error
    try:
        _require_whole(environment, path)
        _require_known_format(environment, path)
    finally:
        environment.close()


def add_checksums(environment: lmdb.Environment) -> None:
    """Rewrite a file of the version without checksums, in one commit. Raises `lmdb.Error`."""
    about = environment.open_db(b"about", create=False)
    tables = [environment.open_db(name, create=False) for name in (b"logs", b"metadata")]
    with environment.begin(write=True) as transaction:
        if transaction.get(b"version", db=about) != OLD_VERSION_BYTES:
            return
        for table in tables:
            for key, value in list(transaction.cursor(table)):
                transaction.put(key, with_checksum(key, value), db=table)
        transaction.put(b"version", VERSION_BYTES, db=about)


def fill_tail(environment: lmdb.Environment, path: Path) -> None:
    """Give the file its counted length, so that no page of the map lies beyond its end."""
    missing = _missing_bytes(environment, path)
    if missing > 0:
        os.truncate(path, path.stat().st_size + missing)


def _require_whole(environment: lmdb.Environment, path: Path) -> None:
    """A file cut short would kill the process with SIGBUS at the first missing page."""
    missing = _missing_bytes(environment, path)
    if missing > _TAIL_PAGES * environment.stat()["psize"]:
        raise StoreUnreadable(f"{path} is damaged: {missing} bytes are missing at its end.")


def _missing_bytes(environment: lmdb.Environment, path: Path) -> int:
    last_page = environment.info()["last_pgno"]
    return (last_page + 1) * environment.stat()["psize"] - path.stat().st_size


def _require_known_format(environment: lmdb.Environment, path: Path) -> None:
    try:
        about = environment.open_db(b"about", create=False)
        with environment.begin() as transaction:
            name = transaction.get(b"format", db=about)
            version = transaction.get(b"version", db=about) or b""
    except lmdb.Error as error:
        raise StoreUnreadable(f"{path} is damaged or not a data file of Headwater: {error}") from error
    if name != FORMAT_NAME:
        raise StoreUnreadable(f"{path} is not a data file of Headwater.")
    if version not in KNOWN_VERSIONS:
        raise StoreUnreadable(
            f"{path} has format version {version.decode(errors='replace')};"
            f" this Headwater reads version {FORMAT_VERSION}."
        )


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
