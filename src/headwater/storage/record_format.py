"""How records, log rows and metadata look as the bytes of a key-value file.

| table    | key                                 | value                                             |
| -------- | ----------------------------------- | ------------------------------------------------- |
| records  | log id, position (u64 each)         | time_ms (u64), payload                            |
| logs     | log id (u64)                        | first, next, last_time_ms (u64 each), flags (u8)  |
| metadata | the key in UTF-8                    | version (u64), value                              |
| about    | `format`, `version`                 | `headwater-store`, a decimal number               |

All numbers are big-endian, so that the order of bytes is the order of positions.
A change of anything here is a new `FORMAT_VERSION`.

`next` and `last_time_ms` of a row are those of its last write; a record that lies
later than the row corrects them. So an append writes records and nothing else.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from headwater.storage.interface import Metadata

FORMAT_NAME = b"headwater-store"
FORMAT_VERSION = 1

TABLE_NAMES = (b"records", b"logs", b"metadata")
"""Each a named database of the file; `about` is a fourth."""

MAX_POSITION = 2**64 - 1
"""Above every position that a record can have."""
MAX_METADATA_KEY_BYTES = 511

TIME_BYTES = 8

record_key = Struct(">QQ").pack
split_record_key = Struct(">QQ").unpack
time_prefix = Struct(">Q").pack
time_of = Struct(">Q").unpack_from
"""The arrival of a record from its stored value, in a tuple of one."""

log_key = Struct(">Q").pack
split_log_key = Struct(">Q").unpack

_ROW = Struct(">QQQB")
_VERSION = Struct(">Q")
_SEALED, _DELETED = 1, 2


class LogRow(NamedTuple):
    """What the file says about a log."""

    first: int
    next: int
    last_time_ms: int
    sealed: bool
    deleted: bool


DELETED_ROW = LogRow(0, 0, 0, sealed=False, deleted=True)


def pack_row(row: LogRow) -> bytes:
    """A row of the table `logs`."""
    flags = (_SEALED if row.sealed else 0) | (_DELETED if row.deleted else 0)
    return _ROW.pack(row.first, row.next, row.last_time_ms, flags)


def unpack_row(value: bytes) -> LogRow:
    """Read a row back. Raises `struct.error` when it is not one."""
    first, next_position, last_time_ms, flags = _ROW.unpack(value)
    return LogRow(first, next_position, last_time_ms, bool(flags & _SEALED), bool(flags & _DELETED))


def pack_metadata(metadata: Metadata) -> bytes:
    """A row of the table `metadata`."""
    return _VERSION.pack(metadata.version) + metadata.value


def unpack_metadata(value: bytes) -> Metadata:
    """Read a row back. Raises `struct.error` when it is not one."""
    return Metadata(_VERSION.unpack_from(value)[0], value[_VERSION.size :])


def metadata_key(key: str) -> bytes:
    """The key's bytes. Raises `ValueError` for one that no store can keep."""
    packed = key.encode()
    if not 0 < len(packed) <= MAX_METADATA_KEY_BYTES:
        raise ValueError(f"a metadata key has 1 to {MAX_METADATA_KEY_BYTES} bytes, not {len(packed)}")
    return packed
