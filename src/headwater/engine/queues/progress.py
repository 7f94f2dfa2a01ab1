"""What a queue has done with in one shard: a first position, and pages of single ones behind it.

Everything before `first` is done with: acknowledged, or past retention. What is acknowledged or a
dead letter from there on is in pages, each of `PAGE_POSITIONS` positions. So what was acknowledged in
order is one number, what was not is a bit, and one acknowledgement writes one small page.

    queue/<queue>/<log>          the first position
    queue/<queue>/<log>/<page>   [bits of the acknowledged ones, [[offset, first receive, receives], …],
                                  [[offset, delivery, change, timeout, first receive, receives], …]]

The last list has what was received and not settled since. One server alone keeps that in memory, and its
list is empty; servers that share queues tell each other by it.

Rules:
- positions need not be dense: what was never stored is never acknowledged either, and `first` passes it;
- for how long a record is hidden is counted by each server, from when it has come to know it: later than
  whoever has handed it out, so no difference of their clocks ends a visibility too soon;
- the number is written when a page has been left behind, with the page's removal: between two such
  writes the bits say the rest.

Refuses to know who acknowledges, and when a write is made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from headwater.engine.queues.key_kinds import KIND
from headwater.storage.interface import FIRST_VERSION

PAGE_POSITIONS = 4096
_FULL = (1 << PAGE_POSITIONS) - 1

Writes = dict[str, bytes | None]


class DeadLetter(NamedTuple):
    """A record that was set aside."""

    position: int
    first_receive_ms: int
    receives: int


class ReceivedState(NamedTuple):
    """A record that was received, and not settled since."""

    position: int
    delivery: int
    """The number of the latest delivery."""
    change: int
    """How often its visibility was changed since."""
    timeout_ms: int
    """For how long it is hidden from then on."""
    first_receive_ms: int
    receives: int


class Settlement(NamedTuple):
    """What one commit changes in a shard."""

    acknowledged: list[int]
    died: list[DeadLetter]
    restored: list[int]
    received: list[ReceivedState]

    def positions(self) -> list[int]:
        """Of every record that it is about."""
        positions = [*self.acknowledged, *self.restored]
        if self.died:
            positions += [letter.position for letter in self.died]
        if self.received:
            positions += [received.position for received in self.received]
        return positions

    def by_page(self) -> Mapping[int, Settlement]:
        """The parts of it that change one page each."""
        pages = {position // PAGE_POSITIONS for position in self.positions()}
        if len(pages) == 1:  # as nearly always
            return dict.fromkeys(pages, self)
        return {page: self._within(page * PAGE_POSITIONS) for page in pages}

    def _within(self, begin: int) -> Settlement:
        page = range(begin, begin + PAGE_POSITIONS)
        return Settlement(
            [position for position in self.acknowledged if position in page],
            [letter for letter in self.died if letter.position in page],
            [position for position in self.restored if position in page],
            [received for received in self.received if received.position in page],
        )


class _StoredPage(msgspec.Struct, frozen=True, array_like=True):
    acknowledged: bytes
    dead: list[tuple[int, int, int]] = []
    received: list[tuple[int, int, int, int, int, int]] = []


class _Page(NamedTuple):
    """What is known of the records of one page."""

    bits: int
    """Of the acknowledged positions."""
    dead: dict[int, DeadLetter]
    received: dict[int, ReceivedState]
    """Both by position."""


class Prepared(NamedTuple):
    """What one commit makes of a shard: nothing before it is done, `apply` afterwards."""

    writes: Writes
    pages: Mapping[int, _Page]
    """Those that change, as they are then."""
    left_behind: Collection[int]
    """Pages that are removed."""
    first: int | None
    """The number, if it is written."""


_page_decoder = msgspec.msgpack.Decoder(_StoredPage)
_first_decoder = msgspec.msgpack.Decoder(int)


class ProgressKey(NamedTuple):
    """The parts of a key of this module's."""

    queue_id: str
    log_id: int
    page: int | None
    """`None` for the key of the first position."""

    @classmethod
    def parse(cls, key: str) -> ProgressKey:
        """Raises `ValueError` for what is no such key."""
        kind, queue_id, log_id, *page = key.split("/")
        if kind != KIND or len(page) > 1:
            raise ValueError("it is no key of a queue's progress")
        return cls(queue_id, int(log_id, 16), int(page[0]) if page else None)

    def __str__(self) -> str:
        page = "" if self.page is None else f"/{self.page}"
        return f"{KIND}/{self.queue_id}/{self.log_id:016x}{page}"


class QueueProgress:
    """Of one queue and one log; as it is committed."""

    def __init__(self, queue_id: str, log_id: int, first: int = 0) -> None:
        self._key = str(ProgressKey(queue_id, log_id, None))
        """Of the number; the keys of the pages begin with it."""
        self.first = first
        """All before it is done with. Whoever knows that more is may raise it."""
        self._stored_first = first
        self._pages: dict[int, int] = {}
        """The bits of the acknowledged positions, by page."""
        self._dead: dict[int, dict[int, DeadLetter]] = {}
        """The dead letters, by page and position."""
        self._received: dict[int, dict[int, ReceivedState]] = {}
        """What was received, by page and position."""
        self._known_ms: dict[int, int] = {}
        """Since when that is known of what others have written, by position."""
        self._versions: dict[str, int] = {}
        """Of the keys that were loaded or written."""
        self._keys: set[str] = set()
        """What the store may hold."""

    def load(self, key: ProgressKey, value: bytes, version: int = 1, now_ms: int = 0) -> set[int]:
        """Take over what was written; of which records it says something new, which is known from now on.

        Raises `msgspec.MsgspecError`, `ValueError`.
        """
        self._keys.add(str(key))
        self._versions[str(key)] = version
        if key.page is None:
            self._stored_first = _first_decoder.decode(value)
            self.first = max(self.first, self._stored_first)
            return set()
        before = self._page(key.page)
        page = _page_decoder.decode(value)
        self._pages[key.page] = int.from_bytes(page.acknowledged, "little")
        self._dead.pop(key.page, None)
        self._received.pop(key.page, None)
        begin = key.page * PAGE_POSITIONS
        for offset, first_receive_ms, receives in page.dead:
            if not 0 <= offset < PAGE_POSITIONS:
                raise ValueError(f"it has a dead letter at {offset}")
            letter = DeadLetter(begin + offset, first_receive_ms, receives)
            self._dead.setdefault(key.page, {})[letter.position] = letter
        for offset, *rest in page.received:
            if not 0 <= offset < PAGE_POSITIONS:
                raise ValueError(f"it has a received record at {offset}")
            received = ReceivedState(begin + offset, *rest)
            self._received.setdefault(key.page, {})[received.position] = received
        changed = _difference(key.page, before, self._page(key.page))
        for position in changed:
            self._known_ms.pop(position, None)
        self._known_ms.update((position, now_ms) for position in changed if self.received_state(position))
        return changed

    def unload(self, key: ProgressKey) -> set[int]:
        """A key is gone from the store; of which records it said something."""
        self._keys.discard(str(key))
        self._versions.pop(str(key), None)
        if key.page is None:
            self._stored_first = 0
            return set()
        before = self._page(key.page)
        self._drop_page(key.page)
        return _difference(key.page, before, self._page(key.page))

    def _page(self, page: int) -> _Page:
        return _Page(self._pages.get(page, 0), self._dead.get(page, {}), self._received.get(page, {}))

    @property
    def keys(self) -> Collection[str]:
        """Every key that the store may hold."""
        return self._keys

    def is_done(self, position: int) -> bool:
        """Whether the record is done with."""
        if position < self.first:
            return True
        page, offset = divmod(position, PAGE_POSITIONS)
        bits = self._pages.get(page, 0)
        return bits.bit_length() > offset and bool(bits >> offset & 1)

    def may_have_done(self, begin: int, end: int) -> bool:
        """Whether there may be records that are done with from `begin` up to, not including, `end`."""
        if begin < self.first:
            return True
        page, offset = divmod(begin, PAGE_POSITIONS)
        if self._pages.get(page, 0).bit_length() > offset:
            return True
        last = (end - 1) // PAGE_POSITIONS
        return last > page and any(self._pages.get(other) for other in range(page + 1, last + 1))

    def next_open(self, position: int) -> int:
        """The first position from this one on that is not acknowledged; there may be no record at it."""
        position = max(position, self.first)
        while True:
            page, offset = divmod(position, PAGE_POSITIONS)
            bits = self._pages.get(page, 0)
            if bits.bit_length() <= offset:
                return position
            unset = (_FULL & ~bits) >> offset
            if unset:
                return position + (unset & -unset).bit_length() - 1
            position = (page + 1) * PAGE_POSITIONS

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Every dead letter, the oldest one first."""
        for page in sorted(self._dead):
            letters = self._dead[page]
            for position in sorted(letters):
                yield letters[position]

    def dead_letter(self, position: int) -> DeadLetter | None:
        """The dead letter at a position."""
        return self._dead.get(position // PAGE_POSITIONS, {}).get(position)

    def received_state(self, position: int) -> ReceivedState | None:
        """What the record at a position is, if it was received and not settled since."""
        return self._received.get(position // PAGE_POSITIONS, {}).get(position)

    def known_ms(self, position: int, now_ms: int) -> int:
        """Since when it is known that a record was received; since now, if nobody has said."""
        return self._known_ms.get(position, now_ms)

    def received(self) -> Iterator[ReceivedState]:
        """What was received and not settled since, of all that share the queue."""
        for page in self._received.values():
            yield from page.values()

    def end(self) -> int:
        """Behind the last record that it says anything about."""
        ends = [page * PAGE_POSITIONS + bits.bit_length() for page, bits in self._pages.items() if bits]
        ends += [letter.position + 1 for letter in self.dead_letters()]
        ends += [received.position + 1 for received in self.received()]
        return max(ends, default=0)

    def acknowledged_count(self, begin: int, end: int) -> int:
        """How many positions from `begin` up to, not including, `end` are acknowledged one by one."""
        count = 0
        for page, bits in self._pages.items():
            low = max(begin - page * PAGE_POSITIONS, 0)
            high = min(end - page * PAGE_POSITIONS, PAGE_POSITIONS)
            if low < high:
                count += ((bits >> low) & ((1 << (high - low)) - 1)).bit_count()
        return count

    def has_stale_pages(self) -> bool:
        """Whether pages were left behind that the store still has."""
        return any(page < self.first // PAGE_POSITIONS for page in self._all_pages())

    def prepared(self, settlement: Settlement) -> Prepared:
        """What to write for this change; nothing is changed here. The keys count as written from now on."""
        writes: Writes = {}
        first_page, first = self.first // PAGE_POSITIONS, None
        pages = {page: self._page_after(page, part) for page, part in settlement.by_page().items()}
        for page, after in pages.items():
            if page >= first_page:
                writes[self._page_key(page)] = _encoded(page, after)
        left_behind = [page for page in self._all_pages() if page < first_page]
        writes.update(dict.fromkeys(map(self._page_key, left_behind)))
        if first_page > self._stored_first // PAGE_POSITIONS:
            first = self.first
            writes[self._key] = msgspec.msgpack.encode(first)
        self._keys.update(writes)
        return Prepared(writes, pages, left_behind, first)

    def expected_of(self, writes: Writes) -> dict[str, int]:
        """The versions from which `writes` were made: others may write the same keys."""
        return {key: self._versions.get(key, 0) for key in writes}

    def apply(self, settlement: Settlement, prepared: Prepared, made: int = FIRST_VERSION) -> None:
        """The change is committed: what `prepared` gave is what the store has; new keys as `made`."""
        for page, after in prepared.pages.items():
            self._show_page(page, after)
        for key in prepared.writes:
            before = self._versions.get(key)
            self._versions[key] = before + 1 if before else made
        for page in prepared.left_behind:
            key = self._page_key(page)
            self._keys.discard(key)
            del self._versions[key]
            self._drop_page(page)
        if prepared.first is not None:
            self._stored_first = prepared.first
        self._forget_when_known(settlement)

    def _show_page(self, page: int, after: _Page) -> None:
        self._pages[page], self._dead[page], self._received[page] = after
        if not after.dead:
            del self._dead[page]
        if not after.received:
            del self._received[page]

    def _forget_when_known(self, settlement: Settlement) -> None:
        """What is written from here is known from the commit on."""
        if not self._known_ms:  # as where one server alone hands out
            return
        for position in settlement.positions():
            self._known_ms.pop(position, None)

    def _drop_page(self, page: int) -> None:
        for position in self._received.get(page, ()):
            self._known_ms.pop(position, None)
        self._pages.pop(page, None)
        self._dead.pop(page, None)
        self._received.pop(page, None)

    def _all_pages(self) -> set[int]:
        return {*self._pages, *self._dead, *self._received}

    def _page_after(self, page: int, settlement: Settlement) -> _Page:
        """The page after a change that is of this page alone."""
        bits = self._pages.get(page, 0) | _bits_of(settlement.acknowledged, page * PAGE_POSITIONS)
        dead, received = dict(self._dead.get(page, ())), dict(self._received.get(page, ()))
        for letter in settlement.died:
            dead[letter.position] = letter
            received.pop(letter.position, None)
        for position in (*settlement.acknowledged, *settlement.restored) if dead or received else ():
            dead.pop(position, None)
            received.pop(position, None)
        if settlement.received:
            received.update((each.position, each) for each in settlement.received)
        return _Page(bits, dead, received)

    def _page_key(self, page: int) -> str:
        return f"{self._key}/{page}"


def _bits_of(positions: Collection[int], begin: int) -> int:
    """A bit for each position, counted from `begin`."""
    low = min(positions, default=begin)  # those of one commit lie together: small numbers, moved once
    bits = 0
    for position in positions:
        bits |= 1 << (position - low)
    return bits << (low - begin)


def _difference(page: int, before: _Page, after: _Page) -> set[int]:
    """The positions of which two values of a page say different things."""
    found: set[int] = set()
    bits = before.bits ^ after.bits
    while bits:
        lowest = bits & -bits
        found.add(page * PAGE_POSITIONS + lowest.bit_length() - 1)
        bits ^= lowest
    for one, other in ((before.dead, after.dead), (before.received, after.received)):
        found.update(
            position for position in one.keys() | other.keys() if one.get(position) != other.get(position)
        )
    return found


def _encoded(page: int, of_page: _Page) -> bytes:
    begin = page * PAGE_POSITIONS
    acknowledged = of_page.bits.to_bytes((of_page.bits.bit_length() + 7) // 8, "little")
    letters = [
        (position - begin, first_ms, receives) for position, first_ms, receives in of_page.dead.values()
    ]
    received = [(position - begin, *rest) for position, *rest in of_page.received.values()]
    return msgspec.msgpack.encode((acknowledged, letters, received))
