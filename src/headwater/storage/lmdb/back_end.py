"""The embedded store as a back end: opened in a data directory, or in a temporary folder without one.

Rules:
- a data directory has one owner at a time;
- a directory that is refused is left as it was, to the last byte: only one that
  is empty, half made by a process that was killed, or has our certificates only,
  becomes ours;
- a refusal names the directory and says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, TypedDict

import lmdb

from headwater.storage.directory_lock import LOCK_FILE, DirectoryLock
from headwater.storage.interface import (
    OpenedStore,
    Post,
    StoreFilling,
    StoreUnavailable,
    StoreUnreadable,
)
from headwater.storage.lmdb import data_file, temporary_folder
from headwater.storage.lmdb.data_file import DATA_FILE, NEW_DATA_FILE
from headwater.storage.lmdb.store import LmdbStore
from headwater.storage.lmdb.temporary_store import TemporaryStore

BEFORE_DATA = {LOCK_FILE, NEW_DATA_FILE, "tls", "headwater.pid", "lost+found"}
"""What a directory may hold before it holds data: the certificates of `--tls` are made first, the image has
its `--pid-file` there, and a new file system has a folder of its own."""


class _Callbacks(TypedDict):
    """What the store is given for itself."""

    log_error: Callable[[str], None]
    post_from_thread: Post | None


class LmdbBackEnd:
    """See `interface.BackEnd`."""

    def open(
        self,
        data_dir: Path | None,
        post: Post,
        *,
        log_error: Callable[[str], None],
        post_from_thread: Post | None,
    ) -> OpenedStore:
        """Open the store of a directory, or a temporary one. Raises StoreUnreadable."""
        callbacks: _Callbacks = {"log_error": log_error, "post_from_thread": post_from_thread}
        if data_dir is None:
            return _open_temporary(post, callbacks)
        try:
            return _open_directory(data_dir, post, callbacks)
        except FileExistsError as error:
            raise StoreUnreadable(f"The data directory {data_dir} is not a directory.") from error
        except (OSError, lmdb.Error) as error:
            raise StoreUnreadable(f"The data directory {data_dir} cannot be used: {error}") from error

    def temporary_folder(self) -> tuple[Path, Callable[[], None]]:
        """See `BackEnd.temporary_folder`."""
        temporary_folder.remove_abandoned()
        return temporary_folder.make()

    def has_data(self, data_dir: Path) -> bool:
        """Whether there is a data file."""
        return (data_dir / DATA_FILE).exists()

    def require_whole_backup(self, backup: IO[bytes]) -> None:
        """Read a backup to its end."""
        from headwater.storage.lmdb.backup_format import read_backup  # noqa: PLC0415 - as asked for

        for _ in read_backup(backup):
            pass

    def restore(self, backup: IO[bytes], data_dir: Path) -> None:
        """Make a directory's data from a backup."""
        from headwater.storage.lmdb.restore import restore  # noqa: PLC0415 - as asked for

        restore(backup, data_dir)

    def fill(self, data_dir: Path) -> StoreFilling:
        """Begin to make a directory's data from another store's. Raises StoreUnreadable."""
        from headwater.storage.lmdb.filling import LmdbFilling  # noqa: PLC0415 - as asked for

        return LmdbFilling(data_dir)

    def remove(self, data_dir: Path) -> None:
        """Remove the data file."""
        (data_dir / DATA_FILE).unlink()


def _open_temporary(post: Post, callbacks: _Callbacks) -> OpenedStore:
    temporary_folder.remove_abandoned()
    try:
        folder, remove = temporary_folder.make()
    except OSError as error:
        raise StoreUnavailable(f"There is no place for temporary data: {error}") from error
    try:
        store = TemporaryStore(folder, post, on_close=remove, **callbacks)
    except (OSError, lmdb.Error) as error:
        remove()
        raise StoreUnavailable(f"There is no place for temporary data in {folder}: {error}") from error
    return OpenedStore(store, folder, store.begin_copy)


def _open_directory(data_dir: Path, post: Post, callbacks: _Callbacks) -> OpenedStore:
    folder = data_dir.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _take_over(folder)
    try:
        store = LmdbStore(folder, post, synced=True, on_close=lock.release, **callbacks)
    except BaseException:
        lock.release()
        raise
    return OpenedStore(store, folder, store.begin_copy)


def _take_over(folder: Path) -> DirectoryLock:
    """The lock on a directory that is ours or empty."""
    names = {entry.name for entry in folder.iterdir()}
    if not names <= BEFORE_DATA and DATA_FILE not in names:
        raise StoreUnreadable(f"The data directory {folder} is not empty, and holds no data of Headwater.")
    if LOCK_FILE not in names and DATA_FILE in names:
        data_file.recognise(folder)  # before our lock file appears in it
    lock = DirectoryLock(folder)
    try:
        if (folder / DATA_FILE).exists():
            data_file.recognise(folder)
        lock.sign()
    except BaseException:
        lock.release()
        raise
    return lock
