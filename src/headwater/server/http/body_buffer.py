"""A body as it arrives: the pieces of what is read now in a list, and all that came before.

A piece of two bytes costs thirty times its size as an object of its own, so small pieces are
gathered after every read. Large ones wait until the body is whole, and are copied once; what comes
in one piece is never copied.
"""

from __future__ import annotations

LARGE_BYTES = 16 * 1024
"""A piece of so many bytes is not copied before the body is whole."""
GATHERED_BYTES = 1024 * 1024
"""What small pieces are added to grows to this size: to make it larger copies all of it now and then."""


class BodyBuffer:
    """The body of one request after another."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._gathered: list[bytes | bytearray] = []
        self._gathered_bytes = 0
        self.add = self._pieces.append
        """Takes a piece: a built-in method, since a parser calls it for every one."""

    def gather(self) -> int:
        """Put together what has come; its size in bytes."""
        pieces, gathered = self._pieces, self._gathered
        if pieces:
            part = b"".join(pieces)
            pieces.clear()
            self._gathered_bytes += len(part)
            if len(part) >= LARGE_BYTES or not gathered:
                gathered.append(part)
            elif isinstance(last := gathered[-1], bytearray) and len(last) < GATHERED_BYTES:
                last += part
            else:
                gathered.append(bytearray(part))
        return self._gathered_bytes

    def size(self) -> int:
        """In bytes."""
        return self._gathered_bytes + sum(map(len, self._pieces))

    def is_in_pieces(self) -> bool:
        """Whether there is more than one piece, or more than one read has brought it."""
        return bool(self._gathered) or len(self._pieces) > 1

    def take(self) -> bytes:
        """The whole body; nothing of it is kept, as an idle connection must not hold a large one."""
        parts = [*self._gathered, *self._pieces]
        body = parts[0] if len(parts) == 1 and type(parts[0]) is bytes else b"".join(parts)
        self.clear()
        return body

    def clear(self) -> None:
        """Forget it."""
        self._pieces.clear()
        self._gathered.clear()
        self._gathered_bytes = 0
