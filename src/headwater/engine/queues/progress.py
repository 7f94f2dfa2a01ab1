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

from collections.abc import Collection, Iterator
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

    acknowledged: Collection[int]
    died: Collection[DeadLetter]
    restored: Collection[int]


class _StoredPage(msgspec.Struct, frozen=True, array_like=True):
    acknowledged: bytes
    dead: list[tuple[int, int, int]] = []


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
        page, offset = divmod(position, PAGE_POSITIONS)
        return position < self.first or bool(self._pages.get(page, 0) >> offset & 1)

    def next_open(self, position: int) -> int:
        """The first position from this one on that is not acknowledged; there may be no record at it."""
        position = max(position, self.first)
        while True:
            page, offset = divmod(position, PAGE_POSITIONS)
            unset = (_FULL & ~self._pages.get(page, 0)) >> offset
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

    def writes_of(self, settlement: Settlement) -> Writes:
        """What to write for this change; nothing is changed here. The keys count as written from now on."""
        writes: Writes = {}
        first_page = self.first // PAGE_POSITIONS
        for page in self._touched(settlement):
            if page >= first_page:
                bits, dead = self._page_after(page, settlement)
                writes[self._page_key(page)] = _encoded(page, bits, dead)
        stale = [page for page in {*self._pages, *self._dead} if page < first_page]
        writes.update(dict.fromkeys(map(self._page_key, stale)))
        if first_page > self._stored_first // PAGE_POSITIONS:
            writes[str(ProgressKey(self._queue_id, self._log_id, None))] = msgspec.msgpack.encode(self.first)
        self._keys.update(writes)
        return writes

    def apply(self, settlement: Settlement, writes: Writes) -> None:
        """The change is committed: what `writes_of` gave is what the store has."""
        for page in self._touched(settlement):
            self._pages[page], self._dead[page] = self._page_after(page, settlement)
        for key, value in writes.items():
            of_page = ProgressKey.parse(key).page
            if value is None:
                self._keys.discard(key)
                assert of_page is not None, "the number is written, never removed"
                self._pages.pop(of_page, None)
                self._dead.pop(of_page, None)
            elif of_page is None:
                self._stored_first = _first_decoder.decode(value)
        for page in [page for page, letters in self._dead.items() if not letters]:
            del self._dead[page]

    def _touched(self, settlement: Settlement) -> set[int]:
        touched = {position // PAGE_POSITIONS for position in settlement.acknowledged}
        touched.update(letter.position // PAGE_POSITIONS for letter in settlement.died)
        touched.update(position // PAGE_POSITIONS for position in settlement.restored)
        return touched

    def _page_after(self, page: int, settlement: Settlement) -> tuple[int, dict[int, DeadLetter]]:
        begin = page * PAGE_POSITIONS
        end = begin + PAGE_POSITIONS
        bits = self._pages.get(page, 0)
        dead = dict(self._dead.get(page, ()))
        dead.update((letter.position, letter) for letter in settlement.died if begin <= letter.position < end)
        for position in settlement.acknowledged:
            if begin <= position < end:
                bits |= 1 << (position - begin)
                dead.pop(position, None)
        for position in settlement.restored:
            dead.pop(position, None)
        return bits, dead

    def _page_key(self, page: int) -> str:
        return str(ProgressKey(self._queue_id, self._log_id, page))


def _encoded(page: int, bits: int, dead: dict[int, DeadLetter]) -> bytes:
    begin = page * PAGE_POSITIONS
    letters = [(position - begin, first_ms, receives) for position, first_ms, receives in dead.values()]
    acknowledged = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    return msgspec.msgpack.encode(_StoredPage(acknowledged, letters))
