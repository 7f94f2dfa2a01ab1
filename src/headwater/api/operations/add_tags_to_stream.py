"""AddTagsToStream: add tags to a stream, or give present ones a new value."""

from __future__ import annotations

import msgspec

from headwater.api import requests
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import add_tags, require_active
from headwater.model.caller import Caller
from headwater.model.stream import Stream


async def add_tags_to_stream(engine: Engine, caller: Caller, request: requests.AddTagsToStreamInput) -> None:
    """At most 50 tags a stream; the stream must be ACTIVE."""

    def change(stream: Stream) -> Stream:
        require_active(stream)
        tags = add_tags(stream.tags, request.Tags, f"stream {stream.label}")
        return msgspec.structs.replace(stream, tags=tags)

    await engine.replace(stream_named(engine, caller, request), change)
