"""The records of a queue that are on their way: handed out, visible again, or set aside.

A record is tracked from the moment it is handed out until it is acknowledged or past retention; a
dead letter as long as it is one. What only waits is not tracked: it lies behind its shard's cursor. So
memory follows what is in flight.

    visible ─ receive ─► in flight ─ show ─► visible       visible, in flight ─ settle ─► settling
    settling ─ show ─► visible (a dead letter now, or no more)    settling ─ give back ─► in flight
    visible, in flight, settling ─ learn ─► in flight             settling ─ settle ─► settling (the same)
    every phase ─ end ─► over

Rules:
- a tracked record is handed out by who takes it from `next_visible`, and by nobody else;
- what is visible is found in a line, in which a record has an entry for each time it was shown; an entry
  that is not the record's present one says nothing;
- a record in flight is noted under the time when its visibility ends, and no other record is: so nothing
  that is acknowledged stays in memory, however long its visibility was. A heap has these times, and some
  at which nothing ends any more, but never many more than there are others;
- a record in flight is found by its latest handle, where one server alone hands out.

Refuses to know stores, requests, and why a record is settled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Literal

from headwater.engine.queues.progress import QueueProgress, ReceivedState
from headwater.model.transitions import transitions

Phase = Literal[
    "visible",  # whoever receives next may get it
    "in flight",  # handed out, and its visibility timeout runs
    "settling",  # a commit is to make it acknowledged, a dead letter, or none
    "over",
]

PHASES: dict[str, dict[Phase, Phase]] = {
    "receive": {"visible": "in flight"},
    "show": {"in flight": "visible", "settling": "visible", "visible": "visible"},
    "settle": {"in flight": "settling", "visible": "settling", "settling": "settling"},
    "give back": {"settling": "in flight"},
    "learn": {"visible": "in flight", "in flight": "in flight", "settling": "in flight"},
    "end": {"visible": "over", "in flight": "over", "settling": "over"},
}
"""Event → phase before → phase after. What is not here cannot happen."""

_phases = transitions(PHASES)
_received = _phases["receive"]

NOT_DELIVERED = 0
"""In place of a delivery's number: the record was not handed out since the server started."""
_SPARE = 1_024
"""So many entries of a heap that mean nothing are never too many."""


class TrackedRecord:
    """One record of a queue."""

    __slots__ = (
        "arrival_ms",
        "change",
        "delivery",
        "first_receive_ms",
        "handle",
        "is_dead",
        "phase",
        "position",
        "receives",
        "shard",
        "shown",
        "visible_ms",
    )

    def __init__(self, shard: ShardTracking, position: int, arrival_ms: int | None) -> None:
        self.shard = shard
        self.position = position
        self.arrival_ms = arrival_ms
        """`None` for one that was not read since the server started."""
        self.delivery = NOT_DELIVERED
        """The number of the latest delivery."""
        self.handle = ""
        """The receipt handle of the latest delivery; empty before one, and where servers share the queue."""
        self.change = 0
        """How often its visibility was changed since, where servers share the queue."""
        self.receives = 0
        self.first_receive_ms: int | None = None
        self.visible_ms = 0
        """When its visibility timeout ends, while it is in flight."""
        self.is_dead = False
        """Whether it is a dead letter."""
        self.phase: Phase = "visible"
        self.shown = 0
        """The number of its present entry among the visible ones."""

    @property
    def record_id(self) -> str:
        """What it is called in every delivery and queue; ids are in the order of logs and positions."""
        return f"{self.shard.record_ids}{self.position:016x}"


class ShardTracking:
    """What one shard has on its way, and where its waiting records begin."""

    __slots__ = ("_lowest", "cursor", "index", "log_id", "progress", "record_ids", "records")

    def __init__(self, index: int, log_id: int, progress: QueueProgress) -> None:
        self.index = index
        self.log_id = log_id
        self.record_ids = f"{log_id:016x}"
        """What the ids of its records begin with."""
        self.progress = progress
        self.cursor = progress.first
        """No record before it waits, but for the tracked ones."""
        self.records: dict[int, TrackedRecord] = {}
        self._lowest: list[int] = []
        """A heap of the tracked positions, and of some that are tracked no more."""

    def track(self, position: int, arrival_ms: int | None) -> TrackedRecord:
        """Track one more record, which nobody can receive until it is shown."""
        (record,) = self._track((position,), arrival_ms)
        return record

    def claim(self, begin: int, end: int, arrival_ms: int) -> list[TrackedRecord]:
        """Track what waits from `begin` up to, not including, `end`, and go on behind it."""
        waiting: Sequence[int] = range(max(begin, self.cursor), end)
        if not self.records.keys().isdisjoint(waiting):
            waiting = [position for position in waiting if position not in self.records]
        if self.progress.may_have_done(begin, end):
            waiting = [position for position in waiting if not self.progress.is_done(position)]
        self.cursor = max(self.cursor, end)
        return self._track(waiting, arrival_ms)

    def _track(self, positions: Sequence[int], arrival_ms: int | None) -> list[TrackedRecord]:
        records = [TrackedRecord(self, position, arrival_ms) for position in positions]
        self.records.update(zip(positions, records, strict=True))
        lowest = self._lowest
        for position in positions:
            heappush(lowest, position)
        if len(lowest) > 2 * len(self.records) + _SPARE:
            self._lowest = sorted(self.records)
        return records

    def next_open(self) -> int:
        """From where on there may be records that wait."""
        position = self.progress.next_open(self.cursor)
        while position in self.records:
            position = self.progress.next_open(position + 1)
        return position

    def raise_first(self) -> None:
        """Let the progress begin at the first record that is tracked or waits."""
        lowest = self._lowest
        while lowest and lowest[0] not in self.records:
            heappop(lowest)
        first = min(lowest[0], self.cursor) if lowest else self.cursor
        self.progress.first = max(self.progress.first, first)


_Shown = tuple[int, TrackedRecord]
"""A number that tells entries apart, and the record."""


class Tracking:
    """The records of all shards of a queue."""

    def __init__(self) -> None:
        self.shards: dict[int, ShardTracking] = {}
        """By log."""
        self._visible: tuple[deque[_Shown], deque[_Shown]] = (deque(), deque())
        """Who may be received, and dead letters that may; and some of which that is true no more."""
        self._entries = count()
        self._by_handle: dict[str, TrackedRecord] = {}
        """What is in flight, by its latest handle."""
        self._ending: dict[int, dict[TrackedRecord, None]] = {}
        """The records in flight whose visibility ends at a time; there is one at least."""
        self._end_times: list[int] = []
        """A heap of these times, and of some more."""
        self._in_flight = [0, 0]
        """Records that somebody has, and dead letters."""

    @property
    def in_flight(self) -> int:
        """Records, without dead letters, that somebody has."""
        return self._in_flight[False]

    def of_handles(self, handles: Iterable[str]) -> list[TrackedRecord | None]:
        """For each handle the record of which it is the latest one, if that is in flight."""
        return list(map(self._by_handle.get, handles))

    def records(self) -> Iterator[TrackedRecord]:
        """Everything that is tracked."""
        for shard in self.shards.values():
            yield from shard.records.values()

    def next_visible(self, *, is_dead: bool) -> TrackedRecord | None:
        """The record that became visible first, for the caller to hand out, to show again, or to end."""
        visible = self._visible[is_dead]
        while visible:
            shown, record = visible.popleft()
            if record.shown == shown and record.phase == "visible" and record.is_dead is is_dead:
                return record
        return None

    def _move(self, records: Iterable[TrackedRecord], event: str) -> None:
        """What leaves "in flight" does so here; what comes to it, goes on in `_fly`."""
        leads, in_flight, by_handle = _phases[event], self._in_flight, self._by_handle
        landed = []
        for record in records:
            before, record.phase = record.phase, leads[record.phase]
            if before == "in flight":
                in_flight[record.is_dead] -= 1
                by_handle.pop(record.handle, None)
                landed.append(record)
        if landed:
            self._unnote_ends(landed)

    def _unnote_ends(self, records: Iterable[TrackedRecord]) -> None:
        all_ending = self._ending
        for record in records:
            ending = all_ending.get(record.visible_ms)
            if ending is not None:
                ending.pop(record, None)
                if not ending:
                    del all_ending[record.visible_ms]

    def _fly(self, record: TrackedRecord, visible_ms: int) -> None:
        self._in_flight[record.is_dead] += 1
        if record.handle:
            self._by_handle[record.handle] = record
        record.visible_ms = visible_ms
        self._ending_at(visible_ms)[record] = None

    def _ending_at(self, visible_ms: int) -> dict[TrackedRecord, None]:
        """What ends at a time, for one more at least."""
        ending = self._ending.get(visible_ms)
        if ending is None:
            ending = self._ending[visible_ms] = {}
            heappush(self._end_times, visible_ms)
            if len(self._end_times) > 2 * len(self._ending) + _SPARE:
                self._end_times = sorted(self._ending)
        return ending

    def settle(self, records: Iterable[TrackedRecord]) -> None:
        """A commit is to decide about them."""
        self._move(records, "settle")

    def hand_out(
        self,
        records: Collection[TrackedRecord],
        deliveries: Sequence[int],
        handles: Sequence[str],
        now_ms: int,
        visible_ms: int,
        *,
        is_dead: bool,
    ) -> None:
        """They were received, all of them as dead letters or none. A delivery has a number and a handle."""
        for record, delivery, handle in zip(records, deliveries, handles, strict=True):
            record.phase = _received[record.phase]  # `_move` and `_fly`, written out for all of a call
            record.delivery, record.handle, record.visible_ms = delivery, handle, visible_ms
            record.receives += 1
            if record.first_receive_ms is None:
                record.first_receive_ms = now_ms
        self._in_flight[is_dead] += len(records)
        self._by_handle.update(zip(handles, records, strict=True))
        if records:
            self._ending_at(visible_ms).update(dict.fromkeys(records))

    def hide_until(self, record: TrackedRecord, visible_ms: int) -> None:
        """While it is in flight: its visibility timeout ends then."""
        self._unnote_ends((record,))
        record.visible_ms = visible_ms
        self._ending_at(visible_ms)[record] = None

    def learn(self, record: TrackedRecord, state: ReceivedState, known_ms: int) -> None:
        """The store has it that it was received, or hidden anew; it is in flight from when that is known."""
        self._move((record,), "learn")
        record.delivery, record.handle, record.change = state.delivery, "", state.change
        record.receives, record.first_receive_ms = state.receives, state.first_receive_ms
        self._fly(record, known_ms + state.timeout_ms)

    def postpone(self, record: TrackedRecord) -> None:
        """It cannot be handed out at the moment: it counts as in flight until somebody looks what is due."""
        self._move((record,), "learn")
        record.handle = ""
        self._fly(record, 0)

    def become(self, record: TrackedRecord, *, is_dead: bool) -> None:
        """The store has it that it is a dead letter, or none; for the caller to show, or to `learn` about."""
        self._move((record,), "show")
        record.is_dead = is_dead

    def is_due(self, now_ms: int) -> bool:
        """Whether there may be any that `due` would give."""
        return bool(self._end_times) and self._end_times[0] <= now_ms

    def due(self, now_ms: int) -> Iterator[TrackedRecord]:
        """The records in flight whose visibility has ended, for the caller to show or to settle."""
        while self.is_due(now_ms):
            yield from self._ending.pop(heappop(self._end_times), ())

    def show(self, record: TrackedRecord) -> None:
        """Whoever receives next may have it, as a dead letter if it is one."""
        self._move((record,), "show")
        record.shown = next(self._entries)
        self._visible[record.is_dead].append((record.shown, record))

    def give_back(self, record: TrackedRecord) -> None:
        """It was not settled: it is as it was, in flight until its visibility ends."""
        self._move((record,), "give back")
        self._fly(record, record.visible_ms)

    def end(self, records: Sequence[TrackedRecord]) -> None:
        """They are acknowledged, or past retention."""
        self._move(records, "end")
        for record in records:
            tracked = record.shard.records
            if tracked.get(record.position) is record:
                del tracked[record.position]

    def drop_shard(self, log_id: int) -> None:
        """The shard is gone with its records."""
        shard = self.shards.pop(log_id)
        self.end(tuple(shard.records.values()))
