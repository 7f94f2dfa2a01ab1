"""ListQueues: a page of the queues of an account and region, in the order of their names."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.part_listing import page_of_parts
from headwater.api.queue_descriptions import describe_queue_summary
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def list_queues(
    engine: Engine, caller: Caller, request: requests.ListQueuesInput
) -> answers.ListQueuesOutput:
    """Raises InvalidArgumentException and ExpiredNextTokenException."""
    listed, next_token = await page_of_parts(
        engine, caller, "ListQueues", request, lambda stream: stream.queues
    )
    answer: answers.ListQueuesOutput = {
        "QueueSummaries": [describe_queue_summary(stream, queue) for stream, queue in listed]
    }
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer
