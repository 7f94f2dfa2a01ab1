"""HPACK: header blocks from bytes to fields, and fields of answers to bytes.

RFC 7541. A block is read with the table that the blocks before it have left behind, so each one is
read, once and in order, even when nobody wants its fields.

Rules:
- what a field costs is a look at a list: most of a client's fields stand in a table;
- a block that left the table as it was means the same again, until the table changes: `changes`
  counts that, so that a caller can remember such blocks by their bytes;
- the beginning of a connection's first block is remembered with the table that it leaves behind, for all
  connections: what follows from it is the same each time;
- answers are written plainly: no Huffman code and no table, because their headers hardly repeat
  and compressing them costs more than all the rest of writing them.

Refuses to know frames, and which fields a request may have.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from headwater.server.http import huffman

TABLE_BYTES = 4096
"""How large a client's table may be: what HTTP/2 has when nothing is said."""
FIELD_OVERHEAD_BYTES = 32
"""What a field counts on top of its name and value."""
TEXT_BYTES_MAX = 1 << 28
"""No text is longer, whatever its length says."""

ALIKE_BYTES = 24
"""Blocks that have so many bytes in common are one client's, or one kind's."""
BEGINNINGS_REMEMBERED = 512
BEGINNINGS_FURTHER = 32
"""So many blocks are kept for each beginning, to see how others go on like them."""
FIRST_BLOCK_BYTES_MAX = 2048
"""The beginning of a longer block is not remembered."""

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


class Beginning:
    """The fields that blocks begin with, the table that they leave behind, and how some of them go on."""

    __slots__ = ("block", "changes", "dynamic", "dynamic_bytes", "further", "last", "names", "values")

    def __init__(self, block: bytes) -> None:
        """Raises HpackError, IndexError and HuffmanError."""
        self.block = block
        self.names, self.values, self.dynamic, self.dynamic_bytes, self.changes = HeaderDecoder().left_by(
            block
        )
        self.further: dict[bytes, Beginning] = {}
        """Longer ones, by the first `ALIKE_BYTES` of what follows."""
        self.last: dict[bytes, bytes] = {}
        """The last block that went on so, by the same."""


class Beginnings:
    """How the first blocks of connections begin.

    Some clients make a connection for each request. The first block on it has the same fields in the
    same order as the one before, but for values that are never the same.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._nothing = Beginning(b"")
        self._count = 0

    def of(self, block: bytes) -> Beginning:
        """The longest beginning of the block that is known."""
        known = self._nothing
        while True:
            at = len(known.block)
            key = block[at : at + ALIKE_BYTES]
            longer = known.further.get(key)
            if longer is None or not block.startswith(longer.block):
                break
            known = longer
        if len(key) == ALIKE_BYTES and len(block) <= FIRST_BLOCK_BYTES_MAX:
            self._learn(known, key, block, longer.block if longer else known.last.get(key))
        return known

    def _learn(self, known: Beginning, key: bytes, block: bytes, before: bytes | None) -> None:
        """Find out how far a block is like one before."""
        if len(known.last) >= BEGINNINGS_FURTHER:
            known.last.clear()
        known.last[key] = block
        if before is None:
            return
        if self._count >= BEGINNINGS_REMEMBERED:
            self._forget()
            return
        with suppress(IndexError, HpackError, huffman.HuffmanError):
            ends = reversed(_field_ends(block))
            common = next((end for end in ends if before[:end] == block[:end]), 0)
            if common > len(known.block):
                known.further[key] = Beginning(block[:common])
                self._count += 1


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
            at = 0 if self.changes else self._begin(block, names, values)
            self._read(block, at, names, values)
        except (IndexError, huffman.HuffmanError) as error:
            raise HpackError(str(error)) from error
        return tuple(names), values

    def _begin(self, block: bytes, names: list[bytes], values: list[bytes]) -> int:
        """Read what a block on a table that was never changed has in common with others; gives its end."""
        if self._limit_bytes != TABLE_BYTES:
            return 0
        known = _beginnings.of(block)
        names += known.names
        values += known.values
        self.changes = known.changes
        self._dynamic.extend(known.dynamic)
        self._dynamic_bytes = known.dynamic_bytes
        return len(known.block)

    def left_by(self, block: bytes) -> tuple[list[bytes], list[bytes], tuple[Field, ...], int, int]:
        """What a block says, and the table after it. Raises HpackError, IndexError and HuffmanError."""
        names: list[bytes] = []
        values: list[bytes] = []
        self._read(block, 0, names, values)
        return names, values, tuple(self._dynamic), self._dynamic_bytes, self.changes

    def _read(self, block: bytes, at: int, names: list[bytes], values: list[bytes]) -> None:
        end = len(block)
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
                    name, at = _text(block, at + 1)
                else:
                    name, at = self._name(block, at, 0x3F)
                value, at = _text(block, at)
                self._remember((name, value))
            elif first >= SIZE_UPDATE:
                if names:
                    raise HpackError("the table's size changes within a block")
                size, at = _integer(block, at, 0x1F)
                self._resize(size)
                continue
            else:  # it is not to be remembered, by nobody or by nobody on the way either
                name, at = self._name(block, at, 0x0F)
                value, at = _text(block, at)
            names.append(name)
            values.append(value)

    def _name(self, block: bytes, at: int, mask: int) -> tuple[bytes, int]:
        """The name of a literal field, which may be that of an entry; and what follows it."""
        index = block[at] & mask
        if index == 0:
            return _text(block, at + 1)
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


_beginnings = Beginnings()


def _field_ends(block: bytes) -> list[int]:
    """Where each field of a block ends. Raises HpackError, IndexError."""
    ends, at = [], 0
    while at < len(block):
        first = block[at]
        if first >= INDEXED:
            _, at = _integer(block, at, 0x7F)
        elif SIZE_UPDATE <= first < WITH_INDEXING:
            _, at = _integer(block, at, 0x1F)
        else:
            index, at = _integer(block, at, 0x3F if first >= WITH_INDEXING else 0x0F)
            for _ in range(1 if index else 2):
                length, at = _integer(block, at, 0x7F)
                at += length
        ends.append(at)
    return ends


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


def _text(block: bytes, at: int) -> tuple[bytes, int]:
    """A text, and what follows it."""
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
