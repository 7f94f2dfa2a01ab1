"""AWS CBOR 1.1: a body to a document and an answer to a body.

Rules:
- a body is one CBOR map and nothing else; whatever is wrong with it is a
  `SerializationException` without a message, as for JSON;
- a blob is a byte string; a time is tag 1 around a number of **milliseconds**,
  whole in an answer, where the CBOR standard has seconds; both ways an `Instant`;
- bignums are whole numbers, every other tag is passed over, `undefined` is null;
  strings, arrays and maps may be of indefinite length, as the Java SDK writes them;
- names are text: anything else as a name is refused; of a repeated name the last one
  counts;
- what a body can make us do is in proportion to its size: no declared length is
  believed before its bytes are there, nesting and the number of items are bounded.

A reader gets the position of an item's first byte, and gives the item and the
position after it. It does not look where the body ends: a string that runs out of
it gives a position behind its end, from where the next reader can only raise
`IndexError`; and if there is no next one, `decode` sees that the end is not the body's.

This module refuses to know operations and their shapes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headwater.model.errors import SerializationException
from headwater.model.instant import Instant
from headwater.model.record_list import PlacementList, QueueRecordList, RecordList
from headwater.wire.cbor_heads import (
    ARRAY,
    BYTES,
    BYTES_HEADS,
    MAP,
    NEGATIVE,
    ONE_BYTE,
    OTHER,
    TAG,
    TAG_TIME,
    TEXT,
    TEXT_HEADS,
    UNSIGNED,
    encoded_name,
    head,
    instant_item,
)
from headwater.wire.cbor_records import Write, write_placements, write_records
from headwater.wire.long_body import Body, body_of

DEEPEST_NESTING = 64
"""Maps, arrays and tags inside each other; requests of the API have five."""

MOST_ITEMS = 2**17
"""Items in a body: chunks of strings, and what is in maps and arrays, repeated members too.

Over fifty times what the greatest valid request has. An item may be one byte in the body,
and is some seventy in memory and a good deal of a microsecond.
"""

_TIME_LIMIT_MS = 2**63 - 1

_LENGTH_FOLLOWS = ((24, 1), (25, 2), (26, 4), (27, 8))
"""What stands for a length, and in how many bytes that length follows."""

_LONG_BYTES, _LONG_TEXT = BYTES + 24, TEXT + 24
"""The first byte of a string whose length is the next byte."""

_INDEFINITE = 31
_BREAK = OTHER + _INDEFINITE
_UP_TO_BREAK = -1
"""How many items are left where only the break ends them; counting down, it never gets to zero."""

_TAG_BIGNUM, _TAG_NEGATIVE_BIGNUM = 2, 3


class _MalformedCbor(ValueError):
    """The body is not CBOR, or not CBOR that a request can be."""


_UNREADABLE = (_MalformedCbor, IndexError, UnicodeDecodeError, struct.error)


class _Room:
    """How deep the rest of a body may nest, and how many items it may have."""

    __slots__ = ("items", "levels", "time_unit_ms")

    def __init__(self, time_unit_ms: int) -> None:
        self.time_unit_ms = time_unit_ms
        self.levels = DEEPEST_NESTING
        self.items = MOST_ITEMS

    def enter(self) -> None:
        """Go one level down."""
        self.levels -= 1
        if self.levels < 0:
            raise _MalformedCbor

    def leave(self) -> None:
        """Come back up."""
        self.levels += 1

    def take(self) -> None:
        """Read one more item."""
        self.items -= 1
        if self.items < 0:
            raise _MalformedCbor


_Reader = Callable[[bytes, int, _Room], tuple[Any, int]]


def decode(body: bytes, time_unit_ms: int = 1) -> dict[str, Any]:
    """The document in a request's body; of a repeated member the last one counts.

    `time_unit_ms` is what a time counts: milliseconds in AWS CBOR 1.1, seconds in the standard.

    Raises SerializationException.
    """
    try:
        document, end = _READERS[body[0]](body, 0, _Room(time_unit_ms))
    except _UNREADABLE:
        raise SerializationException from None
    if end != len(body) or not isinstance(document, dict):
        raise SerializationException
    return document


def check(body: bytes) -> None:
    """Raise `SerializationException` for a body that `decode` does not take."""
    decode(body)


def _read_refused(_body: bytes, _at: int, _room: _Room) -> tuple[Any, int]:
    raise _MalformedCbor


def _constant(value: object) -> _Reader:
    """Reads an item that is its first byte."""

    def read(_body: bytes, at: int, _room: _Room) -> tuple[object, int]:
        return value, at + 1

    return read


def _whole_number(size: int) -> _Reader:
    def read(body: bytes, at: int, _room: _Room) -> tuple[int, int]:
        end = at + 1 + size
        return int.from_bytes(body[at + 1 : end], "big"), end

    return read


def _negative_number(size: int) -> _Reader:
    def read(body: bytes, at: int, _room: _Room) -> tuple[int, int]:
        end = at + 1 + size
        return -1 - int.from_bytes(body[at + 1 : end], "big"), end

    return read


def _float(size: int) -> _Reader:
    unpack = struct.Struct({2: ">e", 4: ">f", 8: ">d"}[size]).unpack_from

    def read(body: bytes, at: int, _room: _Room) -> tuple[float, int]:
        (value,) = unpack(body, at + 1)
        return value, at + 1 + size

    return read


def _short_bytes(length: int) -> _Reader:
    def read(body: bytes, at: int, _room: _Room) -> tuple[bytes, int]:
        end = at + 1 + length
        return body[at + 1 : end], end

    return read


def _long_bytes(size: int) -> _Reader:
    def read(body: bytes, at: int, _room: _Room) -> tuple[bytes, int]:
        start = at + 1 + size
        end = start + int.from_bytes(body[at + 1 : start], "big")
        return body[start:end], end

    return read


def _short_text(length: int) -> _Reader:
    def read(body: bytes, at: int, _room: _Room) -> tuple[str, int]:
        end = at + 1 + length
        return body[at + 1 : end].decode(), end

    return read


def _long_text(size: int) -> _Reader:
    def read(body: bytes, at: int, _room: _Room) -> tuple[str, int]:
        start = at + 1 + size
        end = start + int.from_bytes(body[at + 1 : start], "big")
        return body[start:end].decode(), end

    return read


def _read_indefinite_bytes(body: bytes, at: int, room: _Room) -> tuple[bytes, int]:
    joined, end = _joined(body, at + 1, room, BYTES)
    return bytes(joined), end


def _read_indefinite_text(body: bytes, at: int, room: _Room) -> tuple[str, int]:
    joined, end = _joined(body, at + 1, room, TEXT)
    return joined.decode(), end


def _joined(body: bytes, at: int, room: _Room, kind: int) -> tuple[bytearray, int]:
    """The chunks up to the break as one; a character of a text may be split between two."""
    joined = bytearray()
    while (first := body[at]) != _BREAK:
        room.take()
        if first - kind not in _DEFINITE:
            raise _MalformedCbor
        chunk, at = _READERS[BYTES + first - kind](body, at, room)
        joined += chunk
    return joined, at + 1


def _array(size: int) -> _Reader:
    def read(body: bytes, at: int, room: _Room) -> tuple[list[Any], int]:
        count, at = _count(body, at, size)
        return _items(body, at, room, count)

    return read


def _read_indefinite_array(body: bytes, at: int, room: _Room) -> tuple[list[Any], int]:
    items, at = _items(body, at + 1, room, _UP_TO_BREAK)
    return items, at + 1


def _items(body: bytes, at: int, room: _Room, left: int) -> tuple[list[Any], int]:
    """As many items as are `left`, or all up to the break."""
    room.enter()
    items: list[Any] = []
    while left:
        first = body[at]
        if first == _BREAK and left < 0:
            break
        left -= 1
        room.take()
        item, at = _READERS[first](body, at, room)
        items.append(item)
    room.leave()
    return items, at


def _map(size: int) -> _Reader:
    def read(body: bytes, at: int, room: _Room) -> tuple[dict[str, Any], int]:
        count, at = _count(body, at, size)
        return _members(body, at, room, count)

    return read


def _read_indefinite_map(body: bytes, at: int, room: _Room) -> tuple[dict[str, Any], int]:
    members, at = _members(body, at + 1, room, _UP_TO_BREAK)
    return members, at + 1


def _members(body: bytes, at: int, room: _Room, left: int) -> tuple[dict[str, Any], int]:
    """As many members as are `left`, or all up to the break.

    Where the time goes: hence what nearly all members have, a short name and a value
    that is a short text or a blob of 24 to 255 bytes, is read here, without a call.
    """
    room.enter()
    members: dict[str, Any] = {}
    while left:
        first = body[at]
        if first == _BREAK and left < 0:
            break
        left -= 1
        room.items -= 1
        if room.items < 0:
            raise _MalformedCbor
        if TEXT <= first < _LONG_TEXT:
            start = at + 1
            at = start + first - TEXT
            name = body[start:at].decode()
        else:
            name, at = _NAME_READERS[first](body, at, room)
        first = body[at]
        if first == _LONG_BYTES:
            start = at + 2
            at = start + body[at + 1]
            members[name] = body[start:at]
        elif TEXT <= first < _LONG_TEXT:
            start = at + 1
            at = start + first - TEXT
            members[name] = body[start:at].decode()
        else:
            members[name], at = _READERS[first](body, at, room)
    room.leave()
    return members, at


def _count(body: bytes, at: int, size: int) -> tuple[int, int]:
    """The number after an item's first byte, or in it, and where what it counts begins."""
    start = at + 1 + size
    return (int.from_bytes(body[at + 1 : start], "big") if size else body[at] & 31), start


def _tagged(size: int) -> _Reader:
    def read(body: bytes, at: int, room: _Room) -> tuple[Any, int]:
        tag, at = _count(body, at, size)
        room.enter()
        value, at = _READERS[body[at]](body, at, room)
        room.leave()
        if tag == TAG_TIME:
            return _time(value, room.time_unit_ms), at
        meaning = _TAG_MEANINGS.get(tag)
        return (value if meaning is None else meaning(value)), at

    return read


def _time(value: object, unit_ms: int) -> Instant:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _MalformedCbor
    return Instant(round(max(-_TIME_LIMIT_MS, min(value * unit_ms, _TIME_LIMIT_MS))))


def _bignum(value: object) -> int:
    if not isinstance(value, bytes):
        raise _MalformedCbor
    return int.from_bytes(value, "big")


def _negative_bignum(value: object) -> int:
    return -1 - _bignum(value)


_TAG_MEANINGS: dict[int, Callable[[object], object]] = {
    _TAG_BIGNUM: _bignum,
    _TAG_NEGATIVE_BIGNUM: _negative_bignum,
}


_IN_FIRST_BYTE = range(24)
_DEFINITE = range(28)
"""What of the first byte, less the kind, tells a definite length."""


def _table_of_readers() -> tuple[_Reader, ...]:
    """For each first byte what reads the item."""
    readers: list[_Reader] = [_read_refused] * 256
    for number in _IN_FIRST_BYTE:
        readers[UNSIGNED + number] = _constant(number)
        readers[NEGATIVE + number] = _constant(-1 - number)
        readers[BYTES + number] = _short_bytes(number)
        readers[TEXT + number] = _short_text(number)
        readers[ARRAY + number] = _array(0)
        readers[MAP + number] = _map(0)
        readers[TAG + number] = _tagged(0)
    for code, size in _LENGTH_FOLLOWS:
        readers[UNSIGNED + code] = _whole_number(size)
        readers[NEGATIVE + code] = _negative_number(size)
        readers[BYTES + code] = _long_bytes(size)
        readers[TEXT + code] = _long_text(size)
        readers[ARRAY + code] = _array(size)
        readers[MAP + code] = _map(size)
        readers[TAG + code] = _tagged(size)
    readers[BYTES + _INDEFINITE] = _read_indefinite_bytes
    readers[TEXT + _INDEFINITE] = _read_indefinite_text
    readers[ARRAY + _INDEFINITE] = _read_indefinite_array
    readers[MAP + _INDEFINITE] = _read_indefinite_map
    readers[OTHER + 20 : OTHER + 24] = map(_constant, (False, True, None, None))
    readers[OTHER + 25 : OTHER + 28] = map(_float, (2, 4, 8))
    return tuple(readers)


_READERS = _table_of_readers()
_NAME_READERS = tuple(
    reader if TEXT <= first < ARRAY else _read_refused for first, reader in enumerate(_READERS)
)


class Seconds(float):
    """A time in an answer whose times count seconds, as the CBOR standard has them."""


def encode(answer: Mapping[str, object] | None) -> bytes:
    """The body of an answer; an operation without output has an empty one.

    All lengths are definite. A blob is copied once, into the body.
    """
    return bytes(encode_body(answer))


def encode_body(answer: Mapping[str, object] | None) -> Body:
    """The same, in parts if it is long."""
    pieces: list[bytes] = []
    if answer is not None:
        _write_map(answer, pieces.append)
    return body_of(pieces)


def _write_map(members: Mapping[str, object], write: Write) -> None:
    write(head(MAP, len(members)))
    for name, value in members.items():
        write(encoded_name(name))
        _WRITERS[type(value)](value, write)


def _write_array(items: Sequence[object], write: Write) -> None:
    write(head(ARRAY, len(items)))
    for item in items:
        _WRITERS[type(item)](item, write)


def _write_text(text: str, write: Write) -> None:
    data = text.encode()
    length = len(data)
    write(TEXT_HEADS[length] if length < 256 else head(TEXT, length))
    write(data)


def _write_bytes(data: bytes, write: Write) -> None:
    length = len(data)
    write(BYTES_HEADS[length] if length < 256 else head(BYTES, length))
    write(data)


def _write_whole_number(number: int, write: Write) -> None:
    write(head(UNSIGNED, number) if number >= 0 else head(NEGATIVE, -1 - number))


def _write_float(number: float, write: Write) -> None:
    write(_pack_float(OTHER + 27, number))


def _write_instant(instant: Instant, write: Write) -> None:
    write(instant_item(instant))


def _write_seconds(seconds: Seconds, write: Write) -> None:
    write(ONE_BYTE[TAG + TAG_TIME])
    _write_float(seconds, write)


def _write_boolean(value: bool, write: Write) -> None:
    write(_TRUE if value else _FALSE)


def _write_null(_value: None, write: Write) -> None:
    write(_NULL)


def _write_records(records: RecordList, write: Write) -> None:
    write_records(records, write, _write_map)


class _Writers(dict[type, Callable[[Any, Write], None]]):
    """What writes a value of each type."""

    def __missing__(self, kind: type) -> Callable[[Any, Write], None]:
        raise TypeError(f"an answer cannot carry a {kind.__name__}")


_WRITERS = _Writers(
    {
        dict: _write_map,
        list: _write_array,
        str: _write_text,
        bytes: _write_bytes,
        int: _write_whole_number,
        float: _write_float,
        bool: _write_boolean,
        Instant: _write_instant,
        Seconds: _write_seconds,
        RecordList: _write_records,
        PlacementList: write_placements,
        QueueRecordList: lambda records, write: _write_array(records.documents(), write),
        type(None): _write_null,
    }
)

_pack_float = struct.Struct(">Bd").pack
_FALSE, _TRUE, _NULL = ONE_BYTE[OTHER + 20 : OTHER + 23]
