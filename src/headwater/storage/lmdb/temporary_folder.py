"""A folder for a store without a data directory, gone when the process is.

It is removed when the store is closed, else when the interpreter ends, else (a
killed process) by the next store that starts. Only folders that look exactly
like ours, belong to this user and have no living owner are ever removed. A lock
that nobody has signed may be about to be taken: its folder is left alone.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from headwater.storage.directory_lock import LOCK_FILE, DirectoryLock
from headwater.storage.interface import FUNCTIONS_FOLDER, StoreLocked
from headwater.storage.lmdb.data_file import DATA_FILE, NEW_DATA_FILE

PREFIX = "headwater-"
_OUR_FILES = {LOCK_FILE, DATA_FILE, NEW_DATA_FILE, FUNCTIONS_FOLDER}


def make() -> tuple[Path, Callable[[], None]]:
    """A new folder, locked, and the function that removes it."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = DirectoryLock(folder)
    lock.sign()
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() != owner:
            return  # a forked child must not remove its parent's folder
        atexit.unregister(remove)
        _remove(folder, lock, ignore_errors=True)

    atexit.register(remove)
    return folder, remove


def remove_abandoned() -> None:
    """Remove the folders of processes that were killed, as far as that is possible."""
    # Not by a pattern of `pathlib`: that is compiled, and this folder has many others' files.
    try:
        with os.scandir(tempfile.gettempdir()) as entries:
            folders = [Path(entry.path) for entry in entries if entry.name.startswith(PREFIX)]
    except OSError:
        return  # who may make a folder there may not always list the others
    for folder in folders:
        try:
            _remove_if_abandoned(folder)
        except (OSError, StoreLocked):
            continue  # somebody else's, or in use: not ours to remove


def _remove_if_abandoned(folder: Path) -> None:
    status = folder.lstat()
    is_mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if not stat.S_ISDIR(status.st_mode) or not is_mine:
        return
    files = {entry.name for entry in folder.iterdir()}
    if LOCK_FILE not in files or not files <= _OUR_FILES:
        return
    if (folder / LOCK_FILE).stat().st_size == 0:
        return
    _remove(folder, DirectoryLock(folder))


def _remove(folder: Path, lock: DirectoryLock, *, ignore_errors: bool = False) -> None:
    """Remove a folder that is locked, and end the lock. Raises OSError."""
    if sys.platform == "win32":  # which removes no file that is open
        lock.release()
    try:
        shutil.rmtree(folder, ignore_errors=ignore_errors)
    finally:
        lock.release()
