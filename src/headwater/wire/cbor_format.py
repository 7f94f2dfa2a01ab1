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
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from headwater.model.errors import SerializationException
from headwater.model.instant import Instant
from headwater.model.record import PlainRecord, plain_records
from headwater.model.record_list import NumberedRun, PlacementList, QueueRecordList, RecordList
from headwater.model.sequence_number import MANY, common_beginning

DEEPEST_NESTING = 64
"""Maps, arrays and tags inside each other; requests of the API have five."""

MOST_ITEMS = 2**17
"""Items in a body: chunks of strings, and what is in maps and arrays, repeated members too.

Over fifty times what the greatest valid request has. An item may be one byte in the body,
and is some seventy in memory and a good deal of a microsecond.
"""

DECODED_AT_ONCE = 256
"""So many records, and the others of their time: more would be out of the processor's cache when written."""

_TIME_LIMIT_MS = 2**63 - 1

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _OTHER = range(0, 256, 32)
"""An item's first byte is one of these kinds plus what tells its length, or its value."""

_LENGTH_FOLLOWS = ((24, 1), (25, 2), (26, 4), (27, 8))
"""What stands for a length, and in how many bytes that length follows."""

_LONG_BYTES, _LONG_TEXT = _BYTES + 24, _TEXT + 24
"""The first byte of a string whose length is the next byte."""

_INDEFINITE = 31
_BREAK = _OTHER + _INDEFINITE
_UP_TO_BREAK = -1
"""How many items are left where only the break ends them; counting down, it never gets to zero."""

_TAG_TIME, _TAG_BIGNUM, _TAG_NEGATIVE_BIGNUM = 1, 2, 3


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
    joined, end = _joined(body, at + 1, room, _BYTES)
    return bytes(joined), end


def _read_indefinite_text(body: bytes, at: int, room: _Room) -> tuple[str, int]:
    joined, end = _joined(body, at + 1, room, _TEXT)
    return joined.decode(), end


def _joined(body: bytes, at: int, room: _Room, kind: int) -> tuple[bytearray, int]:
    """The chunks up to the break as one; a character of a text may be split between two."""
    joined = bytearray()
    while (first := body[at]) != _BREAK:
        room.take()
        if first - kind not in _DEFINITE:
            raise _MalformedCbor
        chunk, at = _READERS[_BYTES + first - kind](body, at, room)
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
        if _TEXT <= first < _LONG_TEXT:
            start = at + 1
            at = start + first - _TEXT
            name = body[start:at].decode()
        else:
            name, at = _NAME_READERS[first](body, at, room)
        first = body[at]
        if first == _LONG_BYTES:
            start = at + 2
            at = start + body[at + 1]
            members[name] = body[start:at]
        elif _TEXT <= first < _LONG_TEXT:
            start = at + 1
            at = start + first - _TEXT
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
        if tag == _TAG_TIME:
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
        readers[_UNSIGNED + number] = _constant(number)
        readers[_NEGATIVE + number] = _constant(-1 - number)
        readers[_BYTES + number] = _short_bytes(number)
        readers[_TEXT + number] = _short_text(number)
        readers[_ARRAY + number] = _array(0)
        readers[_MAP + number] = _map(0)
        readers[_TAG + number] = _tagged(0)
    for code, size in _LENGTH_FOLLOWS:
        readers[_UNSIGNED + code] = _whole_number(size)
        readers[_NEGATIVE + code] = _negative_number(size)
        readers[_BYTES + code] = _long_bytes(size)
        readers[_TEXT + code] = _long_text(size)
        readers[_ARRAY + code] = _array(size)
        readers[_MAP + code] = _map(size)
        readers[_TAG + code] = _tagged(size)
    readers[_BYTES + _INDEFINITE] = _read_indefinite_bytes
    readers[_TEXT + _INDEFINITE] = _read_indefinite_text
    readers[_ARRAY + _INDEFINITE] = _read_indefinite_array
    readers[_MAP + _INDEFINITE] = _read_indefinite_map
    readers[_OTHER + 20 : _OTHER + 24] = map(_constant, (False, True, None, None))
    readers[_OTHER + 25 : _OTHER + 28] = map(_float, (2, 4, 8))
    return tuple(readers)


_READERS = _table_of_readers()
_NAME_READERS = tuple(
    reader if _TEXT <= first < _ARRAY else _read_refused for first, reader in enumerate(_READERS)
)


class Seconds(float):
    """A time in an answer whose times count seconds, as the CBOR standard has them."""


_Write = Callable[[bytes], None]
"""Takes the next piece of an answer's body."""


def encode(answer: Mapping[str, object] | None) -> bytes:
    """The body of an answer; an operation without output has an empty one.

    All lengths are definite. A blob is copied once, into the body.
    """
    if answer is None:
        return b""
    pieces: list[bytes] = []
    _write_map(answer, pieces.append)
    return b"".join(pieces)


def _write_map(members: Mapping[str, object], write: _Write) -> None:
    write(_head(_MAP, len(members)))
    for name, value in members.items():
        write(_encoded_name(name))
        _WRITERS[type(value)](value, write)


def _write_array(items: Sequence[object], write: _Write) -> None:
    write(_head(_ARRAY, len(items)))
    for item in items:
        _WRITERS[type(item)](item, write)


def _write_text(text: str, write: _Write) -> None:
    data = text.encode()
    length = len(data)
    write(_TEXT_HEADS[length] if length < 256 else _head(_TEXT, length))
    write(data)


def _write_bytes(data: bytes, write: _Write) -> None:
    length = len(data)
    write(_BYTES_HEADS[length] if length < 256 else _head(_BYTES, length))
    write(data)


def _write_whole_number(number: int, write: _Write) -> None:
    write(_head(_UNSIGNED, number) if number >= 0 else _head(_NEGATIVE, -1 - number))


def _write_float(number: float, write: _Write) -> None:
    write(_pack_float(_OTHER + 27, number))


def _write_instant(instant: Instant, write: _Write) -> None:
    write(_instant_item(instant))


def _instant_item(instant: Instant) -> bytes:
    if instant.ms < 0:
        return _ONE_BYTE[_TAG + _TAG_TIME] + _head(_NEGATIVE, -1 - instant.ms)
    return _pack_time(_TAG + _TAG_TIME, _UNSIGNED + 27, instant.ms)


def _write_seconds(seconds: Seconds, write: _Write) -> None:
    write(_ONE_BYTE[_TAG + _TAG_TIME])
    _write_float(seconds, write)


def _write_boolean(value: bool, write: _Write) -> None:
    write(_TRUE if value else _FALSE)


def _write_null(_value: None, write: _Write) -> None:
    write(_NULL)


def _write_records(records: RecordList, write: _Write) -> None:
    write(_head(_ARRAY, len(records)))
    gathered: list[NumberedRun] = []
    count = 0
    for run in records.runs:
        gathered.append(run)
        count += len(run.payloads)
        if count >= DECODED_AT_ONCE:
            _write_runs(gathered, write)
            gathered, count = [], 0
    _write_runs(gathered, write)


def _write_runs(runs: list[NumberedRun], write: _Write) -> None:
    plain = plain_records([payload for run in runs for payload in run.payloads])
    if plain is None:
        for document in RecordList(runs).documents():
            _write_map(document, write)
        return
    begin = 0
    for numbers, arrival_ms, _ in runs:
        records, begin = plain[begin : begin + len(numbers)], begin + len(numbers)
        digits = len(str(numbers[0]))  # of all numbers
        start = b"%b%b%b" % (_head(_MAP, 4), _SEQUENCE_NUMBER, _head(_TEXT, digits))
        middle = b"%b%b%b" % (_ARRIVAL, _instant_item(Instant(arrival_ms)), _DATA)
        if len(numbers) >= MANY:
            write(_form_filled_in(start, numbers, middle, records))
            continue
        for number, record in zip(numbers, records, strict=True):
            write(b"%b%d%b" % (start, number, middle))
            _write_bytes(record.data, write)
            write(_KEY)
            _write_text(record.partition_key, write)


def _form_filled_in(start: bytes, numbers: range, middle: bytes, records: Sequence[PlainRecord]) -> bytes:
    """Records that have a beginning and a middle in common, written at once: these are a form to fill in."""
    beginning, rests = common_beginning(numbers)
    data_form, data_items = _in_form(_BYTES, [record.data for record in records])
    key_form, key_items = _in_form(_TEXT, [record.partition_key.encode() for record in records])
    form = b"%b%b%%d%b%b%b%b" % (_literal(start), beginning, _literal(middle), data_form, _KEY, key_form)
    return form * len(records) % tuple(chain.from_iterable(zip(rests, *data_items, *key_items, strict=True)))


def _in_form(kind: int, strings: list[bytes]) -> tuple[bytes, tuple[Iterable[bytes], ...]]:
    """The place of strings in a form, and what is filled in: they, and their heads unless all are alike."""
    lengths = list(map(len, strings))
    if min(lengths) == max(lengths):
        return _literal(_head(kind, lengths[0])) + b"%b", (strings,)
    if max(lengths) < 256:
        heads = _BYTES_HEADS if kind == _BYTES else _TEXT_HEADS
        return b"%b%b", (map(heads.__getitem__, lengths), strings)
    return b"%b%b", ([_head(kind, length) for length in lengths], strings)


def _literal(part: bytes) -> bytes:
    """A part of a form that stands for itself."""
    return part.replace(b"%", b"%%")


def _write_placements(records: PlacementList, write: _Write) -> None:
    """A record's place is one text: bytes are written as characters, which costs half."""
    write(_head(_ARRAY, len(records)))
    start = (_head(_MAP, 2) + _SEQUENCE_NUMBER).decode("latin-1")
    shard_ids = _ShardIds()
    items = [
        f"{start}{_NUMBER_HEADS[len(number)]}{number}{shard_ids[shard_id]}"
        for shard_id, number in records.placements
        if number is not None  # as all of them are
    ]
    write("".join(items).encode("latin-1"))


class _ShardIds(dict[str, str]):
    """The member that names a shard, as characters."""

    def __missing__(self, shard_id: str) -> str:
        text = shard_id.encode()
        item = self[shard_id] = (_SHARD_ID + _head(_TEXT, len(text)) + text).decode("latin-1")
        return item


class _Writers(dict[type, Callable[[Any, _Write], None]]):
    """What writes a value of each type."""

    def __missing__(self, kind: type) -> Callable[[Any, _Write], None]:
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
        PlacementList: _write_placements,
        QueueRecordList: lambda records, write: _write_array(records.documents(), write),
        type(None): _write_null,
    }
)


def _head(kind: int, number: int) -> bytes:
    """The first byte of an item, and its length or its value, in the fewest bytes."""
    if number < 24:
        return _ONE_BYTE[kind + number]
    if number < 1 << 8:
        return bytes((kind + 24, number))
    if number < 1 << 16:
        return _pack_16(kind + 25, number)
    if number < 1 << 32:
        return _pack_32(kind + 26, number)
    return _pack_64(kind + 27, number)


@lru_cache(maxsize=512)
def _encoded_name(name: str) -> bytes:
    """A member's name; the API's few names stay, a user's tags pass through."""
    data = name.encode()
    return _head(_TEXT, len(data)) + data


_pack_16, _pack_32, _pack_64 = (struct.Struct(form).pack for form in (">BH", ">BI", ">BQ"))
_pack_time = struct.Struct(">BBQ").pack
_pack_float = struct.Struct(">Bd").pack
_ONE_BYTE = tuple(bytes((first,)) for first in range(256))
_FALSE, _TRUE, _NULL = _ONE_BYTE[_OTHER + 20 : _OTHER + 23]
_TEXT_HEADS = tuple(_head(_TEXT, length) for length in range(256))
_BYTES_HEADS = tuple(_head(_BYTES, length) for length in range(256))
_NUMBER_HEADS = [head.decode("latin-1") for head in _TEXT_HEADS]
_SEQUENCE_NUMBER, _SHARD_ID = _encoded_name("SequenceNumber"), _encoded_name("ShardId")
_ARRIVAL, _DATA = _encoded_name("ApproximateArrivalTimestamp"), _encoded_name("Data")
_KEY = _encoded_name("PartitionKey")
