"""`AWS/Kinesis` in the neighbouring CloudWatch, from what Headwater counts.

As at CloudWatch, a metric is the one with exactly the dimensions that are asked for: a stream's is
not the sum of its shards'.

Refuses to know how things are counted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import MetricAggregatedDatum
from moto.core.common_models import CloudWatchMetricProvider

from headwater.companion.kinesis_calls import SERVED
from headwater.engine.caller import Caller
from headwater.engine.engine import Engine
from headwater.engine.metric_names import NAMESPACE, UNITS
from headwater.engine.metrics import MINUTE_MS, Datapoint, Series


class StreamDatum(MetricAggregatedDatum):
    """A minute of one metric."""

    def filter(
        self,
        namespace: str | None,
        name: str | None,
        dimensions: list[dict[str, str]],
        already_present_metrics: list[Any] | None = None,
    ) -> bool:
        """Whether it belongs to an answer; statistics, which name no metric here, are of all dimensions."""
        if namespace is None and name is None and len(dimensions) != len(self.dimensions):
            return False
        return bool(super().filter(namespace, name, dimensions, already_present_metrics))


class StreamMetricsProvider(CloudWatchMetricProvider):
    """Moto finds it, as every subclass."""

    @staticmethod
    def get_cloudwatch_metrics(account_id: str, region: str) -> list[StreamDatum]:
        """All minutes of all metrics of an account and region."""
        return [
            _datum(series, point)
            for series, points in SERVED.get().ask(
                lambda engine: _minutes(engine, Caller(account_id, region))
            )
            for point in points
        ]


def _minutes(engine: Engine, caller: Caller) -> list[tuple[Series, list[Datapoint]]]:
    engine.metrics.gather()
    end_ms = engine.now_ms() + MINUTE_MS
    statistics = engine.metrics.statistics
    return [
        (series, statistics(caller, series.metric, series.dimensions, 0, end_ms))
        for series in engine.metrics.series(caller)
    ]


def _datum(series: Series, point: Datapoint) -> StreamDatum:
    values = point.values
    return StreamDatum(
        NAMESPACE,
        series.metric,
        values.minimum,
        values.maximum,
        values.sample_count,
        values.total,
        [{"Name": name, "Value": value} for name, value in series.dimensions],
        datetime.fromtimestamp(point.timestamp_ms / 1000, UTC).replace(tzinfo=None),
        UNITS[series.metric],
    )
