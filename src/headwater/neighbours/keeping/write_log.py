"""A log of DynamoDB's writes since the last snapshot: each is on the disk before it is acknowledged.

Rules:
- an entry is its length, a checksum, and the call; what a crash has left unfinished at the end is no entry;
- calls are in the order in which they were made, and each has the time and the seed that it was made
  with: made again over the same snapshot they leave the same behind;
- one sync serves all that was written before it, whoever waits for it;
- after a failed write or sync the log takes nothing more: nobody knows what is on the disk.

A log rather than SQLite under moto's tables: moto changes items in place, in a dozen operations, and the log
needs to know none of them. An entry and its share of a sync cost less than moto's own work for a write.

Refuses to know what a call means.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import msgspec

from headwater.neighbours.keeping.safe_files import PRIVATE, sync_folder

_FRAME = struct.Struct("<II")
CLOSED = -1


class WriteCall(msgspec.Struct, frozen=True, array_like=True):
    """A request that changes tables."""

    account_id: str
    region: str
    target: bytes
    body: bytes
    time_s: float
    """When it was made."""
    seed: int
    """What its random values were made of."""


class LogBroken(OSError):
    """A write or a sync has failed: what was appended may not be on the disk."""


NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_BINARY", 0)
"""Windows writes two bytes for one that is a line's end, unless it is told not to."""
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(WriteCall)


class WriteLog:
    """One file of calls. Append and sync from any thread."""

    def __init__(self, path: Path) -> None:
        """A new file. Raises OSError."""
        self._lock = Lock()
        self._sync_lock = Lock()
        self._descriptor = os.open(path, NEW, PRIVATE)
        sync_folder(path.parent)
        self._written = 0
        self._synced = 0
        self._is_broken = False

    @property
    def written_bytes(self) -> int:
        """How long it is."""
        return self._written

    @property
    def is_broken(self) -> bool:
        """Whether it takes nothing more."""
        return self._is_broken

    def append(self, call: WriteCall) -> Written:
        """Write a call; gives what must be synced for it. Raises `LogBroken`."""
        payload = _ENCODER.encode(call)
        entry = _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        with self._lock:
            if self._is_broken:
                raise LogBroken("an earlier write has failed")
            try:
                done = os.write(self._descriptor, entry)
            except OSError as error:
                self._is_broken = True
                raise LogBroken(str(error)) from error
            if done < len(entry):
                self._is_broken = True
                raise LogBroken("there is no room for a write")
            self._written += done
            return Written(self, self._written)

    def sync(self, position: int) -> None:
        """Return once everything up to a position is on the disk. Raises `LogBroken`."""
        with self._sync_lock:
            if self._synced >= position:
                return
            written = self._written
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                self._is_broken = True
                raise LogBroken(str(error)) from error
            if self._is_broken:
                raise LogBroken("an earlier write has failed")
            self._synced = written

    def close(self) -> None:
        """Sync what was written, and take nothing more."""
        with suppress(LogBroken):
            self.sync(self._written)
        with self._lock, self._sync_lock:
            os.close(self._descriptor)
            self._descriptor = CLOSED
            self._is_broken = True


class Written(NamedTuple):
    """Where a call is in a log."""

    log: WriteLog
    position: int

    def sync(self) -> None:
        """Return once it is on the disk. Raises `LogBroken`."""
        self.log.sync(self.position)


def read_calls(path: Path) -> Iterator[WriteCall]:
    """The calls of a log, up to the first that is not whole. Raises OSError."""
    with path.open("rb") as file:
        while len(frame := file.read(_FRAME.size)) == _FRAME.size:
            length, checksum = _FRAME.unpack(frame)
            payload = file.read(length)
            if len(payload) < length or zlib.crc32(payload) != checksum:
                return
            yield _DECODER.decode(payload)
