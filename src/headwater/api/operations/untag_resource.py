"""UntagResource: remove tags from a stream, consumer, queue or channel, if it has them."""

from __future__ import annotations

from headwater.api import requests
from headwater.api.resource_tags import revise_tags
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import remove_tags
from headwater.model.caller import Caller


async def untag_resource(engine: Engine, caller: Caller, request: requests.UntagResourceInput) -> None:
    """The resource is named by its ARN."""
    await revise_tags(
        engine, caller, request.ResourceARN, lambda present, what: remove_tags(present, request.TagKeys, what)
    )
