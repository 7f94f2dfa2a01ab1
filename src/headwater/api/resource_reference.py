"""How a request names a resource that may be of several kinds: a stream, or a part of one, by ARN."""

from __future__ import annotations

from headwater.api.channel_reference import channel_of_arn
from headwater.api.queue_reference import queue_of_arn
from headwater.api.stream_reference import consumer_of_arn, elsewhere
from headwater.engine.engine import Engine
from headwater.model.arn import parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.channel import Channel
from headwater.model.consumer import Consumer
from headwater.model.errors import ResourceNotFoundException
from headwater.model.queue import Queue
from headwater.model.stream import Stream

Part = Consumer | Queue | Channel | None
"""What of a stream an ARN names; `None` is the stream itself."""


async def resource_of_arn(engine: Engine, caller: Caller, arn: str) -> tuple[Stream, Part]:
    """The stream, or the stream and its consumer, queue or channel, that a resource's ARN names.

    Raises ResourceNotFoundException.
    """
    if "/consumer/" in arn:
        return await consumer_of_arn(engine, caller, arn)
    if ":queue/" in arn:
        return await queue_of_arn(engine, caller, arn)
    if ":channel/" in arn:
        return await channel_of_arn(engine, caller, arn)
    named = parse_stream_arn(arn)
    if named is None:
        raise ResourceNotFoundException(f"Resource {arn} not found.")
    if named[:2] != caller:
        raise elsewhere(engine, caller, named)
    return await engine.stream(named), None
