"""How many bytes of data and keys lie between two positions of a log, without looking at the records.

To find the size of a record in what a store gives back takes almost half a microsecond, as much as all
the rest of reading it, or a whole one if it is no usual record. When it is appended its size is known. So
there is a mark every few records: a position, and the size of all before it. What lies between two marks is
a difference; only the records outside of them are looked at.

Marks are kept in memory only, for what this process has appended, and `MARKS_MAX` for each
log at most: then every second of the older half goes. What has no marks is looked at; what was looked at
together is kept for the next readers, as records never change.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate

from headwater.model.record import size_of_all
from headwater.storage.interface import Run

MARK_RECORDS = 8
"""The number of records between two marks, or more after a larger append."""
MARKS_MAX = 16_384
"""Of one log: 256 KiB."""
LOOKED_AT_MAX = 4_096
"""Runs of all logs whose size is kept; the oldest goes first."""


class _LogSize:
    __slots__ = ("mark_at", "next", "positions", "size", "sizes")

    def __init__(self, position: int) -> None:
        """Know nothing of what lies before a position."""
        self.positions = array("Q", (position,))
        self.sizes = array("Q", (0,))
        self.next = position
        self.size = 0
        self.mark_at = position + MARK_RECORDS

    def grow(self, totals: Sequence[int]) -> None:
        """Take in records, by the size of the log after each of them."""
        first = self.next + 1
        skipped = self.mark_at - first
        self.next += len(totals)
        self.size = totals[-1]
        if self.next < self.mark_at:
            return
        self.positions.extend(range(first + skipped, self.next + 1, MARK_RECORDS))
        self.sizes.extend(totals[skipped::MARK_RECORDS])
        self._marked()

    def grow_by(self, count: int, size: int) -> None:
        """Take in records of which only the size of all is known."""
        self.next += count
        self.size += size
        if self.next >= self.mark_at:
            self.positions.append(self.next)
            self.sizes.append(self.size)
            self._marked()

    def _marked(self) -> None:
        self.mark_at = self.positions[-1] + MARK_RECORDS
        while len(self.positions) > MARKS_MAX:
            del self.positions[1 : MARKS_MAX // 2 : 2]
            del self.sizes[1 : MARKS_MAX // 2 : 2]


class LogSizes:
    """The sizes of all logs."""

    def __init__(self) -> None:
        self._latest: defaultdict[int, dict[int, int]] = defaultdict(dict)
        """By log and position, the sizes of records that were appended alone and are not in `_logs` yet."""
        self._logs: dict[int, _LogSize] = {}
        self._looked_at: dict[tuple[int, int, int], int] = {}
        """The sizes of runs by log, first position, and how many records they have."""

    def grew_by_one(self, log_id: int, position: int, size: int) -> None:
        """Count a record of `size` bytes that was appended at a position."""
        self._latest[log_id][position] = size

    def grew(self, log_id: int, position: int, count: int, size: int) -> None:
        """Count records of `size` bytes in all that were appended at a position."""
        self._take_in(log_id)
        self._log_at(log_id, position).grow_by(count, size)

    def gather(self) -> None:
        """Take in the latest sizes. Called often, so that they do not pile up."""
        for log_id in tuple(self._latest):
            self._take_in(log_id)

    def size_of(self, log_id: int, runs: Sequence[Run]) -> int:
        """Data and keys of records that follow one another in the log, in bytes."""
        if not runs:
            return 0
        # 1. A short span is counted record by record: that costs less than finding marks.
        first_position, next_position = runs[0].position, runs[-1].position + len(runs[-1].payloads)
        if next_position - first_position <= MARK_RECORDS:
            return self._size(log_id, runs)
        # 2. Whatever appending has left since becomes marks; a log without any is counted, too.
        self._take_in(log_id)
        log = self._logs.get(log_id)
        if log is None:
            return self._size(log_id, runs)
        # 3. The first and the last mark inside the span; between them the sizes are a difference.
        first = bisect_left(log.positions, first_position)
        last = bisect_right(log.positions, next_position) - 1
        if first >= last:
            return self._size(log_id, runs)
        marked = log.sizes[last] - log.sizes[first]
        # 4. Only the records before the first and after the last mark are looked at.
        before, after = _before(runs, log.positions[first]), _from(runs, log.positions[last])
        return marked + self._size(log_id, before) + self._size(log_id, after)

    def _size(self, log_id: int, runs: Iterable[Run]) -> int:
        """Of records that may have been looked at before."""
        total = 0
        for position, _, payloads in runs:
            count = len(payloads)
            if count <= MARK_RECORDS:
                total += size_of_all(payloads)
                continue
            key = log_id, position, count
            size = self._looked_at.get(key)
            if size is None:
                if len(self._looked_at) >= LOOKED_AT_MAX:
                    del self._looked_at[next(iter(self._looked_at))]
                size = self._looked_at[key] = size_of_all(payloads)
            total += size
        return total

    def appended(self, log_id: int) -> int:
        """The bytes of what this process has appended to a log, as far as it knows."""
        self._take_in(log_id)
        log = self._logs.get(log_id)
        return 0 if log is None else log.size

    def forget(self, log_ids: Iterable[int]) -> None:
        """These logs are gone."""
        for log_id in log_ids:
            self._logs.pop(log_id, None)
            self._latest.pop(log_id, None)

    def _take_in(self, log_id: int) -> None:
        if log_id not in self._latest:
            return
        sizes = self._latest.pop(log_id)
        positions = tuple(sizes)
        if positions[-1] - positions[0] == len(positions) - 1:
            log = self._log_at(log_id, positions[0])
            totals = accumulate(sizes.values(), initial=log.size)
            next(totals)
            log.grow(tuple(totals))
            return
        for position, size in sizes.items():
            self._log_at(log_id, position).grow_by(1, size)

    def _log_at(self, log_id: int, position: int) -> _LogSize:
        """The sizes of a log that ends at a position; new ones, if other records came in between."""
        log = self._logs.get(log_id)
        if log is None or log.next != position:
            log = self._logs[log_id] = _LogSize(position)
        return log


def _before(runs: Sequence[Run], end: int) -> list[Run]:
    """The part of the runs before a position."""
    found = []
    for run in runs:
        if run.position >= end:
            break
        found.append(run._replace(payloads=run.payloads[: end - run.position]))
    return found


def _from(runs: Sequence[Run], begin: int) -> list[Run]:
    """The part of the runs from a position on; the last run first."""
    found = []
    for run in reversed(runs):
        if run.position + len(run.payloads) <= begin:
            break
        found.append(run._replace(payloads=run.payloads[max(begin - run.position, 0) :]))
    return found
