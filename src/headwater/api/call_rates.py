"""How often each operation may be called, where limits are enforced.

The rates are those that the API model's texts state; an operation without a row has
none. Of queues no text says any: those that create, change, describe and list them have the
rates of what is like them, and what is done with their records has none. A call counts once
its request is valid, whatever comes of it. The rates of an account hold while all streams are
limited; those of a stream, while that stream is.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import cast

import msgspec

from headwater.api import requests
from headwater.api.operation import Answered, Handler, Operation
from headwater.engine.engine import Engine
from headwater.model.arn import StreamName, parse_consumer_arn, parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.errors import (
    KinesisError,
    LimitExceededException,
    ProvisionedThroughputExceededException,
    ResourceNotFoundException,
)

_ACCOUNT: tuple[str, ...] = ()
_STREAM = ("stream",)
_SHARD = ("stream", "ShardId")
_CONSUMER_OF_SHARD = ("ConsumerARN", "ShardId")


class CallRate(msgspec.Struct, frozen=True):
    """One row."""

    calls_per_s: int
    of_each: tuple[str, ...] = _ACCOUNT
    """What has a rate of its own in an account and region: members of the request; `stream` is its stream."""
    error: type[KinesisError] = LimitExceededException


CALL_RATES = {
    "AddTagsToStream": CallRate(5),
    "CreateChannel": CallRate(5),
    "CreateQueue": CallRate(5),
    "CreateStream": CallRate(5),
    "DeleteChannel": CallRate(5),
    "DeleteQueue": CallRate(5),
    "DeleteStream": CallRate(5),
    "DeregisterStreamConsumer": CallRate(5, _STREAM),
    "DescribeAccountSettings": CallRate(5),
    "DescribeChannel": CallRate(5),
    "DescribeLimits": CallRate(1),
    "DescribeQueue": CallRate(20),
    "DescribeStream": CallRate(10),
    "DescribeStreamConsumer": CallRate(20, _STREAM),
    "DescribeStreamSummary": CallRate(20),
    "GetShardIterator": CallRate(5, _SHARD, ProvisionedThroughputExceededException),
    "ListChannels": CallRate(5),
    "ListQueues": CallRate(5),
    "ListShards": CallRate(1000, _STREAM),
    "ListStreamConsumers": CallRate(5, _STREAM),
    "ListStreams": CallRate(5),
    "ListTagsForStream": CallRate(5),
    "MergeShards": CallRate(5),
    "RegisterStreamConsumer": CallRate(5),
    "RemoveTagsFromStream": CallRate(5),
    "SplitShard": CallRate(5),
    "SubscribeToShard": CallRate(1, _CONSUMER_OF_SHARD),
    "UpdateAccountSettings": CallRate(5),
    "UpdateChannel": CallRate(5),
    "UpdateQueue": CallRate(5),
    "UpdateShardCount": CallRate(10),
    "UpdateStreamWarmThroughput": CallRate(5),
}


def rated(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """The operations, each refusing calls beyond its rate where that holds."""
    return {
        name: operation.wrapped(partial(_rated, name, CALL_RATES[name])) if name in CALL_RATES else operation
        for name, operation in operations.items()
    }


def _rated(name: str, rate: CallRate, handler: Handler) -> Handler:
    async def handle(engine: Engine, caller: Caller, request: msgspec.Struct) -> Answered:
        stream = _stream_of(caller, request) if rate.of_each else None
        if engine.enforcement.limits_calls(stream):
            members = [getattr(request, member) for member in rate.of_each if member != "stream"]
            if not engine.enforcement.counts((name, caller, stream, *members), rate.calls_per_s):
                if "ConsumerARN" in rate.of_each:
                    _count_refused_subscription(
                        engine, cast("requests.SubscribeToShardInput", request).ConsumerARN
                    )
                raise rate.error(_exceeded(rate, caller, stream, request))
        return await handler(engine, caller, request)

    return handle


def _count_refused_subscription(engine: Engine, consumer_arn: str) -> None:
    named = parse_consumer_arn(consumer_arn)
    if named is None:
        return
    with suppress(ResourceNotFoundException):
        live = engine.live(named.stream)
        if live.stream.consumer(named.name) is not None:
            live.metrics.subscription_refused(named.name)


def _exceeded(rate: CallRate, caller: Caller, stream: StreamName | None, request: msgspec.Struct) -> str:
    shard = f"shard {getattr(request, 'ShardId', '')} in " if "ShardId" in rate.of_each else ""
    what = f" for {shard}stream {stream.name}" if stream else ""
    return f"Rate exceeded{what} under account {stream.account_id if stream else caller.account_id}."


def _stream_of(caller: Caller, request: msgspec.Struct) -> StreamName | None:
    """The stream that the request names in one way or another."""
    arn: str | None = getattr(request, "StreamARN", None)
    if arn is not None:
        return parse_stream_arn(arn)
    consumer_arn: str | None = getattr(request, "ConsumerARN", None)
    if consumer_arn is not None:
        consumer = parse_consumer_arn(consumer_arn)
        return consumer.stream if consumer else None
    name: str | None = getattr(request, "StreamName", None)
    return StreamName(*caller, name) if name else None
