"""How streams, shards and consumers look in answers. AWS leaves out what does not apply."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from headwater.api import answers
from headwater.engine.consumers import arn_of
from headwater.engine.limits.on_demand_scaling import shards_for
from headwater.model.consumer import Consumer
from headwater.model.instant import Instant
from headwater.model.shard import Shard, shard_id_of
from headwater.model.stream import Scale, SplitEvenly, Stream


class StreamHead(TypedDict):
    """The members that `StreamDescription` and `StreamDescriptionSummary` share."""

    StreamName: str
    StreamARN: str
    StreamStatus: str
    StreamModeDetails: answers.StreamModeDetails
    RetentionPeriodHours: int
    StreamCreationTimestamp: Instant
    EnhancedMonitoring: list[answers.EnhancedMetrics]
    EncryptionType: str
    KeyId: NotRequired[str]


class _Lineage(TypedDict, total=False):
    ParentShardId: str
    AdjacentParentShardId: str


def describe_shard(shard: Shard) -> answers.Shard:
    """The shape `Shard`."""
    lineage: _Lineage = {}
    parents = shard.parent_indexes
    if parents:
        lineage["ParentShardId"] = shard_id_of(parents[0])
    if len(parents) > 1:
        lineage["AdjacentParentShardId"] = shard_id_of(parents[1])
    numbers: answers.SequenceNumberRange = {"StartingSequenceNumber": shard.starting_sequence_number}
    if shard.ending_sequence_number:
        numbers["EndingSequenceNumber"] = shard.ending_sequence_number
    return {
        "ShardId": shard.shard_id,
        **lineage,
        "HashKeyRange": describe_hash_key_range(shard),
        "SequenceNumberRange": numbers,
    }


def describe_child_shard(shard: Shard) -> answers.ChildShard:
    """The shape `ChildShard`."""
    return {
        "ShardId": shard.shard_id,
        "ParentShards": [shard_id_of(index) for index in shard.parent_indexes],
        "HashKeyRange": describe_hash_key_range(shard),
    }


def describe_hash_key_range(shard: Shard) -> answers.HashKeyRange:
    """The shape `HashKeyRange`."""
    return {"StartingHashKey": shard.starting_hash_key, "EndingHashKey": shard.ending_hash_key}


def describe_stream_head(stream: Stream) -> StreamHead:
    """A stream without its shards and counts."""
    described: StreamHead = {
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


def describe_consumer(stream: Stream, consumer: Consumer) -> answers.Consumer:
    """The shape `Consumer`."""
    return {
        "ConsumerName": consumer.name,
        "ConsumerARN": arn_of(stream, consumer),
        "ConsumerStatus": consumer.status,
        "ConsumerCreationTimestamp": whole_seconds(consumer.created_ms),
    }


def describe_warm_throughput(stream: Stream) -> answers.WarmThroughputObject:
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
