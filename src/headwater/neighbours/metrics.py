"""`AWS/Kinesis`, `AWS/Lambda` and `AWS/Firehose` in the neighbouring CloudWatch, from what Headwater counts.

As at CloudWatch, a metric is the one with exactly the dimensions that are asked for: a stream's is
not the sum of its shards', and that of all functions, which has no dimensions, not the sum of
whatever functions have.

Moto looks at no dimensions where none are asked for, and at no namespace where some are. So in
questions about values each metric of ours has one dimension more: its namespace. `MENDED` says what
puts it in, in moto 5.2.

Refuses to know how things are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, MetricAggregatedDatum
from moto.core.common_models import CloudWatchMetricProvider

from headwater.engine.engine import Engine
from headwater.engine.metrics.kept_minutes import Datapoint, MetricReader, Series
from headwater.engine.metrics.metric_names import FIREHOSE, KINESIS, LAMBDA, NAMESPACES
from headwater.model.caller import Caller
from headwater.neighbours.calls.current import CURRENT_SERVER

END_OF_TIME_MS = 1 << 62
NAMESPACE_DIMENSION = "headwater:namespace"
_WITH_NAMESPACE: ContextVar[bool] = ContextVar("_WITH_NAMESPACE", default=False)

Minutes = list[tuple[Series, list[Datapoint]]]


class CountedDatum(MetricAggregatedDatum):
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
        if any(self._is_of_the_metric_of(other) for other in already_present_metrics or ()):
            return False
        return bool(super().filter(namespace, name, dimensions))

    def _is_of_the_metric_of(self, other: Any) -> bool:
        mine, others = (self.namespace, self.name), (other.namespace, other.name)
        return mine == others and self.dimensions == other.dimensions


class CountedMetricsProvider(CloudWatchMetricProvider):
    """Moto finds it, as every subclass."""

    @staticmethod
    def get_cloudwatch_metrics(account_id: str, region: str) -> list[CountedDatum]:
        """All minutes of all metrics of an account and region."""
        caller = Caller(account_id, region)

        def of_streams(engine: Engine) -> Minutes:
            engine.metrics.gather()
            return _minutes(engine.metrics, caller)

        server = CURRENT_SERVER.get()
        counted = {
            KINESIS: server.kinesis.ask(of_streams),
            LAMBDA: server.lambda_.ask_metrics(lambda reader: _minutes(reader, caller)) or [],
            FIREHOSE: server.firehose.ask_metrics(lambda reader: _minutes(reader, caller)) or [],
        }
        return [
            _datum(namespace, series, point)
            for namespace, minutes in counted.items()
            for series, points in minutes
            for point in points
        ]


def _minutes(reader: MetricReader, caller: Caller) -> Minutes:
    return [(series, reader.statistics(*series, 0, END_OF_TIME_MS)) for series in reader.series(caller)]


def _datum(namespace: str, series: Series, point: Datapoint) -> CountedDatum:
    values = point.values
    dimensions = [{"Name": name, "Value": value} for name, value in series.dimensions]
    return CountedDatum(
        namespace,
        series.metric,
        values.minimum,
        values.maximum,
        values.sample_count,
        values.total,
        _asked(namespace, dimensions) if _WITH_NAMESPACE.get() else dimensions,
        datetime.fromtimestamp(point.timestamp_ms / 1000, UTC).replace(tzinfo=None),
        NAMESPACES[namespace].units[series.metric],
    )


def _asked(namespace: str, dimensions: list[dict[str, str]]) -> list[dict[str, str]]:
    """The dimensions in a question about values; in one order, for moto's depends on what they say."""
    if namespace not in NAMESPACES:
        return dimensions
    in_order = sorted(dimensions, key=lambda dimension: dimension["Name"])
    return [*in_order, {"Name": NAMESPACE_DIMENSION, "Value": namespace}]


# What takes the place of moto's

_statistics: Callable[..., Any] = CloudWatchBackend.get_metric_statistics
_data: Callable[..., Any] = CloudWatchBackend.get_metric_data


def get_metric_statistics(
    backend: CloudWatchBackend, namespace: str, *arguments: Any, dimensions: Any, **named: Any
) -> Any:
    """The values of one metric."""
    with _with_namespace():
        return _statistics(backend, namespace, *arguments, dimensions=_asked(namespace, dimensions), **named)


def get_metric_data(backend: CloudWatchBackend, queries: list[dict[str, Any]], **named: Any) -> Any:
    """The values of several metrics, and of expressions about them."""
    with _with_namespace():
        return _data(backend, queries=[_asked_query(query) for query in queries], **named)


def _asked_query(query: dict[str, Any]) -> dict[str, Any]:
    wanted = query.get("MetricStat")
    if wanted is None:
        return query
    metric = wanted["Metric"]
    dimensions = _asked(metric.get("Namespace"), metric.get("Dimensions") or [])
    return {**query, "MetricStat": {**wanted, "Metric": {**metric, "Dimensions": dimensions}}}


@contextmanager
def _with_namespace() -> Iterator[None]:
    before = _WITH_NAMESPACE.set(True)
    try:
        yield
    finally:
        _WITH_NAMESPACE.reset(before)


MENDED: tuple[tuple[Any, str, Any], ...] = (
    (CloudWatchBackend, "get_metric_statistics", get_metric_statistics),
    (CloudWatchBackend, "get_metric_data", get_metric_data),
)
"""Where, what, and what takes its place."""


@cache
def install() -> None:
    """Put it in, once for a process."""
    for owner, name, replacement in MENDED:
        setattr(owner, name, replacement)
