"""CreateQueue: a queue on an on-demand stream, CREATING at first."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.queue_descriptions import describe_queue, rules_after
from headwater.api.stream_reference import stream_of_arn
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import CONSUMERS_ADVANTAGE_MAX, CONSUMERS_MAX
from headwater.engine.queue_lifecycle import add_queue, find_queue, require_room_for_transition
from headwater.engine.revision import Revision
from headwater.engine.stream_checks import add_tags, require_active
from headwater.engine.stream_ends import StreamEnds, find_ends
from headwater.model.caller import Caller
from headwater.model.errors import (
    InvalidArgumentException,
    ResourceInUseException,
    ValidationException,
)
from headwater.model.queue import Queue, QueueRules, QueueStart
from headwater.model.stream import Stream


async def create_queue(
    engine: Engine, caller: Caller, request: requests.CreateQueueInput
) -> answers.CreateQueueOutput:
    """Where LATEST begins is settled here: what is put after the call is not lost while it is CREATING.

    Raises InvalidArgumentException, LimitExceededException, ResourceInUseException,
    ResourceNotFoundException and ValidationException.
    """
    asked = _only(request.StreamConfigurationList)
    on_stream = stream_of_arn(engine, caller, asked.StreamARN)
    _check_start(asked.StartingPosition, engine.now_ms())
    rules = rules_after(QueueRules(), request.QueueAttributes)
    committed = engine.account(caller).committed(engine.now_ms())
    queue_id, name = engine.queues.new_id(), request.QueueName

    def change(stream: Stream) -> Revision:
        require_active(stream)
        taken = {queue.name for other in engine.current_streams(caller) for queue in other.queues}
        if name in taken:
            raise ResourceInUseException(
                f"Queue {name} under account {caller.account_id} already exists in {caller.region}."
            )
        require_room_for_transition(engine.current_streams(caller), "CreateQueue")
        now_ms = engine.now_ms()
        queue = Queue(
            queue_id=queue_id,
            name=name,
            created_ms=max(now_ms, stream.created_ms),
            start=_start(stream, asked.StartingPosition, ends),
            due_ms=now_ms + engine.settings.transition_ms,
            rules=rules,
            tags=add_tags({}, request.Tags or {}, f"queue {name}"),
        )
        writes, expected = engine.queues.name_claim(caller)
        consumers_max = CONSUMERS_ADVANTAGE_MAX if committed else CONSUMERS_MAX
        return Revision(add_queue(stream, queue, consumers_max), writes=writes, expected=expected)

    with engine.queues.claim_name(caller, f"Queue {name}"):
        await engine.streams_of(caller)  # what is due is done: a name may be free again
        ends = await find_ends(engine, engine.live(on_stream).stream)
        stream = await engine.revise(on_stream, change)
    assert stream is not None
    return {"QueueDescription": describe_queue(stream, find_queue(stream, queue_id))}


def _only(configurations: list[requests.QueueStreamConfiguration]) -> requests.QueueStreamConfiguration:
    if len(configurations) != 1:
        raise ValidationException(
            "StreamConfigurationList must contain exactly one entry: "
            "a queue delivers records from a single data stream."
        )
    return configurations[0]


def _check_start(start: requests.QueueStartingPosition | None, now_ms: int) -> None:
    if start is None:
        return
    if start.Type != "AT_TIMESTAMP":
        if start.Timestamp is not None:
            raise ValidationException("Timestamp can only be specified when Type is AT_TIMESTAMP.")
        return
    if start.Timestamp is None:
        raise ValidationException("Timestamp is required when Type is AT_TIMESTAMP.")
    if start.Timestamp > now_ms:
        raise InvalidArgumentException("The Timestamp of the starting position must not be in the future.")


def _start(stream: Stream, asked: requests.QueueStartingPosition | None, ends: StreamEnds) -> QueueStart:
    """Where LATEST begins is at the ends that were found; in shards that came after, at their beginning."""
    kind = "LATEST" if asked is None else asked.Type
    is_same = stream.created_ms == ends.stream.created_ms
    return QueueStart(
        type=kind,
        timestamp_ms=None if asked is None else asked.Timestamp,
        tips=ends.next_positions if kind == "LATEST" and is_same else {},
        next_shard_index=ends.stream.next_shard_index if is_same else 0,
    )
