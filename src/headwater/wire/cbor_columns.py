"""Records of one size in a body in CBOR: in a few calls by columns, not one by one.

They are taken out of it as what is stored, with the rules of `record_texts`, or else made MessagePack.

Refuses to know what else is in a body, and how much may be in one: that is `cbor_repacking`'s.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from headwater.model import alike_records
from headwater.model.new_records import alike_texts
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
_FIRST_NAME = b"\x64Data"
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


def take_records(body: bytes) -> TakenRecords | None:
    """The records of a list in the body, if they are alike, small, and have plain keys; else `None`."""
    # 1. The first record says what the others have to be like.
    start = max(body.find(_FIRST_NAME) - 1, 0)
    found, shape = _list_at(body, start), _shape_at(body, start)
    if found is None or shape is None or not 0 < len(shape.data) <= LARGE_BYTES:
        return None
    head, length = found
    size, data, key = shape.size, shape.data, shape.key
    count = _count_alike(body, start, len(body), shape) if length is None else length
    is_usual = alike_records.ALIKE_MIN <= count <= RECORDS_MAX
    if not is_usual or start + count * size > len(body):
        return None
    text = body[start : start + count * size]
    around = (*range(data.start), *range(data.stop, key.start), *range(key.stop, size))
    # 2. Data and keys.
    keys = alike_records.unpacker(f"{key.start}x{len(key)}s{size - key.stop}x", count)(text)
    if not are_same(text, 0, len(text), text[:size], around) or b"".join(keys).translate(None, PLAIN):
        return None
    datas = alike_records.unpacker(f"{data.start}x{len(data)}s{size - data.stop}x", count)(text)
    # 3. What is stored of them.
    texts = alike_records.encode_plain(datas, keys, b"")
    before = body[: start - len(head)] + (head if length is None else _ONE_ITEM)
    return TakenRecords(
        alike_texts(texts, keys, len(data)),
        before + text[:size] + body[start + len(text) :],
    )


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
