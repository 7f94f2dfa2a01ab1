"""Handlers that other processes can import."""

from __future__ import annotations

import os
from pathlib import Path

from headwater.client import Batch

FOLDER = "HEADWATER_TEST_FOLDER"


def write_down(batch: Batch) -> None:
    """Append what came to a file of this process."""
    lines = "".join(f"{record.partition_key} {record.data.decode()}\n" for record in batch)
    with (Path(os.environ[FOLDER]) / f"{os.getpid()}.handled").open("a") as file:
        file.write(lines)


def die_once(batch: Batch) -> None:
    """The first process to get the number 7 dies of it."""
    marker = Path(os.environ[FOLDER]) / "died"
    if any(record.data == b"7" for record in batch) and not marker.exists():
        marker.touch()
        os._exit(3)
    write_down(batch)


def refuse(_batch: Batch) -> None:
    """Fail."""
    raise ValueError("refused in another process")


async def write_down_later(batch: Batch) -> None:
    """The same as a coroutine."""
    write_down(batch)
