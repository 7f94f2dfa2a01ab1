"""How a request names its queue: by ARN.

Queues of other accounts and regions are never seen, as with streams.
"""

from __future__ import annotations

from headwater.api.stream_reference import elsewhere
from headwater.engine.engine import Engine
from headwater.engine.queue_lifecycle import find_queue
from headwater.engine.queues.live_queue import LiveQueue
from headwater.model.arn import QueueId, StreamName, parse_queue_arn
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException, KinesisError, ResourceNotFoundException
from headwater.model.queue import Queue
from headwater.model.stream import Stream


def queue_id_of(engine: Engine, caller: Caller, arn: str) -> tuple[StreamName, str]:
    """The stream of a queue, and the queue's id.

    Raises InvalidArgumentException for text that is no queue's ARN, ResourceNotFoundException, and
    UnrecognizedClientException for an account that nobody has heard of.
    """
    named = parse_queue_arn(arn)
    if named is None:
        raise InvalidArgumentException(f"{arn} is not the ARN of a queue.")
    if named[:2] != caller:
        raise _elsewhere(engine, caller, named, arn)
    stream = engine.queues.stream_of(named)
    if stream is None:
        raise _not_found(arn)
    return stream, named.queue_id


async def queue_of_arn(engine: Engine, caller: Caller, arn: str) -> tuple[Stream, Queue]:
    """The queue that an ARN names, in any state, and its stream. Raises what `queue_id_of` raises."""
    name, queue_id = queue_id_of(engine, caller, arn)
    stream = await engine.stream(name)
    return stream, find_queue(stream, queue_id)


async def live_queue_of_arn(engine: Engine, caller: Caller, arn: str) -> LiveQueue:
    """The queue at work.

    Raises what `queue_id_of` raises, and ResourceNotFoundException unless it delivers.
    """
    queue = engine.queues.at_work(caller, arn)
    if queue is not None and engine.settled(queue.of_stream) is not None:
        return queue
    queue = engine.queues.live(*await queue_of_arn(engine, caller, arn))
    engine.queues.know(caller, arn, queue)
    return queue


def _elsewhere(engine: Engine, caller: Caller, named: QueueId, arn: str) -> KinesisError:
    error = elsewhere(engine, caller, StreamName(named.account_id, named.region, ""))
    return _not_found(arn) if isinstance(error, ResourceNotFoundException) else error


def _not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Queue {arn} not found.")
