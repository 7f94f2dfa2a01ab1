"""RemoveTagsFromStream: remove tags; keys that the stream does not have are ignored."""

from __future__ import annotations

import msgspec

from headwater.api import requests
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import remove_tags, require_active
from headwater.model.caller import Caller
from headwater.model.stream import Stream


async def remove_tags_from_stream(
    engine: Engine, caller: Caller, request: requests.RemoveTagsFromStreamInput
) -> None:
    """The stream must be ACTIVE."""

    def change(stream: Stream) -> Stream:
        require_active(stream)
        tags = remove_tags(stream.tags, request.TagKeys, f"stream {stream.label}")
        return msgspec.structs.replace(stream, tags=tags)

    await engine.replace(stream_named(engine, caller, request), change)
