"""How often each operation may be called, when the limits of AWS are enforced.

The rates are those that the API model's texts state; an operation without a row has
none. A call counts once its request is valid, whatever comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from headwater.api.operation import Handler, Operation
from headwater.api.stream_reference import stream_name_in
from headwater.api.streamed_answer import StreamedAnswer
from headwater.engine.caller import Caller
from headwater.engine.engine import Engine
from headwater.engine.token_bucket import TokenBucket
from headwater.model.errors import (
    KinesisError,
    LimitExceededException,
    ProvisionedThroughputExceededException,
)

_ACCOUNT: tuple[str, ...] = ()
_STREAM = ("stream",)
_SHARD = ("stream", "ShardId")
_CONSUMER_OF_SHARD = ("ConsumerARN", "ShardId")
_BUCKETS_MAX = 100_000


class CallRate(NamedTuple):
    """One row."""

    calls_per_s: int
    of_each: tuple[str, ...] = _ACCOUNT
    """What has a rate of its own in an account and region: members of the request; `stream` is its stream."""
    error: type[KinesisError] = LimitExceededException


CALL_RATES = {
    "AddTagsToStream": CallRate(5),
    "CreateStream": CallRate(5),
    "DeleteStream": CallRate(5),
    "DeregisterStreamConsumer": CallRate(5, _STREAM),
    "DescribeAccountSettings": CallRate(5),
    "DescribeLimits": CallRate(1),
    "DescribeStream": CallRate(10),
    "DescribeStreamConsumer": CallRate(20, _STREAM),
    "DescribeStreamSummary": CallRate(20),
    "GetShardIterator": CallRate(5, _SHARD, ProvisionedThroughputExceededException),
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
    "UpdateShardCount": CallRate(10),
    "UpdateStreamWarmThroughput": CallRate(5),
}


def rated(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """The operations, each refusing calls beyond its rate."""
    buckets: dict[tuple[Any, ...], TokenBucket] = {}
    return {
        name: operation._replace(handler=_rated(name, operation.handler, CALL_RATES[name], buckets))
        if operation.handler is not None and name in CALL_RATES
        else operation
        for name, operation in operations.items()
    }


def _rated(
    name: str, handler: Handler, rate: CallRate, buckets: dict[tuple[Any, ...], TokenBucket]
) -> Handler:
    async def handle(engine: Engine, caller: Caller, request: Any) -> dict[str, Any] | StreamedAnswer | None:
        now_ms = engine.now_ms()
        stream = stream_name_in(request)
        of_each = [stream if member == "stream" else getattr(request, member) for member in rate.of_each]
        key = (name, *caller, *of_each)
        bucket = buckets.get(key)
        if bucket is None:
            if len(buckets) >= _BUCKETS_MAX:
                buckets.clear()
            bucket = buckets[key] = TokenBucket(rate.calls_per_s, now_ms)
        if not bucket.has(1, now_ms):
            shard = f"shard {request.ShardId} in " if "ShardId" in rate.of_each else ""
            what = f" for {shard}stream {stream}" if stream else ""
            raise rate.error(f"Rate exceeded{what} under account {caller.account_id}.")
        bucket.use(1)
        return await handler(engine, caller, request)

    return handle
