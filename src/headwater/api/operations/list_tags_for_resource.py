"""ListTagsForResource: all tags of a stream, consumer, queue or channel, in the order of their keys."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.resource_reference import resource_of_arn
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def list_tags_for_resource(
    engine: Engine, caller: Caller, request: requests.ListTagsForResourceInput
) -> answers.ListTagsForResourceOutput:
    """The resource is named by its ARN."""
    stream, part = await resource_of_arn(engine, caller, request.ResourceARN)
    tags = stream.tags if part is None else part.tags
    return {"Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}
