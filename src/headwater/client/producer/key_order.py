"""The order of records by partition key: as they were put.

Each key has a line. A record may go when it is the first in the line of its key; an
aggregate, when it is the first in the lines of all its keys. It stays there until its
outcome is known, through every attempt, so the next of its key is never sent before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from headwater.client.producer.aggregation import Put


class KeyOrder:
    """The waiting lines of all keys that have a record under way."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Put]] = {}

    def enter(self, put: Put) -> bool:
        """Add a record to the lines of its keys; whether it may be sent now, or `leave` gives it later."""
        put.blocked_by = 0
        for key in put.partition_keys():
            line = self._lines.get(key)
            if line is None:
                self._lines[key] = deque((put,))
            else:
                line.append(put)
                put.blocked_by += 1
        return put.blocked_by == 0

    def leave(self, put: Put) -> list[Put]:
        """Remove a record that has its outcome from its lines; the records that may be sent now."""
        freed: list[Put] = []
        for key in put.partition_keys():
            line = self._lines[key]
            line.popleft()
            if not line:
                del self._lines[key]
                continue
            line[0].blocked_by -= 1
            if line[0].blocked_by == 0:
                freed.append(line[0])
        return freed

    def replace(self, put: Put, others: Sequence[Put]) -> list[Put]:
        """Replace an aggregate, first in its lines, by others with the same user records.

        Returns those that may be sent now.
        """
        # 1. The others wait for no record yet.
        for other in others:
            other.blocked_by = 0
        for key in put.partition_keys():
            # 2. In each line of the aggregate they take its place, in their order.
            line = self._lines[key]
            line.popleft()
            first, *behind = [other for other in others if key in other.partition_keys()]
            # 3. In each line all but the first wait for the one before them.
            for other in behind:
                other.blocked_by += 1
            line.extendleft((*reversed(behind), first))
        # 4. Those that are first in all their lines may be sent.
        return [other for other in others if other.blocked_by == 0]

    def waiting(self) -> Iterator[Put]:
        """All records in lines; one that is in several comes several times."""
        for line in self._lines.values():
            yield from line
