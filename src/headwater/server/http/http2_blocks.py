"""The header blocks of one HTTP/2 client: bytes to fields, and to the heads of requests.

Rules:
- blocks are read once each and in order, because each may change what the next ones mean;
- those that leave the table as it is are remembered by their bytes, with the head that they are, until
  one changes it, trailers too: a client says nearly the same again and again;
- the first block of a connection that is like that of another one is not read, but filled in (`AlikeHeads`);
  the next block needs the table that it left behind, and has it read after all.

Refuses to know frames and streams.
"""

from __future__ import annotations

from typing import NamedTuple

from headwater.server.http.exchange import RecurringHeaders
from headwater.server.http.hpack import FIELD_OVERHEAD_BYTES, HeaderDecoder, HpackError
from headwater.server.http.http2_alike_heads import alike_heads
from headwater.server.http.http2_events import ConnectionFault
from headwater.server.http.http2_frames import ErrorCode
from headwater.server.http.http2_heads import RequestHead, head_reader

HEADS_REMEMBERED = 64
HEAD_BLOCK_BYTES_MAX = 1024
"""A longer block is read each time."""


class BegunBlock(NamedTuple):
    """A header block that goes on."""

    flags: int
    stream_id: int
    parts: list[bytes]


class HeaderBlocks:
    """The blocks of one connection."""

    def __init__(self, bytes_max: int, headers_kept: frozenset[bytes] | None) -> None:
        """`bytes_max` is how large the fields of a block may be."""
        self.heads: dict[bytes, RequestHead] = {}
        """By their blocks; who finds one here need not read it again."""
        self._bytes_max = bytes_max
        self._read_head = head_reader(headers_kept).read
        self._alike = alike_heads(headers_kept)
        self._decoder: HeaderDecoder | None = None
        """There from the first block on that is read."""
        self._filled_in = b""
        """The first block, if it was filled in."""

    def head(self, block: bytes) -> RequestHead:
        """The head that a block is. Raises `MalformedHead`, `ConnectionFault`."""
        is_first = self._decoder is None and not self._filled_in
        if is_first:
            filled_in = self._alike.head(block, self._bytes_max)
            if filled_in is not None:
                self._filled_in = block
                return filled_in
        heads, decoder = self.heads, self._reader()
        changes = decoder.changes
        names, values = self.fields(block)
        head = self._read_head(names, values)
        if decoder.changes == changes and len(block) <= HEAD_BLOCK_BYTES_MAX:
            if len(heads) >= HEADS_REMEMBERED:
                heads.clear()
            head = heads[block] = head._replace(headers=RecurringHeaders(head.headers))
        elif is_first:
            self._alike.learn(block, names, values, head)
        return head

    def fields(self, block: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
        """The names and values of a block. Raises `ConnectionFault`."""
        if len(block) > self._bytes_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM)
        decoder = self._reader()
        changes = decoder.changes
        try:
            names, values = decoder.decode(block)
        except HpackError:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR) from None
        if decoder.changes != changes:
            self.heads.clear()
        size = sum(map(len, names)) + sum(map(len, values)) + FIELD_OVERHEAD_BYTES * len(names)
        if size > self._bytes_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM)
        return names, values

    def _reader(self) -> HeaderDecoder:
        """What reads blocks, with the table that those before have left."""
        decoder = self._decoder
        if decoder is None:
            decoder = self._decoder = HeaderDecoder()
            if self._filled_in:
                decoder.decode(self._filled_in)
        return decoder
