"""How an item of CBOR begins: with its kind, and its length or its value, in the fewest bytes.

Refuses to know documents.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from headwater.model.instant import Instant

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, OTHER = range(0, 256, 32)
"""An item's first byte is one of these kinds plus what tells its length, or its value."""

TAG_TIME = 1


def head(kind: int, number: int) -> bytes:
    """The first byte of an item, and its length or its value, in the fewest bytes."""
    if number < 24:
        return ONE_BYTE[kind + number]
    if number < 1 << 8:
        return bytes((kind + 24, number))
    if number < 1 << 16:
        return _pack_16(kind + 25, number)
    if number < 1 << 32:
        return _pack_32(kind + 26, number)
    return _pack_64(kind + 27, number)


@lru_cache(maxsize=512)
def encoded_name(name: str) -> bytes:
    """A member's name; the API's few names stay, a user's tags pass through."""
    data = name.encode()
    return head(TEXT, len(data)) + data


def instant_item(instant: Instant) -> bytes:
    """A time in milliseconds, as AWS CBOR 1.1 has it."""
    if instant.ms < 0:
        return ONE_BYTE[TAG + TAG_TIME] + head(NEGATIVE, -1 - instant.ms)
    return _pack_time(TAG + TAG_TIME, UNSIGNED + 27, instant.ms)


_pack_16, _pack_32, _pack_64 = (struct.Struct(form).pack for form in (">BH", ">BI", ">BQ"))
_pack_time = struct.Struct(">BBQ").pack
ONE_BYTE = tuple(bytes((first,)) for first in range(256))
TEXT_HEADS = tuple(head(TEXT, length) for length in range(256))
BYTES_HEADS = tuple(head(BYTES, length) for length in range(256))
