"""ListTagsForStream: a stream's tags in the order of their keys."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import TAGS_MAX
from headwater.model.caller import Caller


async def list_tags_for_stream(
    engine: Engine, caller: Caller, request: requests.ListTagsForStreamInput
) -> answers.ListTagsForStreamOutput:
    """`HasMoreTags` tells whether tags follow the last one of the page."""
    stream = await engine.stream(stream_named(engine, caller, request))
    after = request.ExclusiveStartTagKey or ""
    keys = sorted(key for key in stream.tags if key > after)
    page = keys[: request.Limit or TAGS_MAX]
    return {
        "Tags": [{"Key": key, "Value": stream.tags[key]} for key in page],
        "HasMoreTags": len(page) < len(keys),
    }
