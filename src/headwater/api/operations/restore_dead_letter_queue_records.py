"""RestoreDeadLetterQueueRecords: dead letters are handed out again, counted anew."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.queue_descriptions import described_outcomes
from headwater.api.queue_reference import live_queue_of_arn
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def restore_dead_letter_queue_records(
    engine: Engine, caller: Caller, request: requests.RestoreDeadLetterQueueRecordsInput
) -> answers.RestoreDeadLetterQueueRecordsOutput:
    """The store has it when the answer comes."""
    queue = await live_queue_of_arn(engine, caller, request.QueueARN)
    handles = [entry.ReceiptHandle for entry in request.Entries]
    outcomes = await queue.restore(handles)
    return described_outcomes(handles, outcomes)
