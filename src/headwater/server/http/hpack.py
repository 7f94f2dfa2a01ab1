"""HPACK: header blocks from bytes to fields, and fields of answers to bytes.

RFC 7541. A block is read with the table that the blocks before it have left behind, so each one is
read, once and in order, even when nobody wants its fields.

Rules:
- what a field costs is a look at a list: most of a client's fields stand in a table;
- a block that left the table as it was means the same again, until the table changes: `changes`
  counts that, so that a caller can remember such blocks by their bytes;
- answers are written plainly: no Huffman code and no table, because their headers hardly repeat
  and compressing them costs more than all the rest of writing them.

Refuses to know frames, and which fields a request may have.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from headwater.server.http import huffman

TABLE_BYTES = 4096
"""How large a client's table may be: what HTTP/2 has when nothing is said."""
FIELD_OVERHEAD_BYTES = 32
"""What a field counts on top of its name and value."""
TEXT_BYTES_MAX = 1 << 28
"""No text is longer, whatever its length says."""

INDEXED, WITH_INDEXING, SIZE_UPDATE = 0x80, 0x40, 0x20
HUFFMAN_CODED = 0x80

Field = tuple[bytes, bytes]
_remembered = huffman.remembered

STATIC_FIELDS = """\
:authority | :method: GET | :method: POST | :path: / | :path: /index.html | :scheme: http
:scheme: https | :status: 200 | :status: 204 | :status: 206 | :status: 304 | :status: 400
:status: 404 | :status: 500 | accept-charset | accept-encoding: gzip, deflate | accept-language
accept-ranges | accept | access-control-allow-origin | age | allow | authorization | cache-control
content-disposition | content-encoding | content-language | content-length | content-location
content-range | content-type | cookie | date | etag | expect | expires | from | host | if-match
if-modified-since | if-none-match | if-range | if-unmodified-since | last-modified | link | location
max-forwards | proxy-authenticate | proxy-authorization | range | referer | refresh | retry-after
server | set-cookie | strict-transport-security | transfer-encoding | user-agent | vary | via
www-authenticate"""
STATIC_TABLE: tuple[Field, ...] = tuple(
    (name.encode(), value.encode())
    for name, _, value in (
        field.rpartition(": ") if ": " in field else (field, "", "")
        for field in STATIC_FIELDS.replace("\n", " | ").split(" | ")
    )
)
"""RFC 7541, appendix A; its first entry has the index 1."""
STATIC_COUNT = len(STATIC_TABLE)

DROP_TABLE = b"\x20"
"""The client is told that the table of its decoder stays empty."""


class HpackError(ValueError):
    """Not a header block; what the table is from now on is not known."""


class FieldPlace(NamedTuple):
    """Where in a block a field stands."""

    begin: int
    value_at: int
    """The text of its value; the end if it has none, but an index for all of it."""
    end: int


class HeaderDecoder:
    """Reads the header blocks of one client, in order."""

    def __init__(self, table_bytes: int = TABLE_BYTES) -> None:
        self.changes = 0
        """How often the table was changed."""
        self._dynamic: deque[Field] = deque()
        """What the client has put into the table, the newest first."""
        self._dynamic_bytes = 0
        self._limit_bytes = self._limit_bytes_max = table_bytes

    def decode(self, block: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
        """The names and the values of a block's fields. Raises HpackError."""
        names: list[bytes] = []
        values: list[bytes] = []
        try:
            self._read(block, names, values)
        except (IndexError, huffman.HuffmanError) as error:
            raise HpackError(str(error)) from error
        return tuple(names), values

    def _read(self, block: bytes, names: list[bytes], values: list[bytes]) -> None:
        at, end = 0, len(block)
        dynamic = self._dynamic
        while at < end:
            first = block[at]
            if first >= INDEXED:
                index, at = _integer(block, at, 0x7F) if first == 0xFF else (first & 0x7F, at + 1)
                name, value = (
                    dynamic[index - 1 - STATIC_COUNT] if index > STATIC_COUNT else _static_field(index)
                )
            elif first >= WITH_INDEXING:
                if first == WITH_INDEXING:
                    name, at = text_at(block, at + 1)
                else:
                    name, at = self._name(block, at, 0x3F)
                value, at = text_at(block, at)
                self._remember((name, value))
            elif first >= SIZE_UPDATE:
                if names:
                    raise HpackError("the table's size changes within a block")
                size, at = _integer(block, at, 0x1F)
                self._resize(size)
                continue
            else:  # it is not to be remembered, by nobody or by nobody on the way either
                name, at = self._name(block, at, 0x0F)
                value, at = text_at(block, at)
            names.append(name)
            values.append(value)

    def _name(self, block: bytes, at: int, mask: int) -> tuple[bytes, int]:
        """The name of a literal field, which may be that of an entry; and what follows it."""
        index = block[at] & mask
        if index == 0:
            return text_at(block, at + 1)
        index, at = _integer(block, at, mask) if index == mask else (index, at + 1)
        field = self._dynamic[index - 1 - STATIC_COUNT] if index > STATIC_COUNT else _static_field(index)
        return field[0], at

    def _remember(self, field: Field) -> None:
        name, value = field
        self.changes += 1
        self._dynamic.appendleft(field)
        self._dynamic_bytes += len(name) + len(value) + FIELD_OVERHEAD_BYTES
        if self._dynamic_bytes > self._limit_bytes:
            self._shrink()

    def _resize(self, size: int) -> None:
        if size > self._limit_bytes_max:
            raise HpackError("the table is made larger than it may be")
        self.changes += 1
        self._limit_bytes = size
        self._shrink()

    def _shrink(self) -> None:
        while self._dynamic_bytes > self._limit_bytes:
            name, value = self._dynamic.pop()
            self._dynamic_bytes -= len(name) + len(value) + FIELD_OVERHEAD_BYTES


def field_places(block: bytes) -> list[FieldPlace] | None:
    """Where the fields of a block are that was read already; `None` if they depend on the table."""
    places, at = [], 0
    while at < len(block):
        begin, first = at, block[at]
        if SIZE_UPDATE <= first < WITH_INDEXING:
            return None
        mask = 0x7F if first >= INDEXED else 0x3F if first >= WITH_INDEXING else 0x0F
        index, at = _integer(block, at, mask)
        if index > STATIC_COUNT:
            return None
        value_at = at
        if first < INDEXED:
            if not index:
                length, at = _integer(block, at, 0x7F)
                at += length
            value_at = at
            length, at = _integer(block, at, 0x7F)
            at += length
        places.append(FieldPlace(begin, value_at, at))
    return places


def _static_field(index: int) -> Field:
    if index == 0:
        raise HpackError("no entry has the index 0")
    return STATIC_TABLE[index - 1]


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """A number that begins in the low bits of a byte, and what follows it."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    shift = 0
    while True:
        digit = block[at]
        at += 1
        value += (digit & 0x7F) << shift
        if value > TEXT_BYTES_MAX or shift > 28:
            raise HpackError("a number is too large")
        if digit < 0x80:
            return value, at
        shift += 7


def text_at(block: bytes, at: int) -> tuple[bytes, int]:
    """A text, and what follows it. Raises HpackError, IndexError and HuffmanError."""
    coded = block[at]
    length = coded & 0x7F
    if length < 0x7F:
        at += 1
    else:
        length, at = _integer(block, at, 0x7F)
    end = at + length
    if end > len(block):
        raise HpackError("a text is longer than its block")
    text = block[at:end]
    if coded < HUFFMAN_CODED:
        return text, end
    return _remembered.get(text) or huffman.decode(text), end


# Writing.


def field_bytes(name: bytes, value: bytes) -> bytes:
    """A field of an answer, written plainly."""
    return b"\0" + text_bytes(name) + text_bytes(value)


def text_bytes(text: bytes) -> bytes:
    """A text as it stands in a block: its length, seven bits at a time, and itself."""
    length = len(text)
    if length < 0x7F:
        return length.to_bytes() + text
    length -= 0x7F
    digits = bytearray(b"\x7f")
    while length >= 0x80:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    digits.append(length)
    return bytes(digits) + text
