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
from typing import TYPE_CHECKING

from headwater.engine.metrics.kept_minutes import MinuteMetrics, Series
from headwater.engine.metrics.metric_names import KINESIS, NAMESPACES
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.clock import Clock

if TYPE_CHECKING:
    from headwater.engine.metrics.stream_metrics import StreamMetrics
    from headwater.engine.metrics.tally import StatisticSet


class Metrics(MinuteMetrics):
    """The counts of all streams, and their kept minutes. A `MetricReader`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock.now_ms, NAMESPACES[KINESIS].dimensions)
        self._streams: dict[StreamName, StreamMetrics] = {}

    def stream(self, name: StreamName) -> StreamMetrics:
        """The counts of a stream."""
        counts = self._streams.get(name)
        if counts is None:
            from headwater.engine.metrics.stream_metrics import StreamMetrics  # noqa: PLC0415 - for the first

            counts = self._streams[name] = StreamMetrics(name.name)
        return counts

    def streams(self) -> dict[StreamName, StreamMetrics]:
        """The counts of all present streams."""
        return dict(self._streams)

    def forget_stream(self, name: StreamName) -> None:
        """Drop the counts of a deleted stream; its minutes are kept."""
        self.roll()
        if name in self._streams:
            self._kept.keep(self._under_way_ms, dict(self._of_stream(name)))
            del self._streams[name]

    def count_queue(self, caller: Caller, name: str, queue_id: str, figures: Mapping[str, float]) -> None:
        """Count these of a queue in the minute under way, by metric."""
        self.count(caller, (("QueueId", queue_id), ("QueueName", name)), figures)

    def clear(self) -> None:
        """Forget every stream and every minute."""
        self._streams.clear()
        super().clear()

    def gather(self) -> None:
        """Tally what has piled up."""
        for counts in self._streams.values():
            counts.gather()

    def _end_minute(self) -> None:
        for name, counts in self._streams.items():
            self._kept.keep(self._under_way_ms, dict(self._of_stream(name)))
            counts.end_minute()

    def _series_under_way(self, caller: Caller) -> Iterator[Series]:
        for name in self._streams:
            if name[:2] == caller:
                yield from (series for series, _ in self._of_stream(name))

    def _values_under_way(self, series: Series) -> StatisticSet | None:
        name = StreamName(*series.caller, series.dimensions[0][1] if series.dimensions else "")
        return dict(self._of_stream(name)).get(series)

    def _of_stream(self, name: StreamName) -> Iterator[tuple[Series, StatisticSet]]:
        """The values of a stream in the minute under way."""
        counts = self._streams.get(name)
        if counts is not None:
            caller = Caller(name.account_id, name.region)
            for metric, dimensions, values in counts.minute():
                yield Series(caller, metric, dimensions), values
