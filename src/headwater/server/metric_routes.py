"""The routes that show what is counted."""

from __future__ import annotations

from typing import Any

from headwater.engine.engine import Engine
from headwater.server import cloudwatch_query
from headwater.server.admin import RouteSet
from headwater.server.exchange import Answer
from headwater.server.request_counts import RequestCounts


def metric_routes(engine: Engine, requests: RequestCounts) -> RouteSet:
    """`metrics` for Prometheus, `cloudwatch` for everybody."""

    async def show_metrics(_query: bytes) -> Answer:
        from headwater.server import prometheus  # noqa: PLC0415 - its library is not needed by every server

        return Answer(
            200, (("Content-Type", prometheus.CONTENT_TYPE),), prometheus.exposition(engine, requests)
        )

    async def show_cloudwatch(query: bytes) -> dict[str, Any]:
        return cloudwatch_query.answer(engine, query)

    return RouteSet({b"metrics": {b"GET": show_metrics}, b"cloudwatch": {b"GET": show_cloudwatch}})
