"""A body that is too long to be joined: copying it would take as long as writing it.

Refuses to know what is in it, and how it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias


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
