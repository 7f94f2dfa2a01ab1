"""The first header blocks of connections, which are alike but for a few values.

Some clients make a connection for each request. The first block on it has the same fields in the same order
as the one before, and only an id, a date, a hash and a signature are others. What such a block has in common
with one before need not be read again.

Rules:
- the first block of a connection stands on an empty table, so its bytes alone say what it means, unless it
  refers to what it has put into the table itself: such a block has no form;
- a form is what two blocks have in common; where another one differs further, that is left open, too;
- open are values that mean nothing for how a request is read; what else differs makes another form;
- a form is filled in only with what a head may have. Whatever is wrong, or too large, is read as if there
  were no forms, and refused there.

Refuses to know what the table is after a block: who needs it reads the block for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from headwater.server.http.hpack import FIELD_OVERHEAD_BYTES, FieldPlace, field_places, text_at
from headwater.server.http.http2_heads import (
    PSEUDO_HEADERS,
    RequestHead,
    announced_length,
    check_values,
)

ALIKE_BYTES = 24
"""Blocks with one form have at least so many first bytes in common."""
FORMS_MAX = 4
"""Of the blocks that begin alike."""
FRAMES_REMEMBERED = 256
BLOCK_BYTES_MAX = 2048
"""A longer block has no form."""
NEVER_OPEN = PSEUDO_HEADERS | {b"host", b"te", b"expect"}
LENGTH = b"content-length"

Frame = tuple[bytes, ...]
"""What blocks of one form have in common for sure: each field but for its value, if that may be open."""

_new_head = tuple.__new__


class HeadForm:
    """A head in which some values are open."""

    __slots__ = ("_ending", "_fixed_bytes", "_head", "_length_at", "_parts", "frame")

    def __init__(
        self,
        frame: Frame,
        block: bytes,
        places: Sequence[FieldPlace],
        opened: Sequence[int],
        names: Sequence[bytes],
        head: RequestHead,
        fixed_bytes: int,
    ) -> None:
        """`opened` are the fields of `block` whose values are open; `head` is what it says."""
        self.frame = frame
        self._head = head
        self._fixed_bytes = fixed_bytes
        self._parts: list[tuple[bytes, bytes | None]] = []
        """What stands before each open value, and the header that this is, if it is kept."""
        begin = 0
        for at in opened:
            place, name = places[at], names[at]
            self._parts.append((block[begin : place.value_at], name if name in head.headers else None))
            begin = place.end
        self._ending = block[begin:]
        opened_names = [names[at] for at in opened]
        self._length_at = opened_names.index(LENGTH) if LENGTH in opened_names else None

    def filled_in(self, block: bytes, bytes_max: int) -> RequestHead | None:
        """The head that a block is, if it has this form, and its fields are no larger than that."""
        method, target, headers, announced, field_count, expects = self._head
        headers = headers.copy()
        values = []
        size, at = self._fixed_bytes, 0
        try:
            for fixed, name in self._parts:
                if not block.startswith(fixed, at):
                    return None
                value, at = text_at(block, at + len(fixed))
                size += len(value)
                values.append(value)
                if name is not None:
                    headers[name] = value
            if size > bytes_max or block[at:] != self._ending:
                return None
            if values:
                check_values(values)
            if self._length_at is not None:
                announced = announced_length({values[self._length_at]})
        except (IndexError, ValueError):
            return None
        return _new_head(RequestHead, (method, target, headers, announced, field_count, expects))


class AlikeHeads:
    """The forms of the first blocks of all connections that keep the same headers."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._forms: dict[bytes, list[HeadForm]] = {}
        """By the first bytes of their blocks."""
        self._texts: dict[Frame, list[bytes | None]] = {}
        """The values of all blocks of a frame so far, coded; `None` where they differ."""

    def head(self, block: bytes, bytes_max: int) -> RequestHead | None:
        """The head that the first block of a connection is, if its form is known."""
        for form in self._forms.get(block[:ALIKE_BYTES], ()):
            head = form.filled_in(block, bytes_max)
            if head is not None:
                return head
        return None

    def learn(self, block: bytes, names: tuple[bytes, ...], values: list[bytes], head: RequestHead) -> None:
        """Find out what a block that was read has in common with one before."""
        places = field_places(block) if len(block) <= BLOCK_BYTES_MAX else None
        if places is None or len(set(names)) < len(names):
            return
        frame = tuple(
            block[begin : end if name in NEVER_OPEN else value_at]
            for (begin, value_at, end), name in zip(places, names, strict=True)
        )
        texts = [block[value_at:end] for _, value_at, end in places]
        before = self._texts.get(frame)
        if before is None:
            if len(self._texts) >= FRAMES_REMEMBERED:
                self._forget()
            self._texts[frame] = list(texts)
            return
        self._texts[frame] = [
            text if text == other else None for text, other in zip(texts, before, strict=True)
        ]
        opened = [at for at, text in enumerate(self._texts[frame]) if text is None]
        fixed_bytes = sum(map(len, names)) + sum(map(len, values)) + FIELD_OVERHEAD_BYTES * len(names)
        fixed_bytes -= sum(len(values[at]) for at in opened)
        form = HeadForm(frame, block, places, opened, names, head, fixed_bytes)
        others = [other for other in self._forms.get(block[:ALIKE_BYTES], ()) if other.frame != frame]
        self._forms[block[:ALIKE_BYTES]] = [form, *others][:FORMS_MAX]


@lru_cache
def alike_heads(_kept: frozenset[bytes] | None) -> AlikeHeads:
    """The forms of all connections that keep the same headers."""
    return AlikeHeads()
