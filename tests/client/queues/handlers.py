"""Handlers of queues' records that other processes can import."""

from __future__ import annotations

import os
from pathlib import Path

from headwater.client import QueueRecord

FOLDER = "HEADWATER_TEST_FOLDER"


def write_down(record: QueueRecord) -> None:
    """Make a file of this process's number in a folder of the record's data."""
    folder = Path(os.environ[FOLDER]) / record.data.decode()
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()


def die_once(record: QueueRecord) -> None:
    """The first process to get the record "3" dies of it."""
    if record.data == b"3" and record.receive_count == 1:
        os._exit(3)
    write_down(record)
