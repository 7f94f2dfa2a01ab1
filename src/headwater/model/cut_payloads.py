"""Payloads that lie one after another in one piece of bytes, and are cut out of it when they are wanted.

A page of thousands of records that are cut when it is read has left the processor's caches when it is
written, and some readers need no pieces at all.

Refuses to know what a payload is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from struct import Struct
from typing import overload

MANY = 8
"""So many pieces are cut at once."""
FORMS_REMEMBERED = 4096


class CutPayloads(Sequence[bytes]):
    """A list of payloads, each a copy of its piece."""

    __slots__ = ("_begin", "_whole", "lengths", "size")

    def __init__(self, whole: bytes, begin: int, lengths: tuple[int, ...]) -> None:
        """They are in the `whole` from `begin` on."""
        self._whole = whole
        self._begin = begin
        self.lengths = lengths
        self.size = sum(lengths)
        """Of all, in bytes."""

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._cut())

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> CutPayloads | tuple[bytes, ...]: ...
    def __getitem__(self, at: int | slice) -> bytes | CutPayloads | tuple[bytes, ...]:
        if isinstance(at, slice):
            begin, end, step = at.indices(len(self.lengths))
            if step != 1:
                return self._cut()[at]
            return CutPayloads(self._whole, self._begin + sum(self.lengths[:begin]), self.lengths[begin:end])
        at = range(len(self.lengths))[at]
        begin = self._begin + sum(self.lengths[:at])
        return self._whole[begin : begin + self.lengths[at]]

    def joined(self) -> bytes:
        """All of them as one."""
        return self._whole[self._begin : self._begin + self.size]

    def _cut(self) -> tuple[bytes, ...]:
        """By `struct` many take half of the time of slices, or less."""
        lengths, count = self.lengths, len(self.lengths)
        if count < MANY:
            ends = accumulate(lengths, initial=self._begin)
            return tuple([self._whole[begin:end] for begin, end in pairwise(ends)])
        length = lengths[0]
        are_alike = lengths.count(length) == count
        forms = _FORMS[length] * count if are_alike else "".join(map(_FORMS.__getitem__, lengths))
        return Struct(f">{forms}").unpack_from(self._whole, self._begin)


class _Forms(dict[int, str]):
    """What `struct` calls a piece, by its length."""

    def __missing__(self, length: int) -> str:
        form = f"{length}s"
        if len(self) < FORMS_REMEMBERED:
            self[length] = form
        return form


_FORMS = _Forms()


def lengths_of(payloads: Sequence[bytes | memoryview]) -> tuple[int, ...]:
    """Of each of them, in bytes."""
    return payloads.lengths if isinstance(payloads, CutPayloads) else tuple(map(len, payloads))


def joined(payloads: Sequence[bytes | memoryview]) -> bytes:
    """All of them as one."""
    return payloads.joined() if isinstance(payloads, CutPayloads) else b"".join(payloads)
