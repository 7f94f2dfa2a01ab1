"""What a failed write leaves behind, and when its file is opened again.

Most errors are clean: LMDB writes to free pages, makes them safe, and only then
points to them, so when there is no room for the pages nothing has happened, and the
next commit may succeed. After any other error nobody knows what the disk has: the
system forgets what it could not write, and a later sync would be told that all is
well. So the file must be given up and opened again: what is found in it then counts.

Rules:
- an error that is not known to be clean is not; LMDB calls a write that was cut short,
  as on a disk that becomes full in the middle of it, an I/O error, so that is not, too;
- an attempt begins with a look at the disk on a thread of its own, because a failing
  disk may take minutes to say so; until that succeeds the old file stays open for
  its readers;
- attempts go on, less and less often, until one succeeds or the store is closed.

Refuses to know what is in the file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Timer

import lmdb

from headwater.storage.interface import Post

CLEAN_CODES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM}
"""No room on the disk, for this user, in one file, or in memory."""
CLEAN_ERRORS = (
    lmdb.DiskError,
    lmdb.MapFullError,
    lmdb.MapResizedError,
    lmdb.MemoryError,
    lmdb.TxnFullError,
    MemoryError,
)

FIRST_DELAY_S = 0.05
LONGEST_DELAY_S = 10.0


def is_clean(error: Exception) -> bool:
    """Whether the failed write has left nothing behind."""
    return isinstance(error, CLEAN_ERRORS) or getattr(error, "code", None) in CLEAN_CODES


class Reopening:
    """The attempts to open one file again."""

    def __init__(self, path: Path, post: Post, attempt: Callable[[OSError | None], None]) -> None:
        """`attempt` is posted after each look at the disk, with the error that was found."""
        self._path = path
        self._post = post
        self._attempt = attempt
        self._timer: Timer | None = None
        self._delay_s = FIRST_DELAY_S

    def schedule(self) -> float:
        """The seconds until the next attempt, doubled each time."""
        delay_s, self._delay_s = self._delay_s, min(2 * self._delay_s, LONGEST_DELAY_S)
        self._timer = Timer(delay_s, self._look)
        self._timer.name, self._timer.daemon = "headwater-reopen", True
        self._timer.start()
        return delay_s

    def succeeded(self) -> None:
        """The next failure is a new one."""
        self._delay_s = FIRST_DELAY_S

    def cancel(self) -> None:
        """Make no further attempt."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._post(partial(self._attempt, _sync_error(self._path)))


def _sync_error(path: Path) -> OSError | None:
    """Why the file cannot be opened for writing and made safe now."""
    try:
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return error
    return None
