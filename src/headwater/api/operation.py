"""The operation table: every operation of the API, one line each.

An operation's name leads to its module, its test and its row in the
documentation. One without a module is known to the API, but not offered yet.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, NamedTuple, cast

from headwater.api.streamed_answer import StreamedAnswer
from headwater.engine.engine import Engine
from headwater.model.caller import Caller

Handler = Callable[[Engine, Caller, Any], Coroutine[Any, None, dict[str, Any] | StreamedAnswer | None]]
"""Takes a checked request; gives the answer: a document, a stream of events, or `None` for no output."""


class Operation(NamedTuple):
    """One operation of the API."""

    name: str
    handler: Handler | None
    """`None` while the operation is not offered."""


def _offered(name: str, module: str) -> Operation:
    loaded = import_module(f"headwater.api.operations.{module}")
    return Operation(name, cast("Handler", getattr(loaded, module)))


def _later(name: str) -> Operation:
    return Operation(name, None)


_TABLE = (
    _later("AcknowledgeDeadLetterQueueRecords"),
    _later("AcknowledgeQueueRecords"),
    _offered("AddTagsToStream", "add_tags_to_stream"),
    _later("CreateChannel"),
    _later("CreateQueue"),
    _offered("CreateStream", "create_stream"),
    _offered("DecreaseStreamRetentionPeriod", "decrease_stream_retention_period"),
    _later("DeleteChannel"),
    _later("DeleteQueue"),
    _offered("DeleteResourcePolicy", "delete_resource_policy"),
    _offered("DeleteStream", "delete_stream"),
    _offered("DeregisterStreamConsumer", "deregister_stream_consumer"),
    _offered("DescribeAccountSettings", "describe_account_settings"),
    _later("DescribeChannel"),
    _offered("DescribeLimits", "describe_limits"),
    _later("DescribeQueue"),
    _offered("DescribeStream", "describe_stream"),
    _offered("DescribeStreamConsumer", "describe_stream_consumer"),
    _offered("DescribeStreamSummary", "describe_stream_summary"),
    _offered("DisableEnhancedMonitoring", "disable_enhanced_monitoring"),
    _offered("EnableEnhancedMonitoring", "enable_enhanced_monitoring"),
    _offered("GetRecords", "get_records"),
    _offered("GetResourcePolicy", "get_resource_policy"),
    _offered("GetShardIterator", "get_shard_iterator"),
    _offered("IncreaseStreamRetentionPeriod", "increase_stream_retention_period"),
    _later("ListChannels"),
    _later("ListQueues"),
    _offered("ListShards", "list_shards"),
    _offered("ListStreamConsumers", "list_stream_consumers"),
    _offered("ListStreams", "list_streams"),
    _offered("ListTagsForResource", "list_tags_for_resource"),
    _offered("ListTagsForStream", "list_tags_for_stream"),
    _offered("MergeShards", "merge_shards"),
    _offered("PutRecord", "put_record"),
    _offered("PutRecords", "put_records"),
    _offered("PutResourcePolicy", "put_resource_policy"),
    _later("ReceiveDeadLetterQueueRecords"),
    _later("ReceiveQueueRecords"),
    _offered("RegisterStreamConsumer", "register_stream_consumer"),
    _offered("RemoveTagsFromStream", "remove_tags_from_stream"),
    _later("RestoreDeadLetterQueueRecords"),
    _offered("SplitShard", "split_shard"),
    _offered("StartStreamEncryption", "start_stream_encryption"),
    _offered("StopStreamEncryption", "stop_stream_encryption"),
    _offered("SubscribeToShard", "subscribe_to_shard"),
    _offered("TagResource", "tag_resource"),
    _offered("UntagResource", "untag_resource"),
    _offered("UpdateAccountSettings", "update_account_settings"),
    _later("UpdateChannel"),
    _later("UpdateDeadLetterQueueRecordsVisibility"),
    _offered("UpdateMaxRecordSize", "update_max_record_size"),
    _later("UpdateQueue"),
    _later("UpdateQueueRecordsVisibility"),
    _offered("UpdateShardCount", "update_shard_count"),
    _offered("UpdateStreamMode", "update_stream_mode"),
    _offered("UpdateStreamRecordDistributionStrategy", "update_stream_record_distribution_strategy"),
    _offered("UpdateStreamWarmThroughput", "update_stream_warm_throughput"),
)

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _TABLE}
