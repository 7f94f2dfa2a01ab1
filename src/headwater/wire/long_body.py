"""A body that is too long to be joined: copying it would take as long as writing it.

Refuses to know what is in it, and how it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

PART_BYTES = 64 * 1024
"""What is small is joined to parts of this size or more, and a longer body is left in such parts."""


class LongBody:
    """The parts of a body, to be sent one after another. `bytes` of it are all of them."""

    __slots__ = ("_size", "parts")

    def __init__(self, parts: Sequence[bytes | memoryview]) -> None:
        self.parts = parts
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.parts)


Body: TypeAlias = bytes | LongBody


def parts_of(body: Body) -> Sequence[bytes | memoryview]:
    """What is to be sent, in order."""
    return body.parts if isinstance(body, LongBody) else (body,)


def body_of(pieces: Sequence[bytes]) -> Body:
    """A body of small pieces and large ones: the large are not copied if it is long."""
    if sum(map(len, pieces)) <= PART_BYTES:
        return b"".join(pieces)
    parts: list[bytes] = []
    begin = size = 0
    for end, piece in enumerate(pieces, 1):
        size += len(piece)
        if size >= PART_BYTES:
            parts.append(b"".join(pieces[begin:end]))
            begin, size = end, 0
    if begin < len(pieces):
        parts.append(b"".join(pieces[begin:]))
    return LongBody(parts)
