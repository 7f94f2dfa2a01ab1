"""Many user records in the data of one: the format of the Kinesis Producer Library.

    F3 89 9A C2 | a protobuf message | MD5 of the message

and the message is, in protobuf's language,

    message AggregatedRecord {
        repeated string partition_key_table = 1;
        repeated string explicit_hash_key_table = 2;
        repeated Record records = 3;
    }
    message Record {
        required uint64 partition_key_index = 1;
        optional uint64 explicit_hash_key_index = 2;
        required bytes data = 3;
        repeated Tag tags = 4;
    }
    message Tag {
        required string key = 1;
        optional string value = 2;
    }

Four fixed messages do not need protobuf's library: they are written and read here.

Rules:
- what is not an aggregate in every respect is none, and its data is the user's own:
  `deaggregate` gives None and never raises;
- as a reader of protobuf must, it skips members that it does not know, takes members in any
  order, and of a member that comes twice the last;
- tags are kept as they came until somebody asks for them (`read_tags`): one that is none is left out;
- `Aggregate` knows its size to the byte before it is encoded.

Source: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md

Refuses to know shards, streams and sockets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
FRAME_BYTES = len(MAGIC) + DIGEST_BYTES

_PARTITION_KEY_TABLE = b"\x0a"
_EXPLICIT_HASH_KEY_TABLE = b"\x12"
_RECORDS = b"\x1a"
_PARTITION_KEY_INDEX = b"\x08"
_EXPLICIT_HASH_KEY_INDEX = b"\x10"
_DATA = b"\x1a"
_TAGS = b"\x22"
_KEY = b"\x0a"
_VALUE = b"\x12"

_VARINT, _FIXED_64, _LENGTH, _START_GROUP, _END_GROUP, _FIXED_32 = range(6)
_VARINT_BYTES_MAX = 10
# Of the user record 4 numbers of up to 5 bytes and their tags; of both keys a tag and a length each, and
# the digits of an explicit hash key.
_ADDED_FRAME_BYTES_MAX = 4 * 6 + 2 * 6 + 39
_SHORT = tuple(bytes((number,)) for number in range(128))


class UserRecord(NamedTuple):
    """One record of an aggregate, as its producer gave it."""

    partition_key: str
    explicit_hash_key: str | None
    """Decimal digits."""
    data: bytes
    tags: tuple[bytes, ...] = ()
    """Encoded; see `read_tags`."""


class Aggregate:
    """User records that are to be one record."""

    __slots__ = ("_explicit_hash_keys", "_partition_keys", "_records", "_rows", "record_count", "size_bytes")

    def __init__(self) -> None:
        self.size_bytes = FRAME_BYTES
        """The size of what `encode` would return now."""
        self.record_count = 0
        self._partition_keys: dict[str, int] = {}
        self._explicit_hash_keys: dict[str, int] = {}
        self._rows: dict[bytes, list[bytes]] = {_PARTITION_KEY_TABLE: [], _EXPLICIT_HASH_KEY_TABLE: []}
        self._records: list[bytes] = []

    def add(self, partition_key: str, explicit_hash_key: str | None, data: bytes, tags: bytes = b"") -> None:
        """Take a user record, with `tags` as `encode_tags` gives them."""
        head = _PARTITION_KEY_INDEX + _varint(
            self._index(self._partition_keys, _PARTITION_KEY_TABLE, partition_key)
        )
        if explicit_hash_key is not None:
            head += _EXPLICIT_HASH_KEY_INDEX + _varint(
                self._index(self._explicit_hash_keys, _EXPLICIT_HASH_KEY_TABLE, explicit_hash_key)
            )
        head += _DATA + _varint(len(data))
        frame = _RECORDS + _varint(len(head) + len(data) + len(tags)) + head
        self._records += (frame, data, tags)
        self.size_bytes += len(frame) + len(data) + len(tags)
        self.record_count += 1

    def encode(self) -> bytes:
        """The data of the record that carries them all."""
        message = b"".join((*chain.from_iterable(self._rows.values()), *self._records))
        return b"".join((MAGIC, message, _md5(message)))

    def _index(self, table: dict[str, int], tag: bytes, key: str) -> int:
        index = table.get(key)
        if index is None:
            index = table[key] = len(table)
            encoded = key.encode()
            row = tag + _varint(len(encoded)) + encoded
            self._rows[tag].append(row)
            self.size_bytes += len(row)
        return index


def encode_tags(tags: Mapping[str, str]) -> bytes:
    """The tags of a user record, for `Aggregate.add`."""
    return b"".join(
        _framed(_TAGS, _framed(_KEY, key.encode()) + _framed(_VALUE, value.encode()))
        for key, value in tags.items()
    )


def read_tags(tags: tuple[bytes, ...]) -> dict[str, str]:
    """The tags of a user record; those that cannot be read are left out."""
    read: dict[str, str] = {}
    for tag in tags:
        try:
            key, value = _tag(tag)
        except (_MalformedAggregate, IndexError, UnicodeDecodeError):
            continue
        read[key] = value
    return read


def added_bytes_max(size_bytes: int) -> int:
    """At most so much does a user record of this size, data, partition key and tags, add to an aggregate."""
    return size_bytes + _ADDED_FRAME_BYTES_MAX


def is_framed(data: bytes) -> bool:
    """Whether data begins as an aggregate does, at least; nearly all that is none is found out so."""
    return data.startswith(MAGIC) and len(data) > FRAME_BYTES


def deaggregate(data: bytes) -> list[UserRecord] | None:
    """The user records in a record's data, in their order; None when it is no aggregate."""
    if not is_framed(data):
        return None
    message = data[len(MAGIC) : -DIGEST_BYTES]
    if _md5(message) != data[-DIGEST_BYTES:]:
        return None
    try:
        return _user_records(message)
    except (_MalformedAggregate, IndexError):
        return None


class _MalformedAggregate(ValueError):
    """The bytes are no such message."""


def _user_records(message: bytes) -> list[UserRecord]:
    partition_keys: list[str] = []
    explicit_hash_keys: list[str] = []
    records: list[tuple[int, int | None, bytes, tuple[bytes, ...]]] = []
    at, end = 0, len(message)
    while at < end:
        tag, at = _read_varint(message, at)
        if tag in (0x0A, 0x12, 0x1A):
            start, at = _read_length(message, at, end)
            if tag == 0x1A:
                records.append(_record(message, start, at))
            else:
                # A Java reader takes what is no UTF-8 for replacement characters, too.
                text = message[start:at].decode(errors="replace")
                (partition_keys if tag == 0x0A else explicit_hash_keys).append(text)
        else:
            at = _skip(message, at, end, tag)
    return [
        UserRecord(
            partition_keys[key], None if hash_key is None else explicit_hash_keys[hash_key], data, tags
        )
        for key, hash_key, data, tags in records
    ]


def _record(message: bytes, at: int, end: int) -> tuple[int, int | None, bytes, tuple[bytes, ...]]:
    """Of the record between two positions: the indexes of its keys, its data, and its tags."""
    partition_key: int | None = None
    explicit_hash_key: int | None = None
    data: bytes | None = None
    tags: list[bytes] = []
    while at < end:
        tag, at = _read_varint(message, at)
        if tag == 0x08:
            partition_key, at = _read_varint(message, at)
        elif tag == 0x1A:
            start, at = _read_length(message, at, end)
            data = message[start:at]
        elif tag == 0x10:
            explicit_hash_key, at = _read_varint(message, at)
        elif tag == 0x22:
            start, at = _read_length(message, at, end)
            tags.append(message[start:at])
        else:
            at = _skip(message, at, end, tag)
    if at != end or partition_key is None or data is None:
        raise _MalformedAggregate
    return partition_key, explicit_hash_key, data, tuple(tags)


def _tag(message: bytes) -> tuple[str, str]:
    """The key and the value of a tag."""
    key: str | None = None
    value = ""
    at, end = 0, len(message)
    while at < end:
        tag, at = _read_varint(message, at)
        if tag in (0x0A, 0x12):
            start, at = _read_length(message, at, end)
            text = message[start:at].decode()
            key, value = (text, value) if tag == 0x0A else (key, text)
        else:
            at = _skip(message, at, end, tag)
    if key is None:
        raise _MalformedAggregate
    return key, value


def _read_length(message: bytes, at: int, end: int) -> tuple[int, int]:
    """Where a member that tells its length starts, and where it ends."""
    length, start = _read_varint(message, at)
    if start + length > end:
        raise _MalformedAggregate
    return start, start + length


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    byte = message[at]
    if byte < 128:
        return byte, at + 1
    number, shift = byte & 127, 7
    for position in range(at + 1, at + _VARINT_BYTES_MAX):
        byte = message[position]
        number |= (byte & 127) << shift
        if byte < 128:
            return number & (2**64 - 1), position + 1
        shift += 7
    raise _MalformedAggregate


def _skip(message: bytes, at: int, end: int, tag: int) -> int:
    """The position after a member that is not known."""
    kind = tag & 7
    if tag >> 3 == 0:
        raise _MalformedAggregate
    if kind == _VARINT:
        _, at = _read_varint(message, at)
    elif kind == _LENGTH:
        _, at = _read_length(message, at, end)
    elif kind in (_FIXED_32, _FIXED_64):
        at += 4 if kind == _FIXED_32 else 8
    else:  # a group, which no version of the format has had
        raise _MalformedAggregate
    if at > end:
        raise _MalformedAggregate
    return at


def _framed(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    if number < 128:
        return _SHORT[number]
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _md5(message: bytes) -> bytes:
    return hashlib.md5(message, usedforsecurity=False).digest()
