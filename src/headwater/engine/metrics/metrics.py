"""The metrics of all streams, kept as CloudWatch keeps them: a set of statistics for each minute.

Rules:
- time is that of the streams; a minute is kept when it is over, and the one under way
  is shown as far as it has come;
- a deleted stream's minutes are kept with the others, as `kept_minutes` says.

Whoever serves CloudWatch's own API has here what `ListMetrics`, `GetMetricStatistics`
and `GetMetricData` need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headwater.engine.metrics.kept_minutes import (
    Datapoint,
    Dimensions,
    KeptMinutes,
    Series,
    in_periods,
    listed,
    minute_of,
)
from headwater.engine.metrics.stream_metrics import StreamMetrics
from headwater.engine.metrics.tally import StatisticSet
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.clock import Clock


class Metrics:
    """What is counted of every stream, and what was. A `MetricReader`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._streams: dict[StreamName, StreamMetrics] = {}
        self._kept = KeptMinutes()
        """Those that are over."""
        self._under_way_ms = minute_of(clock.now_ms())

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
            self._kept.keep(self._under_way_ms, dict(self._of_stream(name)))
            del self._streams[name]

    def count_queue(self, caller: Caller, name: str, queue_id: str, figures: Mapping[str, float]) -> None:
        """Count these of a queue in the minute under way, by metric."""
        self.roll()
        dimensions: Dimensions = (("QueueId", queue_id), ("QueueName", name))
        values = {
            Series(caller, metric, dimensions): StatisticSet(1, figure, figure, figure)
            for metric, figure in figures.items()
        }
        self._kept.keep(self._under_way_ms, values)

    def clear(self) -> None:
        """Forget every stream and every minute."""
        self._streams.clear()
        self._kept.clear()

    def gather(self) -> None:
        """Tally what has piled up."""
        for counts in self._streams.values():
            counts.gather()

    def roll(self) -> None:
        """Keep the minute that was under way, if it is over. Cheap when it is not."""
        minute_ms = minute_of(self._clock.now_ms())
        if minute_ms == self._under_way_ms:
            return
        for name, counts in self._streams.items():
            self._kept.keep(self._under_way_ms, dict(self._of_stream(name)))
            counts.end_minute()
        self._under_way_ms = minute_ms
        self._kept.forget_around(minute_ms)

    def series(self, caller: Caller, metric: str | None = None, dimensions: Dimensions = ()) -> list[Series]:
        """See `MetricReader`."""
        self.roll()
        found = self._kept.all_series()
        for name in self._streams:
            if name[:2] == caller:
                found.update(series for series, _ in self._of_stream(name))
        return listed(found, caller, metric, dimensions)

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
        wanted = sorted(dimensions, key=lambda dimension: dimension[0] != "StreamName")
        series = Series(caller, metric, tuple(wanted))
        return in_periods(self._values_of(series), start_ms, end_ms, period_s)

    def _values_of(self, series: Series) -> Iterator[tuple[int, StatisticSet]]:
        yield from self._kept.values_of(series)
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
