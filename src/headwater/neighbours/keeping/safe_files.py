"""Files that are whole or not there, whenever the machine stops.

Refuses to know what is in them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PRIVATE = 0o600
UNFINISHED = ".unfinished"


def write_safely(path: Path, *parts: bytes) -> None:
    """Put a file in the place of the one that is there, once it is on the disk. Raises OSError."""
    unfinished = path.with_name(path.name + UNFINISHED)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder be on the disk; some platforms cannot, and need not."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
