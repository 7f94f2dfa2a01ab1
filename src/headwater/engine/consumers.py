"""Consumers of a stream: registering, finding by name or ARN, deregistering."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headwater.engine.limits.limits import CREATING_CONSUMERS_MAX
from headwater.model.arn import ConsumerName, consumer_arn
from headwater.model.consumer import Consumer
from headwater.model.errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from headwater.model.stream import Stream


def arn_of(stream: Stream, consumer: Consumer) -> str:
    """The ARN of a consumer of the stream."""
    return consumer_arn(stream.full_name, consumer.name, consumer.created_s)


PAST_CONSUMERS_MAX = 100
"""So many names of consumers that are gone are remembered, those created last."""


def created_ms(stream: Stream, name: str, now_ms: int) -> int:
    """When a consumer of this name that is registered now is created, as its ARN has it.

    That is in a later second than any of its name before, whatever the clock says.
    """
    past_s = stream.past_consumers_s.get(name, stream.past_consumers_rest_s)
    return max(now_ms, stream.created_ms, (past_s + 1) * 1000)


def remember_consumers(stream: Stream, gone: Sequence[Consumer]) -> Stream:
    """The stream that remembers when these consumers, which it has no more, were created."""
    if not gone:
        return stream
    known = {**stream.past_consumers_s, **{consumer.name: consumer.created_s for consumer in gone}}
    newest_last = sorted(known.items(), key=lambda item: (item[1], item[0]))
    dropped, kept = newest_last[:-PAST_CONSUMERS_MAX], newest_last[-PAST_CONSUMERS_MAX:]
    rest_s = max(stream.past_consumers_rest_s, *(second for _, second in dropped), -1)
    return msgspec.structs.replace(stream, past_consumers_s=dict(kept), past_consumers_rest_s=rest_s)


def register(stream: Stream, consumer: Consumer, consumers_max: int) -> Stream:
    """The stream with one more consumer.

    Raises ResourceInUseException when the name is taken and LimitExceededException
    when the stream has `consumers_max` of them, its queues counted with them, or five that are CREATING.
    """
    if stream.consumer(consumer.name):
        raise ResourceInUseException(
            f"Consumer under stream {stream.arn} with name {consumer.name} already exists."
        )
    require_room_for_consumer(stream, consumers_max)
    if sum(other.status == "CREATING" for other in stream.consumers) >= CREATING_CONSUMERS_MAX:
        raise LimitExceededException(
            f"Stream {stream.label} has {CREATING_CONSUMERS_MAX} consumers in state CREATING, "
            "which is the most that can be created simultaneously."
        )
    return msgspec.structs.replace(stream, consumers=(*stream.consumers, consumer))


def require_room_for_consumer(stream: Stream, consumers_max: int) -> None:
    """Raise LimitExceededException when the stream has so many consumers: queues are counted with them."""
    if len(stream.consumers) + len(stream.queues) >= consumers_max:
        raise LimitExceededException(
            f"Stream {stream.label} has reached its limit of {consumers_max} registered consumers."
        )


def find_by_name(stream: Stream, name: str) -> Consumer:
    """The consumer of this name. Raises ResourceNotFoundException."""
    consumer = stream.consumer(name)
    if consumer is None:
        raise ResourceNotFoundException(f"Consumer under stream {stream.arn} with name {name} not found.")
    return consumer


def find_by_arn(stream: Stream, named: ConsumerName, arn: str) -> Consumer:
    """The consumer of this ARN, its creation time included. Raises ResourceNotFoundException."""
    consumer = stream.consumer(named.name)
    if consumer is None or consumer.created_s != named.created_s:
        raise ResourceNotFoundException(f"Consumer {arn} not found.")
    return consumer


def require_active_consumer(stream: Stream, consumer: Consumer) -> None:
    """Raise ResourceInUseException unless the consumer is ACTIVE."""
    if consumer.status != "ACTIVE":
        raise ResourceInUseException(
            f"Consumer {consumer.name} with creation timestamp {consumer.created_s} "
            f"under stream {stream.name} and account {stream.account_id} is not in ACTIVE status."
        )


def replace_consumer(stream: Stream, consumer: Consumer) -> Stream:
    """The stream with a new value of one of its consumers."""
    consumers = tuple(consumer if other.name == consumer.name else other for other in stream.consumers)
    return msgspec.structs.replace(stream, consumers=consumers)
