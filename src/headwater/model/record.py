"""Records: what a producer gave, and the payload in which a store keeps it.

The payload is one byte of flags, two bytes for the length of the partition key,
the key in UTF-8, and the data as it came. Arrival time and position are the
store's own; the sequence number follows from them and from the shard.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

_HEAD = Struct(">BH")
_HAS_KEY = 1
_ENCRYPTED = 2

PAYLOAD_HEAD_BYTES = _HEAD.size
_pack_head = _HEAD.pack
_unpack_head = _HEAD.unpack_from


class Record(NamedTuple):
    """One record as a consumer reads it."""

    position: int
    arrival_ms: int
    partition_key: str | None
    data: bytes
    encrypted: bool


def encode_payload(data: bytes, partition_key: bytes | None, *, encrypted: bool) -> bytes:
    """The payload to store. `partition_key` is UTF-8, at most 65,535 bytes; `None` when there was none."""
    flags = _ENCRYPTED if encrypted else 0
    if partition_key is None:
        return _pack_head(flags, 0) + data
    return _pack_head(flags | _HAS_KEY, len(partition_key)) + partition_key + data


def decode_payload(position: int, arrival_ms: int, payload: bytes) -> Record:
    """The record of a payload that `encode_payload` made."""
    flags, key_length = _unpack_head(payload)
    data_start = PAYLOAD_HEAD_BYTES + key_length
    key = str(payload[PAYLOAD_HEAD_BYTES:data_start], "utf-8") if flags & _HAS_KEY else None
    return Record(position, arrival_ms, key, payload[data_start:], bool(flags & _ENCRYPTED))
