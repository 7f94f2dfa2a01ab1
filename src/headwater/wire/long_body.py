"""A body that is too long to be joined: copying it would take as long as writing it.

Its parts may be such that are written only when they are sent: then they are still in the processor's
caches, and the memory of one serves for the next.

Refuses to know what is in it, and how it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

PART_BYTES = 64 * 1024
"""What is small is joined to parts of this size or more, and a longer body is left in such parts."""


class LatePart(Protocol):
    """A part whose size is known before it is written."""

    def __len__(self) -> int:
        """In bytes."""

    def written(self) -> bytes | memoryview:
        """The part itself, each time anew. Raises nothing: the answer has begun."""


Part: TypeAlias = bytes | memoryview | LatePart


def written(part: Part) -> bytes | memoryview:
    """The part as it is sent."""
    return part if isinstance(part, (bytes, memoryview)) else part.written()


class LongBody:
    """The parts of a body, to be sent one after another. `bytes` of it are all of them."""

    __slots__ = ("_parts", "_size")

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Each part, written when it is asked for."""
        for part in self._parts:
            yield written(part)

    def __bytes__(self) -> bytes:
        return b"".join(self)


Body: TypeAlias = bytes | LongBody


def parts_of(body: Body) -> Iterator[bytes | memoryview]:
    """What is to be sent, in order; one part at least."""
    return iter(body) if isinstance(body, LongBody) else iter((body,))


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
