"""DescribeQueue: a queue with its state, start and attributes."""

from __future__ import annotations

from headwater.api import answers, queue_descriptions, requests
from headwater.api.queue_reference import queue_of_arn
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def describe_queue(
    engine: Engine, caller: Caller, request: requests.DescribeQueueInput
) -> answers.DescribeQueueOutput:
    """In any state."""
    stream, queue = await queue_of_arn(engine, caller, request.QueueARN)
    return {"QueueDescription": queue_descriptions.describe_queue(stream, queue)}
