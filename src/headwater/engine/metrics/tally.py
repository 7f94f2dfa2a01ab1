"""What CloudWatch keeps of a metric's values: how many there were, their sum, the least and the greatest."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple


class StatisticSet(NamedTuple):
    """The values of one metric in one span of time; at least one."""

    sample_count: int
    total: float
    minimum: float
    maximum: float

    @property
    def average(self) -> float:
        """The values' mean."""
        return self.total / self.sample_count


class Tally:
    """A statistic set that grows."""

    __slots__ = ("count", "least", "most", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total: float = 0
        self.least: float = inf
        self.most: float = -inf

    def add(self, value: float) -> None:
        """Count a value."""
        self.count += 1
        self.total += value
        if value < self.least:  # noqa: PLR1730 - a call would cost more than all the rest
            self.least = value
        if value > self.most:  # noqa: PLR1730 - as above
            self.most = value

    def add_all(self, values: Sequence[float]) -> None:
        """Count some values, at least one: quickly."""
        self.count += len(values)
        self.total += sum(values)
        self.least = min(self.least, *values)
        self.most = max(self.most, *values)

    def statistics(self) -> StatisticSet | None:
        """The statistics; `None` without a value."""
        return StatisticSet(self.count, self.total, self.least, self.most) if self.count else None


def merged(*sets: StatisticSet | None) -> StatisticSet | None:
    """The set of all sets' values; `None` when there are none."""
    present = [one for one in sets if one is not None]
    if len(present) < 2:
        return present[0] if present else None
    counts, totals, minima, maxima = zip(*present, strict=True)
    return StatisticSet(sum(counts), sum(totals), min(minima), max(maxima))


def zeros(count: int) -> StatisticSet | None:
    """The set of `count` zeros."""
    return StatisticSet(count, 0, 0, 0) if count else None


def ones_and_zeros(ones: int, others: int) -> StatisticSet | None:
    """The set of some ones and some zeros."""
    return merged(StatisticSet(ones, ones, 1, 1) if ones else None, zeros(others))
