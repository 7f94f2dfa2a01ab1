"""DeleteQueue: the queue is DELETING for a while, then gone; its stream and records stay."""

from __future__ import annotations

from headwater.api import requests
from headwater.api.queue_reference import queue_id_of
from headwater.engine import queue_lifecycle
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.stream import Stream


async def delete_queue(engine: Engine, caller: Caller, request: requests.DeleteQueueInput) -> None:
    """In any state; its receipt handles are worthless at once. Raises LimitExceededException."""
    name, queue_id = queue_id_of(engine, caller, request.QueueARN)
    due_ms = engine.now_ms() + engine.settings.transition_ms
    await engine.streams_of(caller)  # what is due is done

    def change(stream: Stream) -> Stream:
        if queue_lifecycle.find_queue(stream, queue_id).status not in ("CREATING", "DELETING"):
            queue_lifecycle.require_room_for_transition(engine.current_streams(caller), "DeleteQueue")
        return queue_lifecycle.delete_queue(stream, queue_id, due_ms)

    await engine.replace(name, change)
