"""How streams, shards and consumers look in answers. AWS leaves out what does not apply."""

from __future__ import annotations

from typing import Any

from headwater.engine.consumers import arn_of
from headwater.engine.limits.on_demand_scaling import shards_for
from headwater.model.consumer import Consumer
from headwater.model.instant import Instant
from headwater.model.shard import Shard, shard_id_of
from headwater.model.stream import Scale, SplitEvenly, Stream


def describe_shard(shard: Shard) -> dict[str, Any]:
    """The shape `Shard`."""
    described: dict[str, Any] = {"ShardId": shard.shard_id}
    parents = shard.parent_indexes
    if parents:
        described["ParentShardId"] = shard_id_of(parents[0])
    if len(parents) > 1:
        described["AdjacentParentShardId"] = shard_id_of(parents[1])
    described["HashKeyRange"] = describe_hash_key_range(shard)
    described["SequenceNumberRange"] = {"StartingSequenceNumber": shard.starting_sequence_number}
    if shard.ending_sequence_number:
        described["SequenceNumberRange"]["EndingSequenceNumber"] = shard.ending_sequence_number
    return described


def describe_child_shard(shard: Shard) -> dict[str, Any]:
    """The shape `ChildShard`."""
    return {
        "ShardId": shard.shard_id,
        "ParentShards": [shard_id_of(index) for index in shard.parent_indexes],
        "HashKeyRange": describe_hash_key_range(shard),
    }


def describe_hash_key_range(shard: Shard) -> dict[str, str]:
    """The shape `HashKeyRange`."""
    return {"StartingHashKey": shard.starting_hash_key, "EndingHashKey": shard.ending_hash_key}


def describe_stream_head(stream: Stream) -> dict[str, Any]:
    """What the shapes `StreamDescription` and `StreamDescriptionSummary` share."""
    described: dict[str, Any] = {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "StreamStatus": stream.status,
        "StreamModeDetails": {"StreamMode": stream.mode},
        "RetentionPeriodHours": stream.retention_hours,
        "StreamCreationTimestamp": whole_seconds(stream.created_ms),
        "EnhancedMonitoring": [{"ShardLevelMetrics": list(stream.shard_level_metrics)}],
        "EncryptionType": stream.encryption_type,
    }
    if stream.key_id is not None:
        described["KeyId"] = stream.key_id
    return described


def describe_consumer(stream: Stream, consumer: Consumer) -> dict[str, Any]:
    """The shape `Consumer`."""
    return {
        "ConsumerName": consumer.name,
        "ConsumerARN": arn_of(stream, consumer),
        "ConsumerStatus": consumer.status,
        "ConsumerCreationTimestamp": whole_seconds(consumer.created_ms),
    }


def describe_warm_throughput(stream: Stream) -> dict[str, int]:
    """The shape `WarmThroughputObject`; the current value follows the target when the stream has scaled.

    One that has more shards than the target asks for, because its load has, has that much ready.
    """
    target = stream.warm_throughput_mibps or 0
    open_shards = len(stream.open_shards)
    is_scaling = stream.transition is not None and isinstance(stream.transition.step, Scale | SplitEvenly)
    current = open_shards if is_scaling or open_shards > shards_for(target) else target
    return {"TargetMiBps": target, "CurrentMiBps": current}


def listed_shards(stream: Stream) -> list[Shard]:
    """The shards that a client sees: none while the stream is CREATING."""
    return [] if stream.status == "CREATING" else list(stream.shards)


def whole_seconds(time_ms: int) -> Instant:
    """Creation times are given in whole seconds, as AWS gives them."""
    return Instant(time_ms // 1000 * 1000)
