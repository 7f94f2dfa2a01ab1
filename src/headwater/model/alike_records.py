"""Records of one size, read together: by columns, not one by one.

A producer often sends records of one size: a struct, and a key of fixed length. Their payloads
(`record`) then have data and key at the same places, so a few calls read all of them.

Refuses to know what the records are for; whatever is not alike is left to `record`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pybase64 import b64decode

from headwater.model.cut_payloads import joined, lengths_of
from headwater.model.record import ENCRYPTED, KEY_START, LARGE_BYTES, Payload

ALIKE_MIN = 32
"""Of so many records it is worth looking whether they are alike."""

_DATA_AT = len('"Data":"')
_QUOTE = b'"'
_BETWEEN = _QUOTE + KEY_START
_SHOWN = _BETWEEN[:4]
"""So much of it is nowhere else in a record: in a key each quote has a backslash before it."""


class AlikeRecords(NamedTuple):
    """Data and keys of records that are not encrypted; all data have the same length, and all keys."""

    datas: tuple[bytes, ...]
    keys: tuple[bytes, ...]
    """In UTF-8, of which they only have ASCII."""


def alike_records(payloads: Sequence[Payload]) -> AlikeRecords | None:
    """The records, if they are small, alike, and have keys without escapes; else `None`."""
    count = len(payloads)
    if count < ALIKE_MIN:
        return None
    sizes = lengths_of(payloads)
    size = sizes[0]
    if size > LARGE_BYTES or sizes.count(size) != count:
        return None
    text = joined(payloads)
    data_end = text.find(_QUOTE, _DATA_AT, size)
    key_at, key_end = data_end + len(_BETWEEN), size - 1
    if not _have_ends(text, count, size, data_end) or _may_be_encrypted(text, size, key_at):
        return None
    pads = _pads(text, count, size, data_end)
    if pads is None:
        return None
    # Without pads, which stand where one text ends, all texts are one.
    digits = _unpacker(f"{_DATA_AT}x{data_end - _DATA_AT - pads}s{size - data_end + pads}x", count)(text)
    filler = b"A" * pads
    decoded = b64decode(filler.join((*digits, b"")), validate=True)
    data_bytes = len(decoded) // count - pads
    return AlikeRecords(
        _unpacker(f"{data_bytes}s{pads}x", count)(decoded),
        _unpacker(f"{key_at}x{key_end - key_at}s1x", count)(text),
    )


@lru_cache(maxsize=16)
def _unpacker(form: str, count: int) -> Callable[[bytes], tuple[bytes, ...]]:
    """What cuts so many strings out of a text; to make it takes longer than to use it."""
    return Struct(form * count).unpack


def _have_ends(text: bytes, count: int, size: int, data_end: int) -> bool:
    """Whether the data of each, which are not empty, end there, and no key has escapes."""
    return (
        _DATA_AT < data_end < size - len(_BETWEEN)
        and b"\\" not in text
        and all(text[data_end + at :: size] == _SHOWN[at : at + 1] * count for at in range(len(_SHOWN)))
    )


def _may_be_encrypted(text: bytes, size: int, key_at: int) -> bool:
    """Whether any has a quote where those that are encrypted end their keys' texts."""
    quote_at = size - len(ENCRYPTED) + 1
    return quote_at > key_at and _QUOTE in text[quote_at::size]


def _pads(text: bytes, count: int, size: int, data_end: int) -> int | None:
    """How many pads the base64 of each has, if all have as many."""
    pads = 0
    for at in (data_end - 1, data_end - 2):
        found = text[at::size].count(b"=")
        if found == count:
            pads += 1
        elif found:
            return None
    return pads
