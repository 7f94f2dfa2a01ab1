"""The header blocks of one HTTP/2 client: bytes to fields, and to the heads of requests.

Rules:
- blocks are read once each and in order, because each may change what the next ones mean;
- those that leave the table as it is are remembered by their bytes, with the head that they are, until
  one changes it, trailers too: a client says nearly the same again and again.

Refuses to know frames and streams.
"""

from __future__ import annotations

from headwater.server.http.exchange import RecurringHeaders
from headwater.server.http.hpack import FIELD_OVERHEAD_BYTES, HeaderDecoder, HpackError
from headwater.server.http.http2_events import ConnectionFault
from headwater.server.http.http2_frames import ErrorCode
from headwater.server.http.http2_heads import RequestHead, head_reader

HEADS_REMEMBERED = 64
HEAD_BLOCK_BYTES_MAX = 1024
"""A longer block is read each time."""


class HeaderBlocks:
    """The blocks of one connection."""

    def __init__(self, bytes_max: int, headers_kept: frozenset[bytes] | None) -> None:
        """`bytes_max` is how large the fields of a block may be."""
        self.heads: dict[bytes, RequestHead] = {}
        """By their blocks; who finds one here need not read it again."""
        self._bytes_max = bytes_max
        self._read_head = head_reader(headers_kept).read
        self._decoder = HeaderDecoder()

    def head(self, block: bytes) -> RequestHead:
        """The head that a block is. Raises `MalformedHead`, `ConnectionFault`."""
        heads, decoder = self.heads, self._decoder
        changes = decoder.changes
        head = self._read_head(*self.fields(block))
        if decoder.changes == changes and len(block) <= HEAD_BLOCK_BYTES_MAX:
            if len(heads) >= HEADS_REMEMBERED:
                heads.clear()
            head = heads[block] = head._replace(headers=RecurringHeaders(head.headers))
        return head

    def fields(self, block: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
        """The names and values of a block. Raises `ConnectionFault`."""
        if len(block) > self._bytes_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM)
        changes = self._decoder.changes
        try:
            names, values = self._decoder.decode(block)
        except HpackError:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR) from None
        if self._decoder.changes != changes:
            self.heads.clear()
        size = sum(map(len, names)) + sum(map(len, values)) + FIELD_OVERHEAD_BYTES * len(names)
        if size > self._bytes_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM)
        return names, values
