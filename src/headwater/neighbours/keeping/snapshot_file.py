"""The file of a snapshot: one line that says what it is, then the state, in bytes.

Rules:
- the line has the versions of the format and of moto, the number of the log of writes that follows the
  snapshot, and the state's digest;
- a snapshot of other versions does not fit, one whose digest differs is damaged: either is refused in words.

Refuses to know what is in the state.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from headwater.neighbours.keeping.safe_files import write_safely

FORMAT = 1
LINE_BYTES_MAX = 4096


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    format: int
    moto: str
    log: int
    """The number of the first log of writes that the state does not have."""
    digest: str = ""


class StateRefused(Exception):
    """A snapshot cannot be used. The text is for the person whose state it is."""


class Snapshot(NamedTuple):
    """What a file has."""

    log: int
    state: bytes


def check_heading(path: Path, moto_version: str) -> None:
    """Look whether a snapshot fits, without reading its state. Raises `StateRefused` and OSError."""
    with path.open("rb") as file:
        _heading(file.readline(LINE_BYTES_MAX), moto_version)


def read_snapshot(path: Path, moto_version: str) -> Snapshot:
    """The snapshot. Raises `StateRefused` and OSError."""
    with path.open("rb") as file:
        heading = _heading(file.readline(LINE_BYTES_MAX), moto_version)
        state = file.read()
    if _digest(state) != heading.digest:
        raise StateRefused("it is damaged: its digest does not match")
    return Snapshot(heading.log, state)


def write_snapshot(path: Path, moto_version: str, snapshot: Snapshot) -> None:
    """Put it in the place of the one before. Raises OSError, and then that one stays."""
    heading = Heading(format=FORMAT, moto=moto_version, log=snapshot.log, digest=_digest(snapshot.state))
    write_safely(path, msgspec.json.encode(heading), b"\n", snapshot.state)


def _heading(line: bytes, moto_version: str) -> Heading:
    try:
        heading = msgspec.json.decode(line, type=Heading)
    except msgspec.MsgspecError as error:
        raise StateRefused("it is no snapshot that is known") from error
    if heading.format != FORMAT:
        raise StateRefused(f"it is of format {heading.format}, and this Headwater reads format {FORMAT}")
    if heading.moto != moto_version:
        raise StateRefused(f"it was written with moto {heading.moto}, and moto {moto_version} is installed")
    return heading


def _digest(state: bytes) -> str:
    return hashlib.blake2b(state, digest_size=32).hexdigest()
