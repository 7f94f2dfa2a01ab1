"""AWS CBOR to MessagePack: the same document, in the form that msgspec reads and checks in one step.

The two formats differ in little but an item's first byte. So a body is copied once and the
first bytes of its items are rewritten where they stand; of the data in between nothing is
looked at.

Rules:
- only what nearly all requests are made of is repacked: maps with short names, lists, text in
  ASCII, blobs, whole numbers that need no sign, booleans and nulls; maps and lists may be of
  indefinite length, as Java's clients write them;
- everything else, valid or not, is left to `cbor_format`, which also words what is wrong;
- what was repacked says the same as what `cbor_format` reads.

Refuses to know operations and their shapes, but for two names that most of its time is spent on.
"""

from __future__ import annotations

from collections.abc import Callable

from headwater.wire.cbor_columns import ALIKE_MIN, repack_alike

NESTING_MAX = 8
"""Maps and lists inside each other; requests of the API have five."""
ITEMS_MAX = 4_096
"""Twice what the largest PutRecords has: members of maps, and items of lists."""
MORE_SINGLES = 8
"""So many times as many records are read one by one each time before a look at whether more are alike."""
MOVED_BYTES_MAX = 64 * 1024 * 1024
"""Where MessagePack needs one byte more than CBOR, all that follows is moved: so much in all."""

_BYTES, _TEXT, _LIST, _MAP = 0x40, 0x60, 0x80, 0xA0
"""CBOR's first bytes of what has no items, or bytes, or characters."""
_BYTES_8, _BYTES_16, _TEXT_8 = 0x58, 0x59, 0x78
"""The same where a byte follows that says how many there are."""
_TEXT_ENDS = 0x78
"""The first byte after those of short texts."""
_PACKED_BYTES_8, _PACKED_LIST, _PACKED_LIST_16, _PACKED_MAP = 0xC4, 0x90, 0xDC, 0x80
_PACKED_TEXT = 0xA0
_PACKED_TEXT_8, _PACKED_TEXT_16 = 0xD9, 0xDA
_TO_PACKED_TEXT = _PACKED_TEXT - _TEXT
_OPEN_LIST, _OPEN_MAP, _BREAK = 0x9F, 0xBF, 0xFF
"""Of indefinite length, and what ends it."""
_RECORD, _OPEN_RECORD = b"\xa2\x64Data", b"\xbf\x64Data"
_KEY = b"\x6cPartitionKey"
_PACKED_RECORD, _PACKED_KEY_NAME = b"\x82\xa4Data", _PACKED_TEXT + len(_KEY) - 1
"""What stands before a record's data, and before its key."""


class _Unusual(Exception):
    """The body is left to others."""


class _Budget:
    """What is left of the bounds."""

    __slots__ = ("items", "levels", "moved_bytes")

    def __init__(self) -> None:
        self.levels = NESTING_MAX
        self.items = ITEMS_MAX
        self.moved_bytes = MOVED_BYTES_MAX

    def enter(self, count: int) -> None:
        """Go one level down, to so many items."""
        self.levels -= 1
        self.take(count)

    def take(self, count: int) -> None:
        """So many more items are read."""
        self.items -= count
        if self.levels < 0 or self.items < 0:
            raise _Unusual

    def records(self, count: int) -> None:
        """So many maps of two members were read."""
        if count:
            self.levels -= 1
            self.take(2 * count)
            self.levels += 1


_Repacker = Callable[[bytearray, int, _Budget], int]
"""Rewrites the item that begins at a position, with all in it; gives the position after it."""


def repack(body: bytes) -> bytearray | None:
    """The document in MessagePack, or `None`: then it is read otherwise."""
    packed = bytearray(body)
    try:
        end = _REPACKERS[packed[0]](packed, 0, _Budget())
    except (_Unusual, IndexError):
        return None
    return packed if end == len(packed) else None


def _refuse(_packed: bytearray, _at: int, _budget: _Budget) -> int:
    raise _Unusual


def _in_place(first: int, size: int) -> _Repacker:
    """An item without content: its first byte becomes `first`, and as many as `size` follow."""

    def repack_item(packed: bytearray, at: int, _budget: _Budget) -> int:
        packed[at] = first
        return at + 1 + size

    return repack_item


def _bytes(first: int, size: int) -> _Repacker:
    """A blob whose length is in the bytes that follow, as many as `size`."""

    def repack_bytes(packed: bytearray, at: int, _budget: _Budget) -> int:
        packed[at] = first
        begin = at + 1 + size
        return begin + int.from_bytes(packed[at + 1 : begin])

    return repack_bytes


def _short_bytes(length: int) -> _Repacker:
    """A blob whose first byte tells its length, for which MessagePack has a byte of its own."""

    def repack_bytes(packed: bytearray, at: int, budget: _Budget) -> int:
        _insert(packed, at, bytes((_PACKED_BYTES_8, length)), budget)
        return at + 2 + length

    return repack_bytes


def _text(first: int, size: int) -> _Repacker:
    def repack_text(packed: bytearray, at: int, _budget: _Budget) -> int:
        packed[at] = first
        begin = at + 1 + size
        end = begin + int.from_bytes(packed[at + 1 : begin]) if size else begin + first - _PACKED_TEXT
        if not packed[begin:end].isascii():
            raise _Unusual
        return end

    return repack_text


def _list(first: int, size: int) -> _Repacker:
    def repack_list(packed: bytearray, at: int, budget: _Budget) -> int:
        packed[at] = first
        begin = at + 1 + size
        count = int.from_bytes(packed[at + 1 : begin]) if size else first - _PACKED_LIST
        return _repack_items(packed, begin, count, budget)

    return repack_list


def _longer_list(size: int) -> _Repacker:
    """A list whose length takes more bytes in MessagePack: two."""

    def repack_list(packed: bytearray, at: int, budget: _Budget) -> int:
        count = packed[at + 1] if size else packed[at] - _LIST
        head = bytes((_PACKED_LIST_16, 0, count))
        _insert(packed, at + size, head[size:], budget)
        packed[at] = _PACKED_LIST_16
        return _repack_items(packed, at + len(head), count, budget)

    return repack_list


def _insert(packed: bytearray, at: int, head: bytes, budget: _Budget) -> None:
    """Put a longer head in the place of one byte."""
    budget.moved_bytes -= len(packed) - at
    if budget.moved_bytes < 0:
        raise _Unusual
    packed[at : at + 1] = head


def _remove(packed: bytearray, at: int, budget: _Budget) -> None:
    """Take out the byte that ends what is of indefinite length."""
    budget.moved_bytes -= len(packed) - at
    if budget.moved_bytes < 0:
        raise _Unusual
    del packed[at]


def _repack_items(packed: bytearray, at: int, count: int, budget: _Budget) -> int:
    budget.enter(count)
    singles = ALIKE_MIN
    while count:
        at, alike = repack_alike(packed, at, count) if packed.startswith(_RECORD, at) else (at, 0)
        budget.records(alike)
        others = min(count - alike, singles)
        for _ in range(others):
            at = _REPACKERS[packed[at]](packed, at, budget)
        count -= alike + others
        singles *= MORE_SINGLES
    budget.levels += 1
    return at


def _repack_open_list(packed: bytearray, at: int, budget: _Budget) -> int:
    """A list of indefinite length, up to the byte that ends it."""
    begin, count = at, 0
    at += 1
    budget.enter(0)
    while packed[at] != _BREAK:
        at, done = _repack_open_records(packed, at, budget)
        if not done:
            at = _REPACKERS[packed[at]](packed, at, budget)
            done = 1
        budget.take(done)
        count += done
    _remove(packed, at, budget)
    head = bytes((_PACKED_LIST_16,)) + count.to_bytes(2)
    _insert(packed, begin, head, budget)
    budget.levels += 1
    return at + len(head) - 1


def _repack_open_map(packed: bytearray, at: int, budget: _Budget) -> int:
    """A map of indefinite length, up to the byte that ends it; of up to fifteen members."""
    begin, count = at, 0
    at += 1
    budget.enter(0)
    while packed[at] != _BREAK:
        budget.take(1)
        at = _NAME_REPACKERS[packed[at]](packed, at, budget)
        at = _REPACKERS[packed[at]](packed, at, budget)
        count += 1
    if count >= 16:
        raise _Unusual
    _remove(packed, at, budget)
    packed[begin] = _PACKED_MAP + count
    budget.levels += 1
    return at


def _repack_open_records(packed: bytearray, at: int, budget: _Budget) -> tuple[int, int]:
    """As many maps of indefinite length as are records in the form that nearly all have.

    Where many are alike by columns, else one by one; what follows them, and their number.
    """
    count, singles, done = 0, ALIKE_MIN, 1
    while done and packed.startswith(_OPEN_RECORD, at):
        at, alike = repack_alike(packed, at, ITEMS_MAX)
        at, others = _repack_one_by_one(packed, at, singles)
        done = alike + others
        count += done
        singles *= MORE_SINGLES
    budget.records(count)
    return at, count


def _repack_one_by_one(packed: bytearray, at: int, most: int) -> tuple[int, int]:
    """The same of up to so many, without a look at what they have in common.

    The form is a blob of 24 to 65,535 bytes and a key of up to 255, in this order. To move all that follows
    for the end of each map would take most of the time: instead the key tells its length by one byte more.
    """
    starts_with, count = packed.startswith, 0
    while count < most and starts_with(_OPEN_RECORD, at):
        blob_at = at + len(_OPEN_RECORD)
        if packed[blob_at] == _BYTES_8:
            key_at = blob_at + 2 + packed[blob_at + 1]
        elif packed[blob_at] == _BYTES_16:
            key_at = blob_at + 3 + (packed[blob_at + 1] << 8 | packed[blob_at + 2])
        else:
            break
        begin = key_at + len(_KEY) + 1
        first = packed[begin - 1]
        if not starts_with(_KEY, key_at) or not _TEXT <= first <= _TEXT_8:
            break
        length = first - _TEXT
        if first == _TEXT_8:
            length = packed[begin]
            begin += 1
        end = begin + length
        text = packed[begin:end]
        if packed[end] != _BREAK or not text.isascii():
            break
        packed[at:blob_at] = _PACKED_RECORD
        packed[blob_at] += _PACKED_BYTES_8 - _BYTES_8
        packed[key_at] = _PACKED_KEY_NAME
        if first == _TEXT_8:
            packed[begin - 2] = _PACKED_TEXT_16
            packed[begin - 1] = 0
        else:
            packed[begin - 1] = _PACKED_TEXT_8
        packed[begin] = length
        packed[begin + 1 : end + 1] = text
        at = end + 1
        count += 1
    return at, count


def _repack_map(packed: bytearray, at: int, budget: _Budget) -> int:
    """A map of up to fifteen members.

    Where the time goes: hence what nearly all members have, a short name and a value
    that is a short text or a blob of 24 to 255 bytes, is rewritten here, without a call.
    """
    left = packed[at] - _MAP
    packed[at] = _PACKED_MAP + left
    at += 1
    budget.levels -= 1  # `enter`, written out
    budget.items -= left
    if budget.levels < 0 or budget.items < 0:
        raise _Unusual
    while left:
        left -= 1
        first = packed[at]
        if _TEXT <= first < _TEXT_ENDS:
            packed[at] = first + _TO_PACKED_TEXT
            at += 1 + first - _TEXT
        else:
            at = _NAME_REPACKERS[first](packed, at, budget)
        first = packed[at]
        if first == _BYTES_8:
            packed[at] = _PACKED_BYTES_8
            at += 2 + packed[at + 1]
        elif _TEXT <= first < _TEXT_ENDS:
            packed[at] = first + _TO_PACKED_TEXT
            begin = at + 1
            at = begin + first - _TEXT
            if not packed[begin:at].isascii():
                raise _Unusual
        else:
            at = _REPACKERS[first](packed, at, budget)
    budget.levels += 1
    return at


def _table_of_repackers() -> tuple[_Repacker, ...]:
    """For each first byte what rewrites the item."""
    repackers: list[_Repacker] = [_refuse] * 256
    for number in range(24):
        repackers[number] = _in_place(number, 0)
        repackers[0x20 + number] = _in_place(0xFF - number, 0)
        repackers[_BYTES + number] = _short_bytes(number)
        repackers[_TEXT + number] = _text(_PACKED_TEXT + number, 0)
        repackers[_LIST + number] = _list(_PACKED_LIST + number, 0) if number < 16 else _longer_list(0)
        repackers[_MAP + number] = _repack_map if number < 16 else _refuse
    for place, size in enumerate((1, 2, 4)):
        repackers[0x18 + place] = _in_place(0xCC + place, size)
        repackers[_BYTES_8 + place] = _bytes(_PACKED_BYTES_8 + place, size)
        repackers[_TEXT_8 + place] = _text(0xD9 + place, size)
        repackers[_LIST + 24 + place] = _list(_PACKED_LIST_16 - 1 + place, size) if place else _longer_list(1)
    repackers[_OPEN_LIST] = _repack_open_list
    repackers[_OPEN_MAP] = _repack_open_map
    repackers[0x1B] = _in_place(0xCF, 8)
    repackers[0xF4:0xF8] = (_in_place(packed, 0) for packed in (0xC2, 0xC3, 0xC0, 0xC0))
    return tuple(repackers)


_REPACKERS = _table_of_repackers()
_NAME_REPACKERS = tuple(
    repacker if _TEXT <= first < _LIST else _refuse for first, repacker in enumerate(_REPACKERS)
)
