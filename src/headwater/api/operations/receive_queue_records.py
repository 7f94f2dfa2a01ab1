"""ReceiveQueueRecords: up to ten records, in flight from then on; without any, wait for some."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.api import requests
from headwater.api.held_answer import HeldAnswer
from headwater.api.receiving import receive
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def receive_queue_records(
    engine: Engine, caller: Caller, request: requests.ReceiveQueueRecordsInput
) -> Mapping[str, object] | HeldAnswer:
    """What is not acknowledged before its visibility timeout ends can be received again."""
    return await receive(engine, caller, request, is_dead=False)
