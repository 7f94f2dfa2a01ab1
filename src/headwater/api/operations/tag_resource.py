"""TagResource: add tags to a stream, consumer, queue or channel, or give present ones a new value."""

from __future__ import annotations

from headwater.api import requests
from headwater.api.resource_tags import revise_tags
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import add_tags
from headwater.model.caller import Caller


async def tag_resource(engine: Engine, caller: Caller, request: requests.TagResourceInput) -> None:
    """At most 50 tags a resource."""
    await revise_tags(
        engine, caller, request.ResourceARN, lambda present, what: add_tags(present, request.Tags, what)
    )
