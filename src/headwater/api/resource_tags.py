"""Tags of a resource that is named by its ARN: a stream, or a consumer, queue or channel of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from headwater.api.resource_reference import resource_of_arn
from headwater.engine.channel_lifecycle import find_channel, replace_channel
from headwater.engine.consumers import find_by_name, replace_consumer
from headwater.engine.engine import Engine
from headwater.engine.queue_lifecycle import find_queue, replace_queue
from headwater.engine.stream_checks import require_active
from headwater.model.caller import Caller
from headwater.model.channel import Channel
from headwater.model.queue import Queue
from headwater.model.stream import Stream

NextTags = Callable[[Mapping[str, str], str], dict[str, str]]
"""From the present tags, and from what the resource is called in errors, to the next ones."""


async def revise_tags(engine: Engine, caller: Caller, arn: str, next_tags: NextTags) -> None:
    """Commit the next tags of the resource. Its stream must be ACTIVE, unless it is a queue or channel."""
    found, part = await resource_of_arn(engine, caller, arn)

    def change(stream: Stream) -> Stream:
        if isinstance(part, Queue):
            queue = find_queue(stream, part.queue_id)
            tags = next_tags(queue.tags, f"queue {arn}")
            return replace_queue(stream, msgspec.structs.replace(queue, tags=tags))
        if isinstance(part, Channel):
            channel = find_channel(stream, part.channel_id)
            tags = next_tags(channel.tags, f"channel {arn}")
            return replace_channel(stream, msgspec.structs.replace(channel, tags=tags))
        require_active(stream)
        if part is None:
            return msgspec.structs.replace(stream, tags=next_tags(stream.tags, f"stream {stream.label}"))
        present = find_by_name(stream, part.name)
        tags = next_tags(present.tags, f"consumer {arn}")
        return replace_consumer(stream, msgspec.structs.replace(present, tags=tags))

    await engine.replace(found.full_name, change)
