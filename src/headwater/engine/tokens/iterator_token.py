"""Shard iterators: where to read on, for which shard, and when that was said.

A token holds the moment of its issue, the stream (account, region, name and
creation), the shard and the position in the shard's log. It starts with the
eight bytes that AWS's tokens start with and is padded to their length.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from headwater.engine.tokens.sealed_token import SEAL_BYTES, Sealer
from headwater.model.arn import StreamName

_FIXED = Struct(">QQQIQBB")
_VERSION = 1
_AWS_BYTES_MIN = 152
_AWS_BLOCK_BYTES = 16


class IteratorToken(NamedTuple):
    """The content of a shard iterator."""

    issued_ms: int
    stream: StreamName
    stream_created_ms: int
    shard_index: int
    position: int


def issue_iterator(sealer: Sealer, iterator: IteratorToken) -> str:
    """The token of an iterator."""
    account_id, region, name = iterator.stream
    fixed = _FIXED.pack(
        _VERSION,
        iterator.issued_ms,
        iterator.stream_created_ms,
        iterator.shard_index,
        iterator.position,
        len(region),
        len(name),
    )
    content = fixed + f"{account_id}{region}{name}".encode("ascii")
    length = _AWS_BYTES_MIN + (len(name) + 2) // _AWS_BLOCK_BYTES * _AWS_BLOCK_BYTES - SEAL_BYTES
    return sealer.seal(content.ljust(length, b"\0"))


def read_iterator(sealer: Sealer, token: str) -> IteratorToken | None:
    """The iterator of a token; `None` for one that was not issued here."""
    # AWS takes an iterator in quotes, too, as a shell script may have cut it out of an answer.
    content = sealer.open(token.removeprefix('"').removesuffix('"'))
    if content is None:
        return None
    _version, issued_ms, created_ms, shard_index, position, region_bytes, name_bytes = _FIXED.unpack_from(
        content
    )
    names = content[_FIXED.size : _FIXED.size + 12 + region_bytes + name_bytes].decode("ascii")
    stream = StreamName(names[:12], names[12 : 12 + region_bytes], names[12 + region_bytes :])
    return IteratorToken(issued_ms, stream, created_ms, shard_index, position)
