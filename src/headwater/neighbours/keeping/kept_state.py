"""What a data directory has of the neighbours: a snapshot, and the logs of writes that came after it.

Rules:
- a snapshot begins with a new log; until the snapshot is in its place, the old one and all logs since count;
- what does not fit (another version of moto or of the format, damage) is kept aside as a whole, and said;
- the folder is one server's: the lock of the data directory beside it says whose.

Refuses to know moto: its state is bytes here, and calls are made again by whoever can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from headwater.neighbours.keeping.bodies import Bodies
from headwater.neighbours.keeping.safe_files import sync_folder
from headwater.neighbours.keeping.snapshot_file import (
    Snapshot,
    StateRefused,
    check_heading,
    read_snapshot,
    write_snapshot,
)
from headwater.neighbours.keeping.write_log import LogBroken, WriteCall, WriteLog, Written, read_calls

SNAPSHOT = "snapshot"
BODIES = "bodies"
_LOG_NAME = re.compile(r"writes-(\d{1,12})\.log")

Warn = Callable[[str], None]


class KeptState:
    """The folder of one server."""

    def __init__(self, folder: Path, moto_version: Callable[[], str], warn: Warn) -> None:
        """Look whether what is there fits; if not, put it aside and say so. Raises OSError."""
        self._folder = folder
        self._moto_version = moto_version
        self._warn = warn
        self._log: WriteLog | None = None
        self._next_log = 0
        self.bodies = Bodies(folder / BODIES)
        if (folder / SNAPSHOT).exists():
            try:
                check_heading(folder / SNAPSHOT, moto_version())
            except StateRefused as error:
                self.put_aside(str(error))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not (self._folder / SNAPSHOT).exists() and not self._logs()

    @property
    def log_bytes(self) -> int:
        """What has been written since the last snapshot."""
        return 0 if self._log is None else self._log.written_bytes

    @property
    def is_broken(self) -> bool:
        """Whether the log takes nothing more before the next snapshot."""
        return self._log is None or self._log.is_broken

    def state(self) -> bytes | None:
        """What the last snapshot has; `None` without one. Raises `StateRefused` and OSError."""
        if not (self._folder / SNAPSHOT).exists():
            return None
        snapshot = read_snapshot(self._folder / SNAPSHOT, self._moto_version())
        self._next_log = snapshot.log
        return snapshot.state

    def calls(self) -> Iterator[WriteCall]:
        """The writes since then, in order. Ask for the `state` first. Raises OSError."""
        for number, path in sorted(self._logs().items()):
            if number >= self._next_log:
                yield from read_calls(path)

    def begin(self) -> None:
        """Start a new log: what is appended from now on is not in the state as it is now. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = max([self._next_log - 1, *self._logs()]) + 1
        log = WriteLog(self._folder / f"writes-{number}.log")
        if self._log is not None:
            self._log.close()
        self._log, self._next_log = log, number

    def save(self, state: bytes) -> None:
        """Put a snapshot in its place: the state at the last `begin`. Raises OSError."""
        write_snapshot(self._folder / SNAPSHOT, self._moto_version(), Snapshot(self._next_log, state))
        for number, path in self._logs().items():
            if number < self._next_log:
                path.unlink(missing_ok=True)
        self.bodies.forget_unnamed()

    def append(self, call: WriteCall) -> Written:
        """Write a call down; gives what to `sync`. Raises `LogBroken`."""
        if self._log is None:
            raise LogBroken("there is no log")
        return self._log.append(call)

    def put_aside(self, reason: str) -> None:
        """Keep what is there under another name, begin empty, and say why. Raises OSError."""
        number = 1
        while (aside := self._folder.with_name(f"{self._folder.name}-aside-{number}")).exists():
            number += 1
        self._folder.rename(aside)
        sync_folder(self._folder.parent)
        self._next_log = 0
        self._warn(f"The neighbours start empty: {aside} has what was kept of them, but {reason}.")

    def close(self) -> None:
        """Nothing more is written."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _logs(self) -> dict[int, Path]:
        if not self._folder.exists():
            return {}
        named = ((_LOG_NAME.fullmatch(path.name), path) for path in self._folder.iterdir())
        return {int(name[1]): path for name, path in named if name is not None}
