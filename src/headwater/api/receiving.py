"""Receiving from a queue: what ReceiveQueueRecords and ReceiveDeadLetterQueueRecords share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from headwater.api.held_answer import HeldAnswer, Unanswered
from headwater.api.queue_reference import live_queue_of_arn
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import (
    QUEUE_IN_FLIGHT_MAX,
    QUEUE_RECORDS_PER_RECEIVE_MAX,
    QUEUE_WAIT_S,
)
from headwater.engine.queues.live_queue import LiveQueue
from headwater.engine.queues.waiting_line import Waiter
from headwater.model.caller import Caller
from headwater.model.errors import ThrottlingException
from headwater.model.record_list import QueueRecordList, ReceivedRecord


class ReceivesRecords(Protocol):
    """The request of either operation."""

    QueueARN: str
    Limit: int | None
    WaitTimeSeconds: int | None
    VisibilityTimeoutSeconds: int | None


async def receive(
    engine: Engine, caller: Caller, request: ReceivesRecords, *, is_dead: bool
) -> Mapping[str, object] | HeldAnswer:
    """The records that there are; without any, an answer that waits for some.

    Raises what `live_queue_of_arn` raises, and `StoreUnavailable`.
    """
    queue = await live_queue_of_arn(engine, caller, request.QueueARN)
    _require_room_in_flight(engine, queue, is_dead=is_dead)
    wait_s = QUEUE_WAIT_S if request.WaitTimeSeconds is None else request.WaitTimeSeconds
    waiter = queue.receive(
        request.Limit or QUEUE_RECORDS_PER_RECEIVE_MAX,
        1000 * wait_s,
        request.VisibilityTimeoutSeconds,
        is_dead=is_dead,
    )
    if waiter.is_waiting:
        return HeldAnswer(lambda: _answer(waiter), lambda: _leave(waiter))
    return await _answer(waiter)


def _require_room_in_flight(engine: Engine, queue: LiveQueue, *, is_dead: bool) -> None:
    """Raise ThrottlingException where limits are enforced and as many records are in flight as may be."""
    full = not is_dead and queue.in_flight >= QUEUE_IN_FLIGHT_MAX
    if full and engine.enforcement.limits_calls(queue.of_stream):
        raise ThrottlingException(
            f"{QUEUE_IN_FLIGHT_MAX} records of the queue are in flight, which is the most at the same time."
        )


async def _answer(waiter: Waiter[ReceivedRecord]) -> Mapping[str, object]:
    return {"QueueRecords": QueueRecordList(await waiter.answer)}


def _leave(waiter: Waiter[ReceivedRecord]) -> None:
    if waiter.leave():
        waiter.answer.fail(Unanswered("the client went while it waited for records"))
