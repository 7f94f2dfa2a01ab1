"""Records of one partition key in the order in which they were put.

Each key has a line. A record may go when it is the first in the line of its key; an
aggregate, when it is the first in the lines of all its keys. It stays there until its
outcome is known, through every attempt, so the next of its key is never sent before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from headwater.client.producer.aggregation import Put


class KeyOrder:
    """The lines of all keys that have a record on its way."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Put]] = {}

    def enter(self, put: Put) -> bool:
        """Whether it may go now; if not, `leave` gives it when it may."""
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
        """What may go now that this has its outcome; it was the first in its lines."""
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
        """Let others stand in its place: it is the first in its lines, and they have its user records.

        Gives those that may go now.
        """
        # 1. None of them waits for anybody yet.
        for other in others:
            other.blocked_by = 0
        for key in put.partition_keys():
            line = self._lines[key]
            line.popleft()
            first, *behind = [other for other in others if key in other.partition_keys()]
            #    all but the first wait for the one before them.
            for other in behind:
                other.blocked_by += 1
            line.extendleft((*reversed(behind), first))
        return [other for other in others if other.blocked_by == 0]

    def waiting(self) -> Iterator[Put]:
        """All that stands in a line; what stands in several comes as often."""
        for line in self._lines.values():
            yield from line
