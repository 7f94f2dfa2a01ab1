"""ReceiveDeadLetterQueueRecords: up to ten dead letters, in flight from then on; if none, wait for some."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.api import requests
from headwater.api.held_answer import HeldAnswer
from headwater.api.receiving import receive
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def receive_dead_letter_queue_records(
    engine: Engine, caller: Caller, request: requests.ReceiveDeadLetterQueueRecordsInput
) -> Mapping[str, object] | HeldAnswer:
    """A dead letter that is received stays one, until it is acknowledged or restored."""
    return await receive(engine, caller, request, is_dead=True)
