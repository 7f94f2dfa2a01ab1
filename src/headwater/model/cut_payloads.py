"""Payloads that lie one after another in one piece of bytes, and are cut out of it when they are wanted.

A page of thousands of records that are cut when it is read has left the processor's caches when it is
written, and some readers need no pieces at all.

Refuses to know what a payload is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from struct import Struct
from typing import overload

MANY = 8
"""So many pieces are cut at once."""
FORMS_REMEMBERED = 4096
COPIED_BYTES = 2048
"""Pieces that are larger than this on the average are not copied out."""


class LatePayloads(Sequence[bytes | memoryview]):
    """Payloads whose lengths are known once they have been cut."""

    __slots__ = ()

    size_at_most: int
    """No less than all have together, in bytes; it can be told at once."""
    lengths: tuple[int, ...]
    size: int
    """Of all, in bytes."""


class ReadBlock:
    """The bytes in which payloads are; a store can see by it whether somebody still has some of them."""

    __slots__ = ("__weakref__", "whole")

    def __init__(self, whole: bytes) -> None:
        self.whole = whole


class CutPayloads(Sequence[bytes | memoryview]):
    """A list of payloads: a copy of each, or a view if they are large."""

    __slots__ = ("_begin", "_block", "lengths", "size")

    def __init__(
        self, block: ReadBlock, begin: int, lengths: tuple[int, ...], size: int | None = None
    ) -> None:
        """They are in the block from `begin` on; `size` is the sum of their lengths, if it is known."""
        self._block = block
        self._begin = begin
        self.lengths = lengths
        self.size = sum(lengths) if size is None else size
        """Of all, in bytes."""

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        return iter(self._cut())

    @overload
    def __getitem__(self, at: int) -> bytes | memoryview: ...
    @overload
    def __getitem__(self, at: slice) -> CutPayloads | Sequence[bytes | memoryview]: ...
    def __getitem__(self, at: int | slice) -> bytes | memoryview | CutPayloads | Sequence[bytes | memoryview]:
        if isinstance(at, slice):
            begin, end, step = at.indices(len(self.lengths))
            if step != 1:
                return self._cut()[at]
            return CutPayloads(self._block, self._begin + sum(self.lengths[:begin]), self.lengths[begin:end])
        at = range(len(self.lengths))[at]
        begin = self._begin + sum(self.lengths[:at])
        return memoryview(self._block.whole)[begin : begin + self.lengths[at]]

    def joined(self) -> bytes:
        """All of them as one."""
        return self._block.whole[self._begin : self._begin + self.size]

    def column(self, at: int) -> bytes:
        """The byte at one place of each of them, which have one length."""
        return self._block.whole[self._begin + at : self._begin + self.size : self.lengths[0]]

    def columns(self, begin: int, end: int) -> tuple[bytes, ...]:
        """The bytes at the same places of each of them, which have one length."""
        form = f"{begin}x{end - begin}s{self.lengths[0] - end}x"
        return Struct(form * len(self.lengths)).unpack_from(self._block.whole, self._begin)

    def column_views(self, begin: int) -> list[memoryview]:
        """The same up to their ends, not copied."""
        whole, length = memoryview(self._block.whole), self.lengths[0]
        starts = range(self._begin, self._begin + self.size, length)
        return [whole[start + begin : start + length] for start in starts]

    def _cut(self) -> Sequence[bytes | memoryview]:
        """By `struct` many take half of the time of slices, or less."""
        lengths, count = self.lengths, len(self.lengths)
        if count < MANY or self.size > COPIED_BYTES * count:
            whole = memoryview(self._block.whole) if self.size > COPIED_BYTES * count else self._block.whole
            ends = accumulate(lengths, initial=self._begin)
            return [whole[begin:end] for begin, end in pairwise(ends)]
        length = lengths[0]
        if lengths.count(length) == count:
            return _cutter(length, count)(self._block.whole, self._begin)
        forms = "".join(map(_FORMS.__getitem__, lengths))
        return Struct(f">{forms}").unpack_from(self._block.whole, self._begin)


@lru_cache(maxsize=16)
def _cutter(length: int, count: int) -> Callable[[bytes, int], tuple[bytes, ...]]:
    """What cuts so many pieces of one length; to make it takes as long as to use it."""
    return Struct(f"{length}s" * count).unpack_from


class _Forms(dict[int, str]):
    """What `struct` calls a piece, by its length."""

    def __missing__(self, length: int) -> str:
        form = f"{length}s"
        if len(self) < FORMS_REMEMBERED:
            self[length] = form
        return form


_FORMS = _Forms()


KNOWN = (CutPayloads, LatePayloads)
"""They know how long they are."""


def lengths_of(payloads: Sequence[bytes | memoryview]) -> tuple[int, ...]:
    """Of each of them, in bytes."""
    return payloads.lengths if isinstance(payloads, KNOWN) else tuple(map(len, payloads))


def size_in_all(payloads: Sequence[bytes | memoryview]) -> int:
    """Of all of them, in bytes."""
    return payloads.size if isinstance(payloads, KNOWN) else sum(map(len, payloads))


def size_at_most(payloads: Sequence[bytes | memoryview]) -> int:
    """The same, or somewhat more if that saves cutting them."""
    return payloads.size_at_most if isinstance(payloads, LatePayloads) else size_in_all(payloads)


def joined(payloads: Sequence[bytes | memoryview]) -> bytes:
    """All of them as one."""
    return payloads.joined() if type(payloads) is CutPayloads else b"".join(payloads)
