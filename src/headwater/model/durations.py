"""How long things took: a count for each of a few fixed spans, and the sum.

Cheap enough for every request: one bisection and two additions.
"""

from __future__ import annotations

from bisect import bisect_left

BOUNDS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""The upper end of each span; a last one has no end."""


class Durations:
    """Durations of one kind. One thread adds; others may look."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        """How many there were in each span."""
        self.total_s = 0.0

    def add(self, duration_s: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS_S, duration_s)] += 1
        self.total_s += duration_s
