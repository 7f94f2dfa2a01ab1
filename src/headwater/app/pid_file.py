"""The file that says where a server is while it runs, and is locked by it: `--pid-file`.

Rules:
- the lock is the kernel's, and ends with the process, however that ends: a file that nobody holds is stale,
  and the next server takes it;
- the file is removed at the end, and not when another server has it by then.

Refuses to know who reads it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from headwater.config import ConfigError
from headwater.storage.directory_lock import try_lock

PRIVATE = 0o600


class PidFile:
    """The file of a running server."""

    def __init__(self, path: Path) -> None:
        """Take it. Raises `ConfigError` when it cannot be had."""
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = _held(path)
        except OSError as error:
            raise ConfigError(f"--pid-file {path}: {error.strerror}") from error

    def write(self, told: dict[str, Any]) -> None:
        """Say where the server is, and its process id. Raises `ConfigError`."""
        text = json.dumps({"pid": os.getpid(), **told}) + "\n"
        try:
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, text.encode())
        except OSError as error:
            raise ConfigError(f"--pid-file {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """The server ends: nothing is left of it."""
        if sys.platform == "win32":  # which removes no file that is open
            os.close(self._descriptor)
            _remove(self._path)
        else:  # not once another server may have it
            _remove(self._path)
            os.close(self._descriptor)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _held(path: Path) -> int:
    """The open file, locked. Raises `ConfigError` and OSError."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
        if not is_free(descriptor):
            os.close(descriptor)
            raise ConfigError(f"--pid-file {path}: another server has it")
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # the server that had it has removed it meanwhile


def is_free(descriptor: int) -> bool:
    """Whether nobody else holds an open file; it is held by this process from now on."""
    try:
        try_lock(descriptor)
    except OSError:
        return False
    return True
