"""Tags of a resource that is named by its ARN: a stream, or a consumer of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from headwater.api.stream_reference import resource_of_arn
from headwater.engine.consumers import find_by_name, replace_consumer
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import require_active
from headwater.model.caller import Caller
from headwater.model.stream import Stream

NextTags = Callable[[Mapping[str, str], str], dict[str, str]]
"""From the present tags, and from what the resource is called in errors, to the next ones."""


async def revise_tags(engine: Engine, caller: Caller, arn: str, next_tags: NextTags) -> None:
    """Commit the next tags of the resource. Its stream must be ACTIVE."""
    found, consumer = await resource_of_arn(engine, caller, arn)

    def change(stream: Stream) -> Stream:
        require_active(stream)
        if consumer is None:
            return msgspec.structs.replace(stream, tags=next_tags(stream.tags, f"stream {stream.label}"))
        present = find_by_name(stream, consumer.name)
        tags = next_tags(present.tags, f"consumer {arn}")
        return replace_consumer(stream, msgspec.structs.replace(present, tags=tags))

    await engine.replace(found.full_name, change)
