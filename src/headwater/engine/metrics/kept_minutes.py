"""The statistics of metrics, minute by minute, as CloudWatch keeps them.

Rules:
- a minute is kept for three hours; when there are more than `DATAPOINTS_MAX` in all, those of the
  oldest minute go first;
- all is in memory: a server that starts has nothing to tell;
- when the time is set back, what was kept of later minutes is forgotten.

Refuses to know what is counted, and what time it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from headwater.engine.metrics.tally import StatisticSet, merged
from headwater.model.caller import Caller

MINUTE_MS = 60_000
KEPT_MS = 180 * MINUTE_MS
DATAPOINTS_MAX = 100_000
"""About 35 MB."""

Dimensions: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, in the order in which the metric has them."""


class Series(NamedTuple):
    """One metric of one thing: of a stream or a function, say."""

    caller: Caller
    """The account and region."""
    metric: str
    dimensions: Dimensions


class Datapoint(NamedTuple):
    """The values of a metric in one period."""

    timestamp_ms: int
    """When the period begins."""
    values: StatisticSet


class MetricReader(Protocol):
    """The protocol of counters that CloudWatch reads."""

    def series(self, caller: Caller, metric: str | None = None, dimensions: Dimensions = ()) -> list[Series]:
        """The metrics of an account and region that have had values in the time that is kept.

        With `metric` only those of that name; with `dimensions` only those that have all of them.
        """

    def statistics(
        self,
        caller: Caller,
        metric: str,
        dimensions: Dimensions,
        start_ms: int,
        end_ms: int,
        period_s: int = 60,
    ) -> list[Datapoint]:
        """The values of one metric from `start_ms` up to, not including, `end_ms`, in order of time.

        A period is a whole number of minutes, and begins at a multiple of itself; one without
        values is left out. The dimensions must be all that the metric has, in any order.
        """


class KeptMinutes:
    """The minutes of one counter."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[Series, StatisticSet]] = {}
        """By when they began."""
        self._datapoints = 0

    def keep(self, minute_ms: int, values: Mapping[Series, StatisticSet]) -> None:
        """Add to what is kept of a minute."""
        if not values:
            return
        minute = self._minutes.setdefault(minute_ms, {})
        before = len(minute)
        for series, added in values.items():
            minute[series] = merged(minute.get(series), added) or added
        self._datapoints += len(minute) - before
        while self._datapoints > DATAPOINTS_MAX and len(self._minutes) > 1:
            self._drop(min(self._minutes))

    def forget_around(self, minute_ms: int) -> None:
        """Forget minutes that are too old, or later than the one under way."""
        for kept_ms in [kept for kept in self._minutes if not minute_ms - KEPT_MS < kept <= minute_ms]:
            self._drop(kept_ms)

    def clear(self) -> None:
        """Forget every minute."""
        self._minutes.clear()
        self._datapoints = 0

    def all_series(self) -> set[Series]:
        """The metrics that have had values."""
        return {series for minute in self._minutes.values() for series in minute}

    def values_of(self, series: Series) -> Iterator[tuple[int, StatisticSet]]:
        """When each minute began in which a metric had values, and these."""
        for minute_ms, minute in self._minutes.items():
            if series in minute:
                yield minute_ms, minute[series]

    def _drop(self, minute_ms: int) -> None:
        self._datapoints -= len(self._minutes.pop(minute_ms))


class MinuteMetrics:
    """A `MetricReader` over the kept minutes and the one under way: what streams and functions share.

    A counter that keeps its values only at the end of a minute overrides what is asked of the
    minute under way.
    """

    def __init__(self, now_ms: Callable[[], int], dimension_names: Sequence[str]) -> None:
        """`now_ms` is the streams' time; metrics have their dimensions in the order of `dimension_names`."""
        self._now_ms = now_ms
        self._dimension_names = dimension_names
        self._kept = KeptMinutes()
        self._under_way_ms = minute_of(now_ms())

    def clear(self) -> None:
        """Forget every minute."""
        self._kept.clear()

    def roll(self) -> None:
        """Keep the minute that was under way, if it is over. Cheap when it is not."""
        minute_ms = minute_of(self._now_ms())
        if minute_ms == self._under_way_ms:
            return
        self._end_minute()
        self._under_way_ms = minute_ms
        self._kept.forget_around(minute_ms)

    def count(self, caller: Caller, dimensions: Dimensions, figures: Mapping[str, float]) -> None:
        """Count these values, by metric, in the minute under way."""
        self.roll()
        values = {
            Series(caller, metric, dimensions): StatisticSet(1, figure, figure, figure)
            for metric, figure in figures.items()
        }
        self._kept.keep(self._under_way_ms, values)

    def series(self, caller: Caller, metric: str | None = None, dimensions: Dimensions = ()) -> list[Series]:
        """See `MetricReader`."""
        self.roll()
        return sorted(
            series
            for series in self._kept.all_series().union(self._series_under_way(caller))
            if series.caller == caller
            and metric in (None, series.metric)
            and set(dimensions) <= set(series.dimensions)
        )

    def statistics(
        self,
        caller: Caller,
        metric: str,
        dimensions: Dimensions,
        start_ms: int,
        end_ms: int,
        period_s: int = 60,
    ) -> list[Datapoint]:
        """See `MetricReader`."""
        self.roll()
        wanted = sorted(dimensions, key=lambda dimension: self._dimension_names.index(dimension[0]))
        series = Series(caller, metric, tuple(wanted))
        minutes = [*self._kept.values_of(series)]
        under_way = self._values_under_way(series)
        if under_way is not None:
            minutes.append((self._under_way_ms, under_way))
        return _in_periods(minutes, start_ms, end_ms, period_s)

    def _end_minute(self) -> None:
        """Keep what the minute under way has: it is over."""

    def _series_under_way(self, _caller: Caller) -> Iterable[Series]:
        """The metrics that have values in the minute under way and are not kept yet."""
        return ()

    def _values_under_way(self, _series: Series) -> StatisticSet | None:
        """The values of a metric in the minute under way that are not kept yet."""
        return None


def minute_of(time_ms: int) -> int:
    """When the minute of a moment began."""
    return time_ms - time_ms % MINUTE_MS


def _in_periods(
    minutes: Iterable[tuple[int, StatisticSet]], start_ms: int, end_ms: int, period_s: int
) -> list[Datapoint]:
    """The datapoints of a metric's minutes; see `MetricReader.statistics`."""
    period_ms = period_s * 1000
    periods: dict[int, StatisticSet | None] = {}
    for minute_ms, values in minutes:
        if minute_of(start_ms) <= minute_ms < end_ms:
            begin_ms = minute_ms - minute_ms % period_ms
            periods[begin_ms] = merged(periods.get(begin_ms), values)
    return [Datapoint(begin_ms, values) for begin_ms, values in sorted(periods.items()) if values]
