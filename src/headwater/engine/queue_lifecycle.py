"""What calls and time do to the queues of a stream's value: pure functions from a stream to a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from headwater.engine.attachments import (
    begin_deletion,
    begin_update,
    end_transition,
    require_active_attachment,
    require_on_demand,
)
from headwater.engine.consumers import require_room_for_consumer
from headwater.engine.limits.limits import QUEUES_IN_TRANSITION_MAX
from headwater.model.arn import QueueId, queue_arn
from headwater.model.errors import LimitExceededException, ResourceNotFoundException
from headwater.model.queue import Queue, QueueRules, QueueStart
from headwater.model.stream import Stream

_IN_TRANSITION = ("CREATING", "DELETING")


def arn_of_queue(stream: Stream, queue: Queue) -> str:
    """The ARN of a queue of the stream."""
    return queue_arn(QueueId(stream.account_id, stream.region, queue.queue_id))


def add_queue(stream: Stream, queue: Queue, consumers_max: int) -> Stream:
    """The stream with one more queue.

    Raises ValidationException for a provisioned stream, and LimitExceededException when there is no
    room: queues and consumers share it.
    """
    require_on_demand(stream, queue)
    require_room_for_consumer(stream, consumers_max)
    return msgspec.structs.replace(stream, queues=(*stream.queues, queue))


def find_queue(stream: Stream, queue_id: str) -> Queue:
    """The queue of this id. Raises ResourceNotFoundException."""
    queue = stream.queue(queue_id)
    if queue is None:
        arn = queue_arn(QueueId(stream.account_id, stream.region, queue_id))
        raise ResourceNotFoundException(f"Queue {arn} not found.")
    return queue


def replace_queue(stream: Stream, queue: Queue) -> Stream:
    """The stream with a new value of one of its queues."""
    queues = tuple(queue if other.queue_id == queue.queue_id else other for other in stream.queues)
    return msgspec.structs.replace(stream, queues=queues)


def require_room_for_transition(streams: Iterable[Stream], what: str) -> None:
    """Raise LimitExceededException when an account has so many queues that are CREATING or DELETING."""
    under_way = sum(queue.status in _IN_TRANSITION for stream in streams for queue in stream.queues)
    if under_way >= QUEUES_IN_TRANSITION_MAX:
        raise LimitExceededException(
            f"{what} is not possible while {QUEUES_IN_TRANSITION_MAX} queues are in the states CREATING and "
            "DELETING, which is the most at the same time."
        )


def update_queue(
    stream: Stream, queue_id: str, rules: Callable[[QueueRules], QueueRules], due_ms: int
) -> Stream:
    """The stream with a queue that is UPDATING. Raises ResourceInUseException unless it is ACTIVE."""
    queue = find_queue(stream, queue_id)
    require_active_attachment(stream, queue)
    return replace_queue(stream, begin_update(queue, rules(queue.rules), due_ms))


def delete_queue(stream: Stream, queue_id: str, due_ms: int) -> Stream:
    """The stream with a queue that is DELETING; one that is already stays so."""
    queue = find_queue(stream, queue_id)
    if queue.status == "DELETING":
        return stream
    return replace_queue(stream, begin_deletion(queue, due_ms))


def advance_queues(stream: Stream, now_ms: int) -> Stream:
    """Apply to the queues what has become due."""
    if not any(queue.due_ms is not None and queue.due_ms <= now_ms for queue in stream.queues):
        return stream
    advanced = [_advance(stream, queue, now_ms) for queue in stream.queues]
    return msgspec.structs.replace(stream, queues=tuple(queue for queue in advanced if queue is not None))


def _advance(stream: Stream, queue: Queue, now_ms: int) -> Queue | None:
    if queue.due_ms is None or queue.due_ms > now_ms:
        return queue
    if queue.status != "CREATING":
        return end_transition(queue)
    start = _settled(stream, queue, now_ms)
    return msgspec.structs.replace(queue, status="ACTIVE", due_ms=None, start=start)


def _settled(stream: Stream, queue: Queue, now_ms: int) -> QueueStart:
    """The start with the time from about when on records are handed out."""
    start = queue.start
    earliest_ms = max(stream.created_ms, stream.trim_horizon_ms(now_ms))
    asked_ms = {"LATEST": queue.created_ms, "AT_TIMESTAMP": start.timestamp_ms or 0, "TRIM_HORIZON": 0}
    return msgspec.structs.replace(start, effective_ms=max(earliest_ms, asked_ms[start.type]))
