"""UpdateDeadLetterQueueRecordsVisibility: how long from now on dead letters stay in flight."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.queue_descriptions import described_outcomes
from headwater.api.queue_reference import live_queue_of_arn
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def update_dead_letter_queue_records_visibility(
    engine: Engine, caller: Caller, request: requests.UpdateDeadLetterQueueRecordsVisibilityInput
) -> answers.UpdateDeadLetterQueueRecordsVisibilityOutput:
    """0 ends it at once. Of a handle that is there twice the last entry counts."""
    queue = await live_queue_of_arn(engine, caller, request.QueueARN)
    timeouts_s = {entry.ReceiptHandle: entry.VisibilityTimeoutSeconds for entry in request.Entries}
    outcomes = await queue.change_visibility(timeouts_s, is_dead=True)
    handles = [entry.ReceiptHandle for entry in request.Entries]
    return described_outcomes(handles, outcomes)
