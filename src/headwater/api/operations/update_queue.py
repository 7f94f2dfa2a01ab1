"""UpdateQueue: other attributes for a queue, which is UPDATING for a while."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.queue_descriptions import describe_queue, rules_after
from headwater.api.queue_reference import queue_id_of
from headwater.engine import queue_lifecycle
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.queue import QueueRules


async def update_queue(
    engine: Engine, caller: Caller, request: requests.UpdateQueueInput
) -> answers.UpdateQueueOutput:
    """What is not given stays. The new attributes are shown at once, and hold when the update is complete."""
    name, queue_id = queue_id_of(engine, caller, request.QueueARN)
    due_ms = engine.now_ms() + engine.settings.transition_ms

    def change(rules: QueueRules) -> QueueRules:
        return rules_after(rules, request.QueueAttributes)

    stream = await engine.replace(
        name, lambda stream: queue_lifecycle.update_queue(stream, queue_id, change, due_ms)
    )
    return {"QueueDescription": describe_queue(stream, queue_lifecycle.find_queue(stream, queue_id))}
