"""Records of one size, read and written together: by columns, not one by one.

A producer often sends records of one size: a struct, and a key of fixed length. Their payloads
(`record`) then have data and key at the same places, so a few calls read all of them.

Refuses to know what the records are for; whatever is not alike is left to `record`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, TypeAlias

from pybase64 import b64decode, b64encode

from headwater.model.cut_payloads import CutPayloads, joined, lengths_of
from headwater.model.forms import filled_in
from headwater.model.record import (
    DATA_END,
    DATA_END_SHOWN,
    ENCRYPTED,
    LARGE_BYTES,
    LARGE_HEAD_BYTES,
    Payload,
    quoted,
)

ALIKE_MIN = 32
"""Of so many records it is worth looking whether they are alike."""

_DATA_AT = len('"Data":"')
_QUOTE = b'"'


AlikeRecords: TypeAlias = tuple[tuple[bytes, ...], tuple[bytes, ...]]
"""The data of records, and their keys in UTF-8, of which they only have ASCII; each of one length."""


def alike_records(payloads: Sequence[Payload]) -> AlikeRecords | None:
    """The records, if they are small, alike, not encrypted, and have keys without escapes; else `None`."""
    count = len(payloads)
    if count < ALIKE_MIN:
        return None
    sizes = lengths_of(payloads)
    size = sizes[0]
    if size > LARGE_BYTES or sizes.count(size) != count:
        return None
    text = joined(payloads)
    data_end = text.find(_QUOTE, _DATA_AT, size)
    key_at, key_end = data_end + len(DATA_END), size - 1
    if not _have_ends(text, count, size, data_end) or _may_be_encrypted(text, size, key_at):
        return None
    pads = _pads(text, count, size, data_end)
    if pads is None:
        return None
    digits = unpacker(f"{_DATA_AT}x{data_end - _DATA_AT - pads}s{size - data_end + pads}x", count)(text)
    decoded = decode_alike(digits, pads)
    data_bytes = len(decoded) // count - pads
    return (
        unpacker(f"{data_bytes}s{pads}x", count)(decoded),
        unpacker(f"{key_at}x{key_end - key_at}s1x", count)(text),
    )


def decode_alike(digits: Sequence[bytes], pads: int) -> bytes:
    """The data of all, from texts of base64 of one length without their pads; as many zeros are after each.

    Raises ValueError for what is no base64.
    """
    # Without pads, which stand where one text ends, all texts are one.
    filler = b"A" * pads
    return b64decode(filler.join((*digits, b"")), validate=True)


def alike_large_records(payloads: Sequence[Payload]) -> tuple[tuple[bytes, ...], list[memoryview]] | None:
    """What `parts_of_large` gives for each of several large payloads in one piece, if they are alike."""
    if type(payloads) is not CutPayloads:
        return None
    size, count = payloads.lengths[0], len(payloads)
    if size <= LARGE_BYTES or payloads.size != size * count or payloads.lengths.count(size) != count:
        return None
    heads = [payloads.column(at) for at in range(LARGE_HEAD_BYTES)]
    if any(head != head[:1] * count for head in heads) or heads[0][0]:
        return None
    data_start = LARGE_HEAD_BYTES + (heads[1][0] << 8) + heads[2][0]
    return payloads.columns(LARGE_HEAD_BYTES, data_start), payloads.column_views(data_start)


def encode_alike(
    datas: Sequence[bytes], partition_keys: Sequence[str | None], *, encrypted: bool
) -> Sequence[bytes] | None:
    """What `encode_payloads` makes of small records with data of one length, and keys without escapes."""
    count = len(datas)
    if count < ALIKE_MIN:
        return None
    data_bytes = len(datas[0])
    if data_bytes != len(datas[-1]) or not 0 < data_bytes <= LARGE_BYTES:
        return None
    key_texts = _plain_keys(partition_keys)
    if key_texts is None or _one_length(datas) is None:
        return None
    return encode_plain(datas, key_texts, ENCRYPTED if encrypted else b"")


def encode_plain(datas: Sequence[bytes], key_texts: Sequence[bytes], ending: bytes) -> Sequence[bytes]:
    """Payloads of data, of one length that is not 0, and of keys as they are in a text."""
    # With bytes added that make all data end where a digit of base64 does, all texts are one.
    pads = -len(datas[0]) % 3
    digits = b64encode(bytes(pads).join((*datas, b"")))
    texts = unpacker(f"{len(digits) // len(datas) - pads}s{pads}x", len(datas))(digits)
    return encode_columns(texts, pads, key_texts, ending)


def encode_columns(
    digits: Sequence[bytes], pads: int, key_texts: Sequence[bytes], ending: bytes
) -> Sequence[bytes]:
    """Payloads with the columns in them: base64 of one length without its pads, and keys."""
    count = len(digits)
    form = b'"Data":"%%b%b%b%%b"%b' % (b"=" * pads, DATA_END, ending)
    if _one_length(key_texts) is None:
        *payloads, _ = filled_in(form + b"\n", count, digits, key_texts).split(b"\n")
        return payloads
    written = filled_in(form, count, digits, key_texts)
    return unpacker(f"{len(written) // count}s", count)(written)


def _plain_keys(keys: Sequence[str | None]) -> Sequence[bytes] | None:
    """The keys as they are in the text of a record, if none has escapes."""
    try:
        joined_keys = "\n".join(keys)  # type: ignore[arg-type]  # else it raises
    except TypeError:  # one is `None`
        return None
    line_ends = len(keys) - 1  # each is an escape, and no other is one
    if len(quoted(joined_keys)) != len(joined_keys) + line_ends + len('""'):
        return None
    return joined_keys.encode().split(b"\n")


def _one_length(texts: Sequence[Any]) -> int | None:
    """The length of all, if it is one."""
    lengths = list(map(len, texts))
    return lengths[0] if lengths.count(lengths[0]) == len(lengths) else None


@lru_cache(maxsize=16)
def unpacker(form: str, count: int) -> Callable[[bytes], tuple[bytes, ...]]:
    """What cuts a text with a form of `struct`, so many times; to make it takes longer than to use it."""
    return Struct(form * count).unpack


def _have_ends(text: bytes, count: int, size: int, data_end: int) -> bool:
    """Whether the data of each, which are not empty, end there, and no key has escapes."""
    return (
        _DATA_AT < data_end < size - len(DATA_END)
        and b"\\" not in text
        and all(
            text[data_end + at :: size] == DATA_END_SHOWN[at : at + 1] * count
            for at in range(len(DATA_END_SHOWN))
        )
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
