"""The operation table: every operation of the API, one line each.

An operation's name leads to its module, its test and its row in the
documentation. One without a module is known to the API, but not offered yet.
A module is imported by its operation's first call: most servers are asked for few.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from headwater.api import offered
from headwater.model.caller import Caller

if TYPE_CHECKING:
    from headwater.api.held_answer import HeldAnswer
    from headwater.api.streamed_answer import StreamedAnswer
    from headwater.engine.engine import Engine

Answered: TypeAlias = "Mapping[str, object] | HeldAnswer | StreamedAnswer | None"
"""A document, one that comes later, a stream of events, or `None` for no output."""
Handler: TypeAlias = "Callable[[Engine, Caller, Any], Coroutine[Any, None, Answered]]"
"""Takes a checked request: the struct that the operation's own signature names."""


class Operation:
    """One operation of the API."""

    __slots__ = ("_load", "handler", "is_offered", "name")

    handler: Handler | None
    """`None` while the operation is not offered. Loaded when it is first asked for."""

    def __init__(self, name: str, load: Callable[[], Handler] | None = None) -> None:
        """`load` gives the handler, when it is first asked for; `None`: it is not offered."""
        self.name = name
        self.is_offered = load is not None
        if load is None:
            self.handler = None
        else:
            self._load = load

    def __getattr__(self, name: str) -> Any:
        """The handler, the first time: from then on it is an attribute, and costs what one does."""
        if name != "handler":
            raise AttributeError(name)
        self.handler = self._load()
        return self.handler

    def wrapped(self, wrap: Callable[[Handler], Handler]) -> Operation:
        """The same operation with another handler around its own, if it is offered."""

        def load() -> Handler:
            assert self.handler is not None
            return wrap(self.handler)

        return Operation(self.name, load if self.is_offered else None)


_TABLE = (
    Operation("AcknowledgeDeadLetterQueueRecords", lambda: offered.acknowledge_dead_letter_queue_records),
    Operation("AcknowledgeQueueRecords", lambda: offered.acknowledge_queue_records),
    Operation("AddTagsToStream", lambda: offered.add_tags_to_stream),
    Operation("CreateChannel", lambda: offered.create_channel),
    Operation("CreateQueue", lambda: offered.create_queue),
    Operation("CreateStream", lambda: offered.create_stream),
    Operation("DecreaseStreamRetentionPeriod", lambda: offered.decrease_stream_retention_period),
    Operation("DeleteChannel", lambda: offered.delete_channel),
    Operation("DeleteQueue", lambda: offered.delete_queue),
    Operation("DeleteResourcePolicy", lambda: offered.delete_resource_policy),
    Operation("DeleteStream", lambda: offered.delete_stream),
    Operation("DeregisterStreamConsumer", lambda: offered.deregister_stream_consumer),
    Operation("DescribeAccountSettings", lambda: offered.describe_account_settings),
    Operation("DescribeChannel", lambda: offered.describe_channel),
    Operation("DescribeLimits", lambda: offered.describe_limits),
    Operation("DescribeQueue", lambda: offered.describe_queue),
    Operation("DescribeStream", lambda: offered.describe_stream),
    Operation("DescribeStreamConsumer", lambda: offered.describe_stream_consumer),
    Operation("DescribeStreamSummary", lambda: offered.describe_stream_summary),
    Operation("DisableEnhancedMonitoring", lambda: offered.disable_enhanced_monitoring),
    Operation("EnableEnhancedMonitoring", lambda: offered.enable_enhanced_monitoring),
    Operation("GetRecords", lambda: offered.get_records),
    Operation("GetResourcePolicy", lambda: offered.get_resource_policy),
    Operation("GetShardIterator", lambda: offered.get_shard_iterator),
    Operation("IncreaseStreamRetentionPeriod", lambda: offered.increase_stream_retention_period),
    Operation("ListChannels", lambda: offered.list_channels),
    Operation("ListQueues", lambda: offered.list_queues),
    Operation("ListShards", lambda: offered.list_shards),
    Operation("ListStreamConsumers", lambda: offered.list_stream_consumers),
    Operation("ListStreams", lambda: offered.list_streams),
    Operation("ListTagsForResource", lambda: offered.list_tags_for_resource),
    Operation("ListTagsForStream", lambda: offered.list_tags_for_stream),
    Operation("MergeShards", lambda: offered.merge_shards),
    Operation("PutRecord", lambda: offered.put_record),
    Operation("PutRecords", lambda: offered.put_records),
    Operation("PutResourcePolicy", lambda: offered.put_resource_policy),
    Operation("ReceiveDeadLetterQueueRecords", lambda: offered.receive_dead_letter_queue_records),
    Operation("ReceiveQueueRecords", lambda: offered.receive_queue_records),
    Operation("RegisterStreamConsumer", lambda: offered.register_stream_consumer),
    Operation("RemoveTagsFromStream", lambda: offered.remove_tags_from_stream),
    Operation("RestoreDeadLetterQueueRecords", lambda: offered.restore_dead_letter_queue_records),
    Operation("SplitShard", lambda: offered.split_shard),
    Operation("StartStreamEncryption", lambda: offered.start_stream_encryption),
    Operation("StopStreamEncryption", lambda: offered.stop_stream_encryption),
    Operation("SubscribeToShard", lambda: offered.subscribe_to_shard),
    Operation("TagResource", lambda: offered.tag_resource),
    Operation("UntagResource", lambda: offered.untag_resource),
    Operation("UpdateAccountSettings", lambda: offered.update_account_settings),
    Operation("UpdateChannel", lambda: offered.update_channel),
    Operation(
        "UpdateDeadLetterQueueRecordsVisibility", lambda: offered.update_dead_letter_queue_records_visibility
    ),
    Operation("UpdateMaxRecordSize", lambda: offered.update_max_record_size),
    Operation("UpdateQueue", lambda: offered.update_queue),
    Operation("UpdateQueueRecordsVisibility", lambda: offered.update_queue_records_visibility),
    Operation("UpdateShardCount", lambda: offered.update_shard_count),
    Operation("UpdateStreamMode", lambda: offered.update_stream_mode),
    Operation(
        "UpdateStreamRecordDistributionStrategy", lambda: offered.update_stream_record_distribution_strategy
    ),
    Operation("UpdateStreamWarmThroughput", lambda: offered.update_stream_warm_throughput),
)

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _TABLE}
