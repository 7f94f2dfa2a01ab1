"""How a request names its stream or consumer: by name, by ARN, or by both.

Streams of other accounts and regions are never seen: an ARN that names one is
answered as if it did not exist, and one of an account that nobody has heard of says so.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from headwater.engine.consumers import find_by_arn, find_by_name
from headwater.engine.engine import Engine, not_found
from headwater.model.arn import StreamName, parse_consumer_arn, parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.consumer import Consumer
from headwater.model.errors import (
    InvalidArgumentException,
    KinesisError,
    UnrecognizedClientException,
    ValidationException,
)
from headwater.model.stream import Stream

_new_name = tuple.__new__
"""A third of the time of `StreamName(...)`."""


class NamesStream(Protocol):
    """A request that can name its stream in two ways."""

    StreamName: str | None
    StreamARN: str | None


class NamesConsumer(Protocol):
    """A request that can name its consumer in two ways."""

    ConsumerARN: str | None
    ConsumerName: str | None
    StreamARN: str | None


def stream_named(engine: Engine, caller: Caller, request: NamesStream) -> StreamName:
    """The stream that `StreamName`, `StreamARN`, or both name: one of them is there.

    Raises InvalidArgumentException when they contradict each other.
    """
    name = request.StreamName
    if request.StreamARN is None:
        assert name is not None, "a request that names no stream is refused before"
        return _new_name(StreamName, (*caller, name))
    named = stream_of_arn(engine, caller, request.StreamARN)
    if name is not None and name != named.name:
        raise InvalidArgumentException(
            f"StreamName {name} and StreamARN {request.StreamARN} do not name the same stream."
        )
    return named


def stream_of_arn(engine: Engine, caller: Caller, arn: str | None) -> StreamName:
    """The stream that an ARN names.

    Raises ValidationException when there is none, InvalidArgumentException for text that is none,
    ResourceNotFoundException for one of another account or region, and
    UnrecognizedClientException for one of no account.
    """
    if arn is None:
        raise missing("streamARN")
    named = parse_stream_arn(arn)
    if named is None:
        raise InvalidArgumentException(f"{arn} is not the ARN of a stream.")
    if named[:2] != caller:
        raise elsewhere(engine, caller, named)
    return named


def stream_name_in(request: msgspec.Struct) -> str | None:
    """The name of the stream that the request names in one way or another; nothing is checked."""
    name: str | None = getattr(request, "StreamName", None)
    for member in ("StreamARN", "ConsumerARN", "ResourceARN"):
        arn: str = getattr(request, member, None) or ""
        name = name or arn.partition(":stream/")[2].partition("/")[0]
    return name or None


async def consumer_named(engine: Engine, caller: Caller, request: NamesConsumer) -> tuple[Stream, Consumer]:
    """The consumer that `ConsumerARN`, or `StreamARN` and `ConsumerName`, or all three name.

    Raises InvalidArgumentException when they do not suffice or contradict each
    other, and ResourceNotFoundException.
    """
    if request.ConsumerARN is None:
        if request.StreamARN is None or request.ConsumerName is None:
            raise InvalidArgumentException(
                "Either the ConsumerARN, or the StreamARN and the ConsumerName must be specified."
            )
        stream = await engine.stream(stream_of_arn(engine, caller, request.StreamARN))
        return stream, find_by_name(stream, request.ConsumerName)
    stream, consumer = await consumer_of_arn(engine, caller, request.ConsumerARN)
    contradicts_name = request.ConsumerName is not None and request.ConsumerName != consumer.name
    contradicts_stream = request.StreamARN is not None and request.StreamARN != stream.arn
    if contradicts_name or contradicts_stream:
        raise InvalidArgumentException(
            f"The ConsumerARN {request.ConsumerARN} contradicts the StreamARN or the ConsumerName."
        )
    return stream, consumer


async def consumer_of_arn(engine: Engine, caller: Caller, arn: str) -> tuple[Stream, Consumer]:
    """The consumer that an ARN names. Raises ResourceNotFoundException and InvalidArgumentException."""
    named = parse_consumer_arn(arn)
    if named is None:
        raise InvalidArgumentException(f"{arn} is not the ARN of a consumer.")
    if named.stream[:2] != caller:
        raise elsewhere(engine, caller, named.stream)
    stream = await engine.stream(named.stream)
    return stream, find_by_arn(stream, named, arn)


def elsewhere(engine: Engine, caller: Caller, named: StreamName) -> KinesisError:
    """The answer for a stream of another account or region. The text for no account was seen at AWS."""
    if named.account_id != caller.account_id and not engine.knows_account(named.account_id):
        return UnrecognizedClientException("No account found for the given parameters")
    return not_found(named)


def missing(member: str) -> ValidationException:
    """The answer for a member that the model leaves optional, but this request needs."""
    return ValidationException(
        f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
        "Member must not be null"
    )
