"""The operation table: every operation of the API, one line each.

An operation's name leads to its module, its test and its row in the
documentation. One without a module is known to the API, but not offered yet.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, TypeAlias

from headwater.api.held_answer import HeldAnswer
from headwater.api.operations.acknowledge_dead_letter_queue_records import (
    acknowledge_dead_letter_queue_records,
)
from headwater.api.operations.acknowledge_queue_records import acknowledge_queue_records
from headwater.api.operations.add_tags_to_stream import add_tags_to_stream
from headwater.api.operations.create_queue import create_queue
from headwater.api.operations.create_stream import create_stream
from headwater.api.operations.decrease_stream_retention_period import decrease_stream_retention_period
from headwater.api.operations.delete_queue import delete_queue
from headwater.api.operations.delete_resource_policy import delete_resource_policy
from headwater.api.operations.delete_stream import delete_stream
from headwater.api.operations.deregister_stream_consumer import deregister_stream_consumer
from headwater.api.operations.describe_account_settings import describe_account_settings
from headwater.api.operations.describe_limits import describe_limits
from headwater.api.operations.describe_queue import describe_queue
from headwater.api.operations.describe_stream import describe_stream
from headwater.api.operations.describe_stream_consumer import describe_stream_consumer
from headwater.api.operations.describe_stream_summary import describe_stream_summary
from headwater.api.operations.disable_enhanced_monitoring import disable_enhanced_monitoring
from headwater.api.operations.enable_enhanced_monitoring import enable_enhanced_monitoring
from headwater.api.operations.get_records import get_records
from headwater.api.operations.get_resource_policy import get_resource_policy
from headwater.api.operations.get_shard_iterator import get_shard_iterator
from headwater.api.operations.increase_stream_retention_period import increase_stream_retention_period
from headwater.api.operations.list_queues import list_queues
from headwater.api.operations.list_shards import list_shards
from headwater.api.operations.list_stream_consumers import list_stream_consumers
from headwater.api.operations.list_streams import list_streams
from headwater.api.operations.list_tags_for_resource import list_tags_for_resource
from headwater.api.operations.list_tags_for_stream import list_tags_for_stream
from headwater.api.operations.merge_shards import merge_shards
from headwater.api.operations.put_record import put_record
from headwater.api.operations.put_records import put_records
from headwater.api.operations.put_resource_policy import put_resource_policy
from headwater.api.operations.receive_dead_letter_queue_records import receive_dead_letter_queue_records
from headwater.api.operations.receive_queue_records import receive_queue_records
from headwater.api.operations.register_stream_consumer import register_stream_consumer
from headwater.api.operations.remove_tags_from_stream import remove_tags_from_stream
from headwater.api.operations.restore_dead_letter_queue_records import restore_dead_letter_queue_records
from headwater.api.operations.split_shard import split_shard
from headwater.api.operations.start_stream_encryption import start_stream_encryption
from headwater.api.operations.stop_stream_encryption import stop_stream_encryption
from headwater.api.operations.subscribe_to_shard import subscribe_to_shard
from headwater.api.operations.tag_resource import tag_resource
from headwater.api.operations.untag_resource import untag_resource
from headwater.api.operations.update_account_settings import update_account_settings
from headwater.api.operations.update_dead_letter_queue_records_visibility import (
    update_dead_letter_queue_records_visibility,
)
from headwater.api.operations.update_max_record_size import update_max_record_size
from headwater.api.operations.update_queue import update_queue
from headwater.api.operations.update_queue_records_visibility import update_queue_records_visibility
from headwater.api.operations.update_shard_count import update_shard_count
from headwater.api.operations.update_stream_mode import update_stream_mode
from headwater.api.operations.update_stream_record_distribution_strategy import (
    update_stream_record_distribution_strategy,
)
from headwater.api.operations.update_stream_warm_throughput import update_stream_warm_throughput
from headwater.api.streamed_answer import StreamedAnswer
from headwater.engine.engine import Engine
from headwater.model.caller import Caller

Answered: TypeAlias = Mapping[str, object] | HeldAnswer | StreamedAnswer | None
"""A document, one that comes later, a stream of events, or `None` for no output."""
Handler: TypeAlias = Callable[[Engine, Caller, Any], Coroutine[Any, None, Answered]]
"""Takes a checked request: the struct that the operation's own signature names."""


class Operation(NamedTuple):
    """One operation of the API."""

    name: str
    handler: Handler | None
    """`None` while the operation is not offered."""


_TABLE = (
    Operation("AcknowledgeDeadLetterQueueRecords", acknowledge_dead_letter_queue_records),
    Operation("AcknowledgeQueueRecords", acknowledge_queue_records),
    Operation("AddTagsToStream", add_tags_to_stream),
    Operation("CreateChannel", None),
    Operation("CreateQueue", create_queue),
    Operation("CreateStream", create_stream),
    Operation("DecreaseStreamRetentionPeriod", decrease_stream_retention_period),
    Operation("DeleteChannel", None),
    Operation("DeleteQueue", delete_queue),
    Operation("DeleteResourcePolicy", delete_resource_policy),
    Operation("DeleteStream", delete_stream),
    Operation("DeregisterStreamConsumer", deregister_stream_consumer),
    Operation("DescribeAccountSettings", describe_account_settings),
    Operation("DescribeChannel", None),
    Operation("DescribeLimits", describe_limits),
    Operation("DescribeQueue", describe_queue),
    Operation("DescribeStream", describe_stream),
    Operation("DescribeStreamConsumer", describe_stream_consumer),
    Operation("DescribeStreamSummary", describe_stream_summary),
    Operation("DisableEnhancedMonitoring", disable_enhanced_monitoring),
    Operation("EnableEnhancedMonitoring", enable_enhanced_monitoring),
    Operation("GetRecords", get_records),
    Operation("GetResourcePolicy", get_resource_policy),
    Operation("GetShardIterator", get_shard_iterator),
    Operation("IncreaseStreamRetentionPeriod", increase_stream_retention_period),
    Operation("ListChannels", None),
    Operation("ListQueues", list_queues),
    Operation("ListShards", list_shards),
    Operation("ListStreamConsumers", list_stream_consumers),
    Operation("ListStreams", list_streams),
    Operation("ListTagsForResource", list_tags_for_resource),
    Operation("ListTagsForStream", list_tags_for_stream),
    Operation("MergeShards", merge_shards),
    Operation("PutRecord", put_record),
    Operation("PutRecords", put_records),
    Operation("PutResourcePolicy", put_resource_policy),
    Operation("ReceiveDeadLetterQueueRecords", receive_dead_letter_queue_records),
    Operation("ReceiveQueueRecords", receive_queue_records),
    Operation("RegisterStreamConsumer", register_stream_consumer),
    Operation("RemoveTagsFromStream", remove_tags_from_stream),
    Operation("RestoreDeadLetterQueueRecords", restore_dead_letter_queue_records),
    Operation("SplitShard", split_shard),
    Operation("StartStreamEncryption", start_stream_encryption),
    Operation("StopStreamEncryption", stop_stream_encryption),
    Operation("SubscribeToShard", subscribe_to_shard),
    Operation("TagResource", tag_resource),
    Operation("UntagResource", untag_resource),
    Operation("UpdateAccountSettings", update_account_settings),
    Operation("UpdateChannel", None),
    Operation("UpdateDeadLetterQueueRecordsVisibility", update_dead_letter_queue_records_visibility),
    Operation("UpdateMaxRecordSize", update_max_record_size),
    Operation("UpdateQueue", update_queue),
    Operation("UpdateQueueRecordsVisibility", update_queue_records_visibility),
    Operation("UpdateShardCount", update_shard_count),
    Operation("UpdateStreamMode", update_stream_mode),
    Operation("UpdateStreamRecordDistributionStrategy", update_stream_record_distribution_strategy),
    Operation("UpdateStreamWarmThroughput", update_stream_warm_throughput),
)

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _TABLE}
