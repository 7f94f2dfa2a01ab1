"""Holds an LMDB file against every promise of the store, block by block."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import lmdb

from headwater.storage.interface import Extent
from headwater.storage.lmdb.file import LmdbFile
from headwater.storage.lmdb.loaded import Loaded
from headwater.storage.lmdb.record_format import (
    GAP,
    block_head,
    checked_block,
    is_intact,
    split_log_key,
    split_record_key,
    unpack_metadata,
    unpack_row,
)


class _Block(NamedTuple):
    """The part of a block that the checks look at."""

    log_id: int
    start: int
    size: int
    """How many records there are."""
    time_ms: int
    is_intact: bool

    @property
    def end(self) -> int:
        return self.start + self.size


def check(file: LmdbFile, known: Loaded, *, has_checksums: bool) -> list[str]:
    """Every broken promise in plain words; `known` is what the open store remembers.

    `has_checksums` is of the blocks.
    """
    found: list[str] = []
    try:
        found.extend(_check_metadata(file, known))
        found.extend(_check_rows(file, known))
        found.extend(_check_records(file, known, has_checksums=has_checksums))
    except (lmdb.Error, struct.error, ValueError) as error:
        found.append(f"{file.path} cannot be read to its end: {error}")
    return found


def _check_metadata(file: LmdbFile, known: Loaded) -> Iterator[str]:
    stored = {
        key.decode(): unpack_metadata(key, value)
        for key, value in file.snapshot().cursor(file.tables.metadata)
    }
    for key in sorted(stored.keys() | known.metadata.keys()):
        if stored.get(key) != known.metadata.get(key):
            yield f"key {key!r} is {stored.get(key)} on disk and {known.metadata.get(key)} in memory"
    for key, metadata in stored.items():
        if metadata.version < 1:
            yield f"key {key!r} has version {metadata.version}"


def _check_rows(file: LmdbFile, known: Loaded) -> Iterator[str]:
    rowless = known.extents.keys() | known.backlog.keys()
    for key, value in file.snapshot().cursor(file.tables.logs):
        log_id, row = split_log_key(key)[0], unpack_row(key, value)
        rowless.discard(log_id)
        extent = known.extents.get(log_id)
        if row.deleted or extent is None:
            if not row.deleted:
                yield f"log {log_id} is on disk, but not in memory"
            elif extent is not None or log_id not in known.backlog:
                yield f"log {log_id} is deleted on disk, but not in memory"
        elif (row.first, row.sealed) != (extent.first, extent.sealed):
            yield f"log {log_id} is {row} on disk and {extent} in memory"
        elif row.next > extent.next or row.last_time_ms > extent.last_time_ms:
            yield f"log {log_id} had more when its row was written, {row}, than it has now, {extent}"
    for log_id in sorted(rowless):
        yield f"log {log_id} is in memory, but has no row on disk"


def _check_records(file: LmdbFile, known: Loaded, *, has_checksums: bool) -> Iterator[str]:
    recordless = {log_id for log_id, extent in known.extents.items() if extent.first < extent.next}
    stored = file.snapshot().cursor(file.tables.records)
    checked = stored if has_checksums else ((key, checked_block(key, block)) for key, block in stored)
    for log_id, blocks in groupby((_block(*item) for item in checked), key=attrgetter("log_id")):
        recordless.discard(log_id)
        yield from _check_log(log_id, blocks, known.extents.get(log_id), known.backlog)
    for log_id in sorted(recordless):
        yield f"log {log_id} should have records, {known.extents[log_id]}, and has none"


def _block(key: bytes, value: bytes) -> _Block:
    _, size, time_ms = block_head(value)
    log_id, start = split_record_key(key)
    return _Block(log_id, start, size, time_ms & ~GAP, is_intact(key, value))


def _check_log(
    log_id: int, blocks: Iterator[_Block], extent: Extent | None, backlog: Container[int]
) -> Iterator[str]:
    oldest = newest = next(blocks)
    yield from _check_block(oldest)
    for block in blocks:
        yield from _check_block(block)
        if block.start != newest.end:
            yield f"log {log_id}: position {newest.end - 1} is followed by {block.start}"
        if block.time_ms < newest.time_ms:
            yield f"log {log_id}: position {block.start} arrived before the one before it"
        newest = block
    if extent is None:
        if log_id not in backlog:
            yield f"log {log_id} has records, but does not exist"
        return
    if oldest.start > extent.first:
        yield f"log {log_id}: positions {extent.first} to {oldest.start - 1} are missing"
    if oldest.end <= extent.first and log_id not in backlog:
        yield f"log {log_id}: nothing will give back the space of the positions before {extent.first}"
    if extent.first < extent.next and (newest.end, newest.time_ms) != (extent.next, extent.last_time_ms):
        yield (
            f"log {log_id} ends at position {newest.end - 1}, arrived at {newest.time_ms},"
            f" but should be {extent}"
        )


def _check_block(block: _Block) -> Iterator[str]:
    if not block.is_intact:
        positions = f"positions {block.start} to {block.end - 1}"
        yield f"log {block.log_id}: {positions} are damaged: they do not match their checksum"
