"""One owner for a directory: the process that holds the lock on its file `lock`.

The lock is the operating system's and ends with the process, however it ends;
the file stays behind and means nothing. Its text, the owner's process id, is
for people.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from headwater.storage.interface import StoreLocked

LOCK_FILE = "lock"

if sys.platform == "win32":
    import msvcrt

    _FAR_OFF = 1 << 30
    """Windows refuses to read a locked byte, so the locked one is not part of the text."""

    def try_lock(descriptor: int) -> None:
        """Lock an open file until it is closed. Raises OSError if another process has it."""
        os.lseek(descriptor, _FAR_OFF, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def try_lock(descriptor: int) -> None:
        """Lock an open file until it is closed. Raises OSError if another process has it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class DirectoryLock:
    """The ownership of one directory, until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raises `StoreLocked` if somebody has it, `OSError` if the file cannot be opened."""
        path = folder / LOCK_FILE
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            try_lock(self._descriptor)
        except OSError as error:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            owner = os.read(self._descriptor, 32)
            os.close(self._descriptor)
            raise StoreLocked(_refusal(folder, owner)) from error

    def sign(self) -> None:
        """Write the process id into the file."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next one in. Harmless when called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _refusal(folder: Path, owner: bytes) -> str:
    process = owner.decode(errors="replace").strip()
    by = f"another process ({process})" if process.isdigit() else "another process"
    return f"The data directory {folder} is in use by {by}."
