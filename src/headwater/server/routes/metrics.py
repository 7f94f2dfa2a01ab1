"""`GET /_headwater/metrics` and `/_headwater/cloudwatch`: what was counted.

Refuses to know who counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headwater.engine.engine import Engine
from headwater.engine.metrics.metric_names import KINESIS
from headwater.server.admin import RouteSet
from headwater.server.http.exchange import Answer
from headwater.server.request_counts import RequestCounts
from headwater.server.routes import cloudwatch as cloudwatch_query
from headwater.server.routes.cloudwatch import Readers


def metric_routes(
    engine: Engine,
    requests: RequestCounts,
    others: Readers,
    deliveries: Callable[[], Sequence[Mapping[str, Any]]],
) -> RouteSet:
    """`metrics` for Prometheus, `cloudwatch` for everybody.

    `others` has what is counted in other namespaces than that of streams; `deliveries` how far each
    delivery is.
    """
    readers: Readers = {KINESIS: lambda: engine.metrics, **others}

    async def show_metrics(_query: bytes) -> Answer:
        from headwater.server.routes import prometheus  # noqa: PLC0415 - its library is not needed by every server

        return Answer(
            200,
            (("Content-Type", prometheus.CONTENT_TYPE),),
            prometheus.exposition(engine, requests, deliveries),
        )

    async def show_cloudwatch(query: bytes) -> dict[str, Any]:
        return cloudwatch_query.answer(engine, readers, query)

    return RouteSet({b"metrics": {b"GET": show_metrics}, b"cloudwatch": {b"GET": show_cloudwatch}})
