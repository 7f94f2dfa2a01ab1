"""How records, log rows and metadata look as the bytes of a key-value file.

| table    | key                                 | value                                             |
| -------- | ----------------------------------- | ------------------------------------------------- |
| records  | log id, first position (u64 each)   | a block: see below                                |
| logs     | log id (u64)                        | first, next, last_time_ms (u64 each), flags (u8), |
|          |                                     | checksum (u32)                                    |
| metadata | the key in UTF-8                    | version (u64), value, checksum (u32)              |
| about    | `format`, `version`                 | `headwater-store`, a decimal number               |

All numbers are big-endian, so that the order of bytes is the order of positions.
A change of anything here is a new `FORMAT_VERSION`. In version 2, which is still read and
then rewritten, logs and metadata had no checksum. A checksum is the CRC-32 of the key and of
everything else in the value.

A block holds records of one log that follow one another, arrived at the same time
and were committed together: a file that has an entry for each of many small records
spends most of its time and a third of its space on the entries. It is

    checksum (u32) · count (u32) · time_ms (u64) · the length of each payload (u32 each) · the payloads

and begins with its checksum, which is 0 in the file of a temporary store: nobody opens that again. A log
that came from a shared store may have positions without a record: a gap is a block of so many empty
payloads, whose time has the highest bit and else is that of the record before.

`next` and `last_time_ms` of a row are those of its last write; a record that lies
later than the row corrects them. So an append writes records and nothing else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from struct import Struct, error, pack, unpack_from
from typing import NamedTuple
from zlib import crc32

from headwater.model.cut_payloads import COPIED_BYTES, CutPayloads, ReadBlock
from headwater.storage.interface import Metadata

FORMAT_NAME = b"headwater-store"
FORMAT_VERSION = 4
"""Not 3: a single flipped bit would make a 2 of it, and let damage pass unchecked."""
FORMAT_VERSION_WITHOUT_CHECKSUMS = 2

TABLE_NAMES = (b"records", b"logs", b"metadata")
"""Each a named database of the file; `about` is a fourth."""

MAX_POSITION = 2**64 - 1
"""Above every position that a record can have."""

BLOCK_BYTES = 128 * 1024
"""A block takes no further record once it has this much payload: large values need room in one piece."""

GAP = 1 << 63
"""In the time of a block: its positions have no records."""

record_key = Struct(">QQ").pack
split_record_key = Struct(">QQ").unpack
_HEAD = Struct(">IIQ")
_CHECKSUM = Struct(">I")
_LENGTH = Struct(">I")
_pack_checksum = _CHECKSUM.pack
_UNCHECKED = _pack_checksum(0)
_pack_single = Struct(">IQI").pack

log_key = Struct(">Q").pack
split_log_key = Struct(">Q").unpack

_ROW = Struct(">QQQB")
_VERSION = Struct(">Q")
_SEALED, _DELETED = 1, 2


class LogRow(NamedTuple):
    """The header of a log in the file."""

    first: int
    next: int
    last_time_ms: int
    sealed: bool
    deleted: bool


class BlockHead(NamedTuple):
    """The header of a block, for all of its records."""

    checksum: int
    size: int
    """How many records there are."""
    time_ms: int


DELETED_ROW = LogRow(0, 0, 0, sealed=False, deleted=True)


def pack_block(key: bytes, time_ms: int, payloads: Sequence[bytes], *, is_checked: bool = True) -> bytes:
    """The block of these records, with its checksum or without."""
    count = len(payloads)
    if count == 1:
        head = _pack_single(1, time_ms, len(payloads[0]))
    else:
        head = pack(f">IQ{count}I", count, time_ms, *map(len, payloads))
        if len(payloads[0]) <= COPIED_BYTES:  # of large ones a copy costs more than a call for each
            payloads = (b"".join(payloads),)
    if not is_checked:
        return b"".join((_UNCHECKED, head, *payloads))
    checksum = crc32(head, crc32(key))
    for part in payloads:
        checksum = crc32(part, checksum)
    return b"".join((_pack_checksum(checksum), head, *payloads))


def checked_block(key: bytes, block: bytes) -> bytes:
    """A block that was packed without a checksum, with it."""
    rest = memoryview(block)[_CHECKSUM.size :]
    return b"".join((_pack_checksum(crc32(rest, crc32(key))), rest))


def block_head(block: bytes) -> BlockHead:
    """Read its beginning. Raises `struct.error` for what is too short."""
    return BlockHead._make(_HEAD.unpack_from(block))


def payloads_of(
    block: ReadBlock, count: int, begin: int, end: int, max_bytes: int, *, at_least: int
) -> CutPayloads:
    """The payloads of records `begin` to `end` of a block's `count`.

    Only as many as fit into `max_bytes`, but `at_least` that number. Raises `struct.error` for a block
    whose lengths are not those of what follows them.
    """
    lengths, size = _lengths(block.whole, count)
    start = len(block.whole) - size
    if start != _HEAD.size + 4 * count:
        raise error(f"a block of {len(block.whole)} bytes has {size} of payloads")
    if begin == 0 and end >= count and size <= max_bytes:
        return CutPayloads(block, start, lengths, size)
    wanted = lengths[begin:end]
    start += sum(lengths[:begin])
    if sum(wanted) > max_bytes:
        wanted = wanted[: max(bisect_right(tuple(accumulate(wanted)), max_bytes), at_least)]
    return CutPayloads(block, start, wanted)


def _lengths(block: bytes, count: int) -> tuple[tuple[int, ...], int]:
    """Of a block's payloads, and their sum; where all have one length, as is usual, it is read once."""
    table = block[_HEAD.size : _HEAD.size + 4 * count]
    if table == table[:4] * count:
        (length,) = _LENGTH.unpack(table[:4])
        return (length,) * count, length * count
    lengths = unpack_from(f">{count}I", table)
    return lengths, sum(lengths)


def is_intact(key: bytes, block: bytes) -> bool:
    """Whether the block is, to the last bit, what was stored under the key."""
    if len(block) < _HEAD.size:
        return False
    checksum, count, _ = block_head(block)
    if count == 0 or len(block) < _HEAD.size + 4 * count:
        return False
    size = _HEAD.size + 4 * count + sum(unpack_from(f">{count}I", block, _HEAD.size))
    return len(block) == size and checksum == crc32(memoryview(block)[_CHECKSUM.size :], crc32(key))


def cut_payloads(payloads: list[bytes]) -> Iterator[list[bytes]]:
    """Pieces that each make one block."""
    if sum(map(len, payloads)) <= BLOCK_BYTES:
        yield payloads
        return
    begin = size = 0
    for at, payload in enumerate(payloads):
        if size + len(payload) > BLOCK_BYTES and at > begin:
            yield payloads[begin:at]
            begin, size = at, 0
        size += len(payload)
    yield payloads[begin:]


class Damaged(ValueError):
    """A value that is not, to the last bit, what was stored under its key."""


def with_checksum(key: bytes, value: bytes) -> bytes:
    """The value of a key as it is stored."""
    return value + _pack_checksum(crc32(value, crc32(key)))


def without_checksum(key: bytes, stored: bytes) -> bytes:
    """The value that `with_checksum` was given. Raises `Damaged`."""
    value, checksum = stored[: -_CHECKSUM.size], stored[-_CHECKSUM.size :]
    if checksum != _pack_checksum(crc32(value, crc32(key))):
        raise Damaged("it does not match its checksum")
    return value


def pack_row(key: bytes, row: LogRow) -> bytes:
    """A row of the table `logs`."""
    flags = (_SEALED if row.sealed else 0) | (_DELETED if row.deleted else 0)
    return with_checksum(key, _ROW.pack(row.first, row.next, row.last_time_ms, flags))


def unpack_row(key: bytes, value: bytes) -> LogRow:
    """Read a row back. Raises `Damaged`, and `struct.error` when it is not one."""
    first, next_position, last_time_ms, flags = _ROW.unpack(without_checksum(key, value))
    return LogRow(first, next_position, last_time_ms, bool(flags & _SEALED), bool(flags & _DELETED))


def pack_metadata(key: bytes, metadata: Metadata) -> bytes:
    """A row of the table `metadata`."""
    return with_checksum(key, _VERSION.pack(metadata.version) + metadata.value)


def unpack_metadata(key: bytes, stored: bytes) -> Metadata:
    """Read a row back. Raises `Damaged`, and `struct.error` when it is not one."""
    value = without_checksum(key, stored)
    return Metadata(_VERSION.unpack_from(value)[0], value[_VERSION.size :])
