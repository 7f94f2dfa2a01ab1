"""Records of one size in a body in CBOR: in a few calls by columns, not one by one.

They are taken out of it as what is stored, with the rules of `record_texts`, or else made MessagePack.

Refuses to know what else is in a body, and how much may be in one: that is `cbor_repacking`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from headwater.model import alike_records
from headwater.model.new_records import even_texts
from headwater.model.record import LARGE_BYTES
from headwater.wire.record_texts import PLAIN, RECORDS_MAX, TakenRecords, are_same

Body: TypeAlias = bytes | bytearray

ALIKE_MIN = 16
"""Fewer records are not worth it."""
KEY_LENGTH_MAX = 64
"""To look at all columns of a longer key takes longer than to look at each key."""

_BLOB_AT, _KEY_NAME_BYTES = 1 + len(b"\x64Data"), len(b"\x6cPartitionKey")
_MAP, _OPEN_MAP, _BREAK = b"\xa2\xbf\xff"
_DATA_NAME, _KEY_NAME, _TEXT, _TEXT_8 = b"\x64\x6c\x60\x78"
_LENGTH_BYTES = {0x58: 1, 0x59: 2}
"""Of a blob, by its first byte."""
_PACKED_MAP, _PACKED_DATA_NAME, _PACKED_KEY_NAME = b"\x82\xa4\xac"
_PACKED_TEXT_8, _PACKED_TEXT_16 = b"\xd9\xda"
_FIRST_NAME, _KEY_NAME_ITEM = b"\x64Data", b"\x6cPartitionKey"
_SHORT_TEXTS = 24
"""Of texts that are shorter the first byte tells the length."""
_OPEN_LIST, _ONE_ITEM = b"\x9f", b"\x81"
_LIST_HEADS = ((b"\x98", 1), (b"\x99", 2))
"""First bytes of a list, and how many follow that tell its length."""
_TO_PACKED_BYTES, _TO_PACKED_TEXT = 0xC4 - 0x58, 0xA0 - 0x60


class _Shape(NamedTuple):
    """What a record in CBOR has in common with others of its size: places in it, from its begin on."""

    size: int
    data: range
    marks: list[int]
    """Where the bytes are that say what is where."""
    packed_marks: dict[int, int]
    """What is there in MessagePack."""
    key: range
    moves_key: bool
    """Whether the key begins one byte later in MessagePack."""


class _Columns(NamedTuple):
    """Data and keys of the records of a list, and where the first and the last of them end."""

    datas: Sequence[bytes]
    keys: Sequence[bytes]
    first_end: int
    end: int


def take_records(body: bytes) -> TakenRecords | None:
    """The records of a list in the body, if they are small, have as much data each, and plain keys."""
    start = max(body.find(_FIRST_NAME) - 1, 0)
    found, shape = _list_at(body, start), _shape_at(body, start)
    if found is None or shape is None or not 0 < len(shape.data) <= LARGE_BYTES:
        return None
    head, length = found
    columns = _alike(body, start, length, shape) or _with_other_keys(body, start, length, shape)
    if columns is None or b"".join(columns.keys).translate(None, PLAIN):
        return None
    datas, keys, first_end, end = columns
    texts = alike_records.encode_plain(datas, keys, b"")
    before = body[: start - len(head)] + (head if length is None else _ONE_ITEM)
    records = even_texts(texts, keys, len(shape.data))
    return TakenRecords(records, before + body[start:first_end] + body[end:])


def _alike(body: bytes, start: int, length: int | None, shape: _Shape) -> _Columns | None:
    """Of records that are like the first in all but data and key."""
    size, data, key = shape.size, shape.data, shape.key
    count = _count_alike(body, start, len(body), shape) if length is None else length
    end = start + count * size
    if not alike_records.ALIKE_MIN <= count <= RECORDS_MAX or end > len(body):
        return None
    around = (*range(data.start), *range(data.stop, key.start), *range(key.stop, size))
    if not are_same(body, start, end, body[start : start + size], around):
        return None
    text = body[start:end]
    datas = alike_records.unpacker(f"{data.start}x{len(data)}s{size - data.stop}x", count)(text)
    keys = alike_records.unpacker(f"{key.start}x{len(key)}s{size - key.stop}x", count)(text)
    return _Columns(datas, keys, start + size, end)


def _with_other_keys(body: bytes, start: int, length: int | None, shape: _Shape) -> _Columns | None:
    """The same of records whose keys are of several lengths, of 1 to 23 characters.

    What is between the names of two keys is the length of a key, the key, and the next record up to its
    data's end: what each has to be follows from how long it is.
    """
    ending = body[start + shape.key.stop : start + shape.size]
    middle = ending + body[start : start + shape.data.start]
    data_bytes, key_end = len(shape.data), len(middle) + len(shape.data)
    first, *others = body[start:].split(_KEY_NAME_ITEM, RECORDS_MAX + 1)
    count = len(others)
    if (
        len(first) != shape.data.stop
        or length not in (None, count)
        or not alike_records.ALIKE_MIN <= count <= RECORDS_MAX
    ):
        return None
    *between, last = others
    lengths = [len(piece) - 1 - key_end for piece in between]
    last_length = last[0] - _TEXT if last else -1
    last_end = 1 + last_length + len(ending)
    if (
        not 0 < min(lengths) <= max(lengths) < _SHORT_TEXTS
        or not 0 < last_length < _SHORT_TEXTS
        or last_end > len(last)
        or b"".join([piece[:1] for piece in between]) != bytes([_TEXT + length for length in lengths])
        or [piece[-key_end:-data_bytes] for piece in between].count(middle) != len(between)
        or last[1 + last_length : last_end] != ending
    ):
        return None
    datas = [first[-data_bytes:], *[piece[-data_bytes:] for piece in between]]
    keys = [*[piece[1:-key_end] for piece in between], last[1 : 1 + last_length]]
    return _Columns(datas, keys, start + shape.size, len(body) - len(last) + last_end)


def _list_at(body: bytes, start: int) -> tuple[bytes, int | None] | None:
    """What stands before the first item of a list, and the list's length if that says it."""
    if body[:start].endswith(_OPEN_LIST):
        return _OPEN_LIST, None
    for first, size in _LIST_HEADS:
        head = body[start - 1 - size : start] if start > size else b""
        if head.startswith(first):
            return head, int.from_bytes(head[1:])
    return None


def repack_alike(packed: bytearray, at: int, count: int) -> tuple[int, int]:
    """Rewrite up to `count` records from a position on that are like the first.

    Such a record is a map, of indefinite length or not, of a blob of 24 to 65,535 bytes and a key in ASCII.
    None are rewritten if too few are alike, or the key is long. Gives what follows them, and their number.
    """
    shape = _shape_at(packed, at)
    if shape is None or (alike := _count_alike(packed, at, count, shape)) < ALIKE_MIN:
        return at, 0
    size = shape.size
    end = at + alike * size
    if not all(packed[at + place : end : size].isascii() for place in shape.key):
        return at, 0
    if shape.moves_key:
        for place in reversed(shape.key):
            packed[at + place + 1 : end : size] = packed[at + place : end : size]
    for place, value in shape.packed_marks.items():
        packed[at + place : end : size] = bytes((value,)) * alike
    return end, alike


def _shape_at(packed: Body, at: int) -> _Shape | None:
    """The shape of the record that begins at a position, if it is such a one; there may be anything."""
    try:
        return _shape_of(packed, at)
    except IndexError:  # it runs out of the body
        return None


def _shape_of(packed: Body, at: int) -> _Shape | None:
    """The shape of the record that begins at a position, if it is such a one."""
    begin, blob = packed[at], packed[at + _BLOB_AT]
    if begin not in (_MAP, _OPEN_MAP) or packed[at + 1] != _DATA_NAME or blob not in _LENGTH_BYTES:
        return None
    data_at = _BLOB_AT + 1 + _LENGTH_BYTES[blob]
    name_at = data_at + int.from_bytes(packed[at + _BLOB_AT + 1 : at + data_at])
    text_at = name_at + _KEY_NAME_BYTES
    text = packed[at + text_at]
    if packed[at + name_at] != _KEY_NAME or not _TEXT <= text <= _TEXT_8:
        return None
    key_at, key_length, packed_text = text_at + 1, text - _TEXT, text + _TO_PACKED_TEXT
    if text == _TEXT_8:
        key_at, key_length, packed_text = text_at + 2, packed[at + text_at + 1], _PACKED_TEXT_8
    if key_length > KEY_LENGTH_MAX:
        return None
    shape = _Shape(
        size=key_at + key_length,
        data=range(data_at, name_at),
        marks=[0, 1, *range(_BLOB_AT, data_at), name_at, *range(text_at, key_at)],
        packed_marks={
            0: _PACKED_MAP,
            1: _PACKED_DATA_NAME,
            _BLOB_AT: blob + _TO_PACKED_BYTES,
            name_at: _PACKED_KEY_NAME,
            text_at: packed_text,
        },
        key=range(key_at, key_at + key_length),
        moves_key=False,
    )
    return shape if begin == _MAP else _without_break(packed, at, shape)


def _without_break(packed: Body, at: int, shape: _Shape) -> _Shape | None:
    """The same of a map that a byte ends, which leaves room for one before the key that tells its length."""
    break_at, length = shape.size, len(shape.key)
    if packed[at + break_at] != _BREAK:
        return None
    is_short = shape.key.start - 1 in shape.packed_marks
    head = (_PACKED_TEXT_8, length) if is_short else (_PACKED_TEXT_16, 0, length)
    return shape._replace(
        size=break_at + 1,
        marks=[*shape.marks, break_at],
        packed_marks=shape.packed_marks | dict(enumerate(head, shape.key.start + 1 - len(head))),
        moves_key=True,
    )


def _count_alike(packed: Body, at: int, count: int, shape: _Shape) -> int:
    """How many records have the shape, or fewer than are worth it."""
    size, marks = shape.size, shape.marks
    alike = min(count, (len(packed) - at) // size)
    last = at + (ALIKE_MIN - 1) * size  # most that are not alike are found so
    if alike < ALIKE_MIN or any(packed[last + place] != packed[at + place] for place in marks):
        return 0
    for place in marks:
        column = packed[at + place : at + alike * size : size]
        alike = len(column) - len(column.lstrip(column[:1]))
    return alike
