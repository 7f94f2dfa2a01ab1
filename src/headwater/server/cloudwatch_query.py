"""`GET /_headwater/cloudwatch`: what CloudWatch would know of the streams, as JSON.

Without `metric` it lists the metrics that have values; with it, it gives their
datapoints. Dimensions are named as CloudWatch names them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from headwater.engine.caller import Caller
from headwater.engine.engine import Engine
from headwater.engine.metric_names import NAMESPACE, UNITS
from headwater.engine.metrics import KEPT_MS, MINUTE_MS, Datapoint, Series
from headwater.engine.stream_metrics import Dimensions
from headwater.server.refused import Refused

DIMENSIONS = ("StreamName", "ConsumerName", "ShardId")
PARAMETERS = ("metric", *DIMENSIONS, "account", "region", "start_ms", "end_ms", "period_s")
PERIOD_MAX_S = 86_400
_NUMBER_DIGITS_MAX = 15


def answer(engine: Engine, query: bytes) -> dict[str, Any]:
    """The answer to a query. Raises `Refused`."""
    asked = _parameters(query)
    settings = engine.settings
    caller = Caller(asked.get("account", settings.account_id), asked.get("region", settings.region))
    dimensions = tuple((name, asked[name]) for name in DIMENSIONS if name in asked)
    metric = asked.get("metric")
    described: dict[str, Any] = {
        "namespace": NAMESPACE,
        "account": caller.account_id,
        "region": caller.region,
    }
    if metric is None:
        for name in ("start_ms", "end_ms", "period_s"):
            if name in asked:
                raise Refused(400, f"{name} belongs to a metric: say which with metric=….")
        listed = engine.metrics.series(caller, None, dimensions)
        return described | {"metrics": [_described(series) for series in listed]}
    if metric not in UNITS:
        raise Refused(400, f"There is no metric {metric!r}. There are: {', '.join(sorted(UNITS))}.")
    return described | _statistics(engine, caller, metric, dimensions, asked)


def _statistics(
    engine: Engine, caller: Caller, metric: str, dimensions: Dimensions, asked: dict[str, str]
) -> dict[str, Any]:
    now_ms = engine.now_ms()
    end_ms = _number(asked, "end_ms", now_ms + MINUTE_MS)
    start_ms = _number(asked, "start_ms", max(0, end_ms - KEPT_MS))
    period_s = _number(asked, "period_s", 60)
    if start_ms >= end_ms:
        raise Refused(400, "start_ms must be before end_ms.")
    if period_s % 60 or not 0 < period_s <= PERIOD_MAX_S:
        raise Refused(400, f"period_s must be a multiple of 60, and at most {PERIOD_MAX_S}.")
    points = engine.metrics.statistics(caller, metric, dimensions, start_ms, end_ms, period_s)
    return {
        **_described(Series(caller, metric, dimensions)),
        "period_s": period_s,
        "datapoints": [_datapoint(point) for point in points],
    }


def _parameters(query: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:  # of which a UnicodeDecodeError is one
        raise Refused(400, "The query must be of the form name=value&name=value.") from None
    asked = dict(pairs)
    for name in asked:
        if name not in PARAMETERS:
            raise Refused(400, f"There is no parameter {name!r}. There are: {', '.join(PARAMETERS)}.")
    if len(asked) != len(pairs):
        raise Refused(400, "A parameter can be given only once.")
    return asked


def _number(asked: dict[str, str], name: str, default: int) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX):
        raise Refused(400, f"{name} must be a whole number, not {text!r}.")
    return int(text)


def _described(series: Series) -> dict[str, Any]:
    return {
        "metric": series.metric,
        "dimensions": dict(series.dimensions),
        "unit": UNITS[series.metric],
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
