"""Header blocks of HTTP/2 that come again, as long as they mean the same."""

from __future__ import annotations

import pytest

from headwater.server.http.http2_blocks import HeaderBlocks
from headwater.server.http.http2_heads import MalformedHead

POST = bytes((0x83, 0x86, 0x84))
"""Method, scheme and path by the static table."""
HOST_ADDED = POST + b"\x41\x04host"
HOST_BY_TABLE = POST + bytes((0xBE,))
"""The newest of the dynamic table's fields, which is the host at first."""
FIELD_ADDED = b"\x40\x01x\x01y"


def test_a_block_that_comes_again_is_remembered() -> None:
    blocks = HeaderBlocks(65_536, None)
    blocks.head(HOST_ADDED)
    assert HOST_ADDED not in blocks.heads
    head = blocks.head(HOST_BY_TABLE)
    assert head.headers[b"host"] == b"host"
    assert blocks.heads[HOST_BY_TABLE] == head


def test_what_is_remembered_is_forgotten_when_trailers_change_the_table() -> None:
    blocks = HeaderBlocks(65_536, None)
    blocks.head(HOST_ADDED)
    blocks.head(HOST_BY_TABLE)
    assert blocks.fields(FIELD_ADDED) == ((b"x",), [b"y"])
    assert HOST_BY_TABLE not in blocks.heads
    with pytest.raises(MalformedHead, match="a method and a host"):
        blocks.head(HOST_BY_TABLE)
