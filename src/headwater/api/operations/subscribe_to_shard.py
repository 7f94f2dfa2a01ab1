"""SubscribeToShard: a shard's records pushed to a registered consumer, for five minutes."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.api import requests
from headwater.api.descriptions import describe_child_shard
from headwater.api.dry_run import stop_dry_run
from headwater.api.stream_reference import consumer_of_arn
from headwater.api.streamed_answer import StreamedAnswer
from headwater.engine.active_subscription import SubscriptionKey
from headwater.engine.consumers import require_active_consumer
from headwater.engine.engine import Engine
from headwater.engine.fan_out import FanOutEvent, require_free, subscribe
from headwater.engine.iterator_types import Start, position_of
from headwater.engine.stream_checks import known_shard, shard_index
from headwater.model.caller import Caller


async def subscribe_to_shard(
    engine: Engine, caller: Caller, request: requests.SubscribeToShardInput
) -> StreamedAnswer:
    """The consumer must be ACTIVE; every starting position of a shard iterator is one here."""
    found, consumer = await consumer_of_arn(engine, caller, request.ConsumerARN)
    index = shard_index(found.full_name, request.ShardId)
    stream = (await engine.serving(found.full_name)).stream
    require_active_consumer(stream, consumer)
    shard = known_shard(stream, index)
    start = request.StartingPosition
    position = await position_of(
        engine, stream, shard, Start(start.Type, start.SequenceNumber, start.Timestamp)
    )
    key = SubscriptionKey(stream.full_name, stream.created_ms, consumer.name, consumer.created_s, shard.index)
    require_free(engine, key)
    stop_dry_run(request)
    return StreamedAnswer("SubscribeToShardEvent", await subscribe(engine, key, position), _described)


def _described(event: FanOutEvent) -> Mapping[str, object]:
    page = event.page
    described: dict[str, object] = {
        "Records": page.records,
        "MillisBehindLatest": page.millis_behind_latest,
    }
    if event.continuation_sequence_number is None:
        described["ChildShards"] = [describe_child_shard(child) for child in page.children]
    else:
        described["ContinuationSequenceNumber"] = event.continuation_sequence_number
    return described
