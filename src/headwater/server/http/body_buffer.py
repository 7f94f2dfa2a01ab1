"""A body as it arrives: the pieces of what is read now in a list, all that came before in one buffer.

A piece of two bytes costs thirty times its size as an object of its own, so pieces are
gathered after every read. What comes in one piece is never copied.
"""

from __future__ import annotations


class BodyBuffer:
    """The body of one request after another."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._gathered = bytearray()
        self.add = self._pieces.append
        """Takes a piece: a built-in method, since a parser calls it for every one."""

    def gather(self) -> int:
        """Put together what has come; its size in bytes."""
        self._gathered += b"".join(self._pieces)
        self._pieces.clear()
        return len(self._gathered)

    def size(self) -> int:
        """In bytes."""
        return len(self._gathered) + sum(map(len, self._pieces))

    def is_in_pieces(self) -> bool:
        """Whether there is more than one piece, or more than one read has brought it."""
        return bool(self._gathered) or len(self._pieces) > 1

    def take(self) -> bytes:
        """The whole body; nothing of it is kept, as an idle connection must not hold a large one."""
        if self.is_in_pieces():
            self.gather()
        body = self._pieces[0] if self._pieces else bytes(self._gathered)
        self.clear()
        return body

    def clear(self) -> None:
        """Forget it."""
        self._pieces.clear()
        self._gathered.clear()
