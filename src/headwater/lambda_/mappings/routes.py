"""The server's own route for event source mappings: how far each of them is."""

from __future__ import annotations

from typing import Any

from headwater.lambda_.mappings.mappings import EventSourceMappings
from headwater.server.admin import RouteSet


def mapping_routes(mappings: EventSourceMappings) -> RouteSet:
    """`GET /_headwater/event-source-mappings`. A reset of the mappings is Lambda's own."""

    async def show(_body: bytes) -> dict[str, Any]:
        return {"event_source_mappings": mappings.status()}

    return RouteSet({b"event-source-mappings": {b"GET": show}})
