"""The metrics of all streams, kept as CloudWatch keeps them: a set of statistics for each minute.

Rules:
- time is that of the streams; a minute is kept when it is over, and the one under way
  is shown as far as it has come;
- a minute is kept for three hours, and a deleted stream's with it; when there are more
  than `DATAPOINTS_MAX` in all, those of the oldest minute go first;
- all is in memory: a server that starts has nothing to tell;
- when the time is set back, what was kept of later minutes is forgotten.

Whoever serves CloudWatch's own API has here what `ListMetrics`, `GetMetricStatistics`
and `GetMetricData` need.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from headwater.engine.caller import Caller
from headwater.engine.stream_metrics import Dimensions, StreamMetrics
from headwater.engine.tally import StatisticSet, merged
from headwater.model.arn import StreamName
from headwater.model.clock import Clock

MINUTE_MS = 60_000
KEPT_MS = 180 * MINUTE_MS
DATAPOINTS_MAX = 100_000
"""About 35 MB."""


class Series(NamedTuple):
    """One metric of one stream, consumer or shard."""

    caller: Caller
    """The account and region."""
    metric: str
    dimensions: Dimensions


class Datapoint(NamedTuple):
    """The values of a metric in one period."""

    timestamp_ms: int
    """When the period begins."""
    values: StatisticSet


class Metrics:
    """What is counted of every stream, and what was."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._streams: dict[StreamName, StreamMetrics] = {}
        self._minutes: dict[int, dict[Series, StatisticSet]] = {}
        """Those that are over, by when they began."""
        self._datapoints = 0
        self._under_way_ms = _minute_of(clock.now_ms())

    def stream(self, name: StreamName) -> StreamMetrics:
        """The counts of a stream."""
        counts = self._streams.get(name)
        if counts is None:
            counts = self._streams[name] = StreamMetrics(name.name)
        return counts

    def streams(self) -> dict[StreamName, StreamMetrics]:
        """The counts of all streams that there are."""
        return dict(self._streams)

    def forget_stream(self, name: StreamName) -> None:
        """The stream is deleted: keep only what was counted of it."""
        self.roll()
        if name in self._streams:
            self._keep(self._under_way_ms, dict(self._of_stream(name)))
            del self._streams[name]

    def clear(self) -> None:
        """Forget every stream and every minute."""
        self._streams.clear()
        self._minutes.clear()
        self._datapoints = 0

    def gather(self) -> None:
        """Tally what has piled up."""
        for counts in self._streams.values():
            counts.gather()

    def roll(self) -> None:
        """Keep the minute that was under way, if it is over. Cheap when it is not."""
        minute_ms = _minute_of(self._clock.now_ms())
        if minute_ms == self._under_way_ms:
            return
        for name, counts in self._streams.items():
            self._keep(self._under_way_ms, dict(self._of_stream(name)))
            counts.end_minute()
        self._under_way_ms = minute_ms
        for kept_ms in [kept for kept in self._minutes if not minute_ms - KEPT_MS < kept <= minute_ms]:
            self._drop(kept_ms)

    def series(self, caller: Caller, metric: str | None = None, dimensions: Dimensions = ()) -> list[Series]:
        """The metrics of an account and region that have had values in the time that is kept.

        With `metric` only those of that name; with `dimensions` only those that have all of them.
        """
        self.roll()
        found = {series for minute in self._minutes.values() for series in minute}
        for name in self._streams:
            if name[:2] == caller:
                found.update(series for series, _ in self._of_stream(name))
        return sorted(
            series
            for series in found
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
        """The values of one metric from `start_ms` up to, not including, `end_ms`, in order of time.

        A period is a whole number of minutes, and begins at a multiple of itself; one without
        values is left out. The dimensions must be all that the metric has, in any order.
        """
        self.roll()
        period_ms = period_s * 1000
        periods: dict[int, StatisticSet | None] = {}
        wanted = sorted(dimensions, key=lambda dimension: dimension[0] != "StreamName")
        series = Series(caller, metric, tuple(wanted))
        for minute_ms, values in self._values_of(series):
            if start_ms - start_ms % MINUTE_MS <= minute_ms < end_ms:
                begin_ms = minute_ms - minute_ms % period_ms
                periods[begin_ms] = merged(periods.get(begin_ms), values)
        return [Datapoint(begin_ms, values) for begin_ms, values in sorted(periods.items()) if values]

    def _values_of(self, series: Series) -> Iterator[tuple[int, StatisticSet]]:
        for minute_ms, minute in self._minutes.items():
            if series in minute:
                yield minute_ms, minute[series]
        name = StreamName(*series.caller, series.dimensions[0][1] if series.dimensions else "")
        values = dict(self._of_stream(name)).get(series)
        if values is not None:
            yield self._under_way_ms, values

    def _of_stream(self, name: StreamName) -> Iterator[tuple[Series, StatisticSet]]:
        """What the minute under way has of a stream."""
        counts = self._streams.get(name)
        if counts is not None:
            caller = Caller(name.account_id, name.region)
            for metric, dimensions, values in counts.minute():
                yield Series(caller, metric, dimensions), values

    def _keep(self, minute_ms: int, values: dict[Series, StatisticSet]) -> None:
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

    def _drop(self, minute_ms: int) -> None:
        self._datapoints -= len(self._minutes.pop(minute_ms))


def _minute_of(time_ms: int) -> int:
    return time_ms - time_ms % MINUTE_MS
