"""What a queue has done with in one shard: a first position, and pages of single ones behind it.

Everything before `first` is done with: acknowledged, or past retention. What is acknowledged or a
dead letter from there on is in pages, each of `PAGE_POSITIONS` positions. So what was acknowledged in
order is one number, what was not is a bit, and one acknowledgement writes one small page.

    queue/<queue>/<log>          the first position
    queue/<queue>/<log>/<page>   [bits of the acknowledged ones, [[offset, first receive, receives], …]]

Rules:
- positions need not be dense: what was never stored is never acknowledged either, and `first` passes it;
- the number is written when a page has been left behind, with the page's removal: between two such
  writes the bits say the rest.

Refuses to know who acknowledges, and when a write is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import msgspec

KIND = "queue"
PAGE_POSITIONS = 4096
_FULL = (1 << PAGE_POSITIONS) - 1

Writes = dict[str, bytes | None]


class DeadLetter(NamedTuple):
    """A record that was set aside."""

    position: int
    first_receive_ms: int
    receives: int


class Settlement(NamedTuple):
    """What one commit changes in a shard."""

    acknowledged: list[int]
    died: list[DeadLetter]
    restored: list[int]


class _Page(NamedTuple):
    """What there is to say of a page."""

    acknowledged: int
    """A bit for each position."""
    dead: dict[int, DeadLetter]


class PlannedProgress(NamedTuple):
    """What `QueueProgress.plan` would change."""

    writes: Writes
    """For the store."""
    pages: dict[int, _Page]
    """How they are then."""
    left_behind: list[int]
    """Pages of which nothing need be kept."""
    first: int | None
    """The first position, where it is written."""


class _StoredPage(msgspec.Struct, frozen=True, array_like=True):
    acknowledged: bytes
    dead: list[tuple[int, int, int]] = []


_encode = msgspec.msgpack.Encoder().encode
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
        self._queue_id = queue_id
        self._log_id = log_id
        self.first = first
        """All before it is done with. Whoever knows that more is may raise it."""
        self._stored_first = first
        self._pages: dict[int, int] = {}
        """The bits of the acknowledged positions, by page."""
        self._dead: dict[int, dict[int, DeadLetter]] = {}
        """The dead letters, by page and position."""
        self._keys: set[str] = set()
        """What the store may hold."""

    def load(self, key: ProgressKey, value: bytes) -> None:
        """Take over what was written. Raises `msgspec.MsgspecError`, `ValueError`."""
        self._keys.add(str(key))
        if key.page is None:
            self._stored_first = _first_decoder.decode(value)
            self.first = max(self.first, self._stored_first)
            return
        page = _page_decoder.decode(value)
        self._pages[key.page] = int.from_bytes(page.acknowledged, "little")
        self._dead.pop(key.page, None)
        begin = key.page * PAGE_POSITIONS
        for offset, first_receive_ms, receives in page.dead:
            if not 0 <= offset < PAGE_POSITIONS:
                raise ValueError(f"it has a dead letter at {offset}")
            letter = DeadLetter(begin + offset, first_receive_ms, receives)
            self._dead.setdefault(key.page, {})[letter.position] = letter

    def unload(self, key: ProgressKey) -> None:
        """A key is gone from the store."""
        self._keys.discard(str(key))
        if key.page is None:
            self._stored_first = 0
            return
        self._pages.pop(key.page, None)
        self._dead.pop(key.page, None)

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

    def end(self) -> int:
        """Behind the last record that it says anything about."""
        ends = [page * PAGE_POSITIONS + bits.bit_length() for page, bits in self._pages.items() if bits]
        ends += [letter.position + 1 for letter in self.dead_letters()]
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
        return any(page < self.first // PAGE_POSITIONS for page in (*self._pages, *self._dead))

    def plan(self, settlement: Settlement) -> PlannedProgress:
        """What to write for this change; nothing is changed here. The keys count as written from now on."""
        first_page = self.first // PAGE_POSITIONS
        pages = {
            page: self._page_after(page, of_page)
            for page, of_page in _by_page(settlement).items()
            if page >= first_page
        }
        left_behind = [page for page in {*self._pages, *self._dead} if page < first_page]
        writes: Writes = {self._page_key(page): _encoded(page, after) for page, after in pages.items()}
        writes.update(dict.fromkeys(map(self._page_key, left_behind)))
        first = self.first if first_page > self._stored_first // PAGE_POSITIONS else None
        if first is not None:
            writes[str(ProgressKey(self._queue_id, self._log_id, None))] = _encode(first)
        self._keys.update(writes)
        return PlannedProgress(writes, pages, left_behind, first)

    def apply(self, planned: PlannedProgress) -> None:
        """What was planned is committed."""
        for page, after in planned.pages.items():
            self._pages[page] = after.acknowledged
            if after.dead:
                self._dead[page] = after.dead
            else:
                self._dead.pop(page, None)
        for page in planned.left_behind:
            self._keys.discard(self._page_key(page))
            self._pages.pop(page, None)
            self._dead.pop(page, None)
        if planned.first is not None:
            self._stored_first = planned.first

    def _page_after(self, page: int, settlement: Settlement) -> _Page:
        begin = page * PAGE_POSITIONS
        acknowledged = self._pages.get(page, 0) | _bits_of(settlement.acknowledged, begin)
        dead = self._dead.get(page, {})
        if dead or settlement.died:
            ended = {*settlement.acknowledged, *settlement.restored}
            letters = [*dead.values(), *settlement.died]
            dead = {letter.position: letter for letter in letters if letter.position not in ended}
        return _Page(acknowledged, dead)

    def _page_key(self, page: int) -> str:
        return str(ProgressKey(self._queue_id, self._log_id, page))


def _by_page(settlement: Settlement) -> dict[int, Settlement]:
    """The same change, sorted out by pages."""
    pages: defaultdict[int, Settlement] = defaultdict(lambda: Settlement([], [], []))
    for position in settlement.acknowledged:
        pages[position // PAGE_POSITIONS].acknowledged.append(position)
    for letter in settlement.died:
        pages[letter.position // PAGE_POSITIONS].died.append(letter)
    for position in settlement.restored:
        pages[position // PAGE_POSITIONS].restored.append(position)
    return pages


def _bits_of(positions: Sequence[int], begin: int) -> int:
    """A bit for each position, counted from `begin`."""
    if not positions:
        return 0
    low = min(positions)  # those of one commit lie together: small numbers, moved once
    bits = 0
    for position in positions:
        bits |= 1 << (position - low)
    return bits << (low - begin)


def _encoded(page: int, content: _Page) -> bytes:
    begin = page * PAGE_POSITIONS
    letters = [
        (position - begin, first_ms, receives) for position, first_ms, receives in content.dead.values()
    ]
    bits = content.acknowledged
    return _encode(_StoredPage(bits.to_bytes((bits.bit_length() + 7) // 8, "little"), letters))
