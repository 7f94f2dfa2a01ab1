"""`GET /_headwater/cloudwatch`: what CloudWatch would know of the streams, as JSON.

Without `metric` it lists the metrics that have values; with it, it gives their
datapoints. Dimensions are named as CloudWatch names them. `namespace` is that of
streams, or of functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from headwater.engine.engine import Engine
from headwater.engine.metrics.kept_minutes import (
    KEPT_MS,
    MINUTE_MS,
    Datapoint,
    MetricReader,
    Series,
)
from headwater.engine.metrics.metric_names import KINESIS, NAMESPACES
from headwater.model.caller import Caller
from headwater.server.refused import Refused
from headwater.server.routes.query import read_query, whole_number

OPTIONS = ("account", "region", "start_ms", "end_ms", "period_s")
DIMENSIONS = tuple(name for namespace in NAMESPACES.values() for name in namespace.dimensions)
PARAMETERS = ("metric", "namespace", *DIMENSIONS, *OPTIONS)
PERIOD_S_MAX = 86_400

Readers: TypeAlias = Mapping[str, Callable[[], MetricReader | None]]
"""What is counted, by namespace; `None` where nothing was yet."""


def answer(engine: Engine, readers: Readers, query: bytes) -> dict[str, Any]:
    """The answer to a query. Raises `Refused`."""
    asked = read_query(query, PARAMETERS)
    settings = engine.settings
    caller = Caller(asked.get("account", settings.account_id), asked.get("region", settings.region))
    namespace = asked.get("namespace", KINESIS)
    known = NAMESPACES.get(namespace)
    if known is None:
        raise Refused(400, f"There is no namespace {namespace!r}. There are: {', '.join(NAMESPACES)}.")
    for name in DIMENSIONS:
        if name in asked and name not in known.dimensions:
            raise Refused(400, f"{name} is no dimension of {namespace}: {', '.join(known.dimensions)}.")
    dimensions = tuple((name, asked[name]) for name in known.dimensions if name in asked)
    metric, reader = asked.get("metric"), readers[namespace]()
    described: dict[str, Any] = {
        "namespace": namespace,
        "account": caller.account_id,
        "region": caller.region,
    }
    if metric is None:
        for name in ("start_ms", "end_ms", "period_s"):
            if name in asked:
                raise Refused(400, f"{name} belongs to a metric: say which with metric=….")
        listed = reader.series(caller, None, dimensions) if reader else []
        return described | {"metrics": [_described(series, known.units) for series in listed]}
    if metric not in known.units:
        raise Refused(400, f"There is no metric {metric!r}. There are: {', '.join(sorted(known.units))}.")
    series = Series(caller, metric, dimensions)
    return {**described, **_described(series, known.units), **_statistics(engine, reader, series, asked)}


def _statistics(
    engine: Engine, reader: MetricReader | None, series: Series, asked: dict[str, str]
) -> dict[str, Any]:
    now_ms = engine.now_ms()
    end_ms = whole_number(asked, "end_ms", now_ms + MINUTE_MS)
    start_ms = whole_number(asked, "start_ms", max(0, end_ms - KEPT_MS))
    period_s = whole_number(asked, "period_s", 60)
    if start_ms >= end_ms:
        raise Refused(400, "start_ms must be before end_ms.")
    if period_s % 60 or not 0 < period_s <= PERIOD_S_MAX:
        raise Refused(400, f"period_s must be a multiple of 60, and at most {PERIOD_S_MAX}.")
    points = reader.statistics(*series, start_ms, end_ms, period_s) if reader else []
    return {"period_s": period_s, "datapoints": [_datapoint(point) for point in points]}


def _described(series: Series, units: Mapping[str, str]) -> dict[str, Any]:
    return {
        "metric": series.metric,
        "dimensions": dict(series.dimensions),
        "unit": units[series.metric],
    }


def _datapoint(point: Datapoint) -> dict[str, Any]:
    values = point.values
    return {
        "timestamp_ms": point.timestamp_ms,
        "sample_count": values.sample_count,
        "sum": values.total,
        "minimum": values.minimum,
        "maximum": values.maximum,
        "average": values.average,
    }
