"""The operation table: every operation of the API, one line each.

An operation's name leads to its module, its test and its row in the
documentation. One without a module is known to the API, but not offered yet.
A module is imported by its operation's first call: most servers are asked for few.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from headwater.model.caller import Caller

if TYPE_CHECKING:
    from headwater.api.streamed_answer import StreamedAnswer
    from headwater.engine.engine import Engine

Answered: TypeAlias = "Mapping[str, object] | StreamedAnswer | None"
"""A document, a stream of events, or `None` for no output."""
Handler: TypeAlias = "Callable[[Engine, Caller, Any], Coroutine[Any, None, Answered]]"
"""Takes a checked request: the struct that the operation's own signature names."""


class Operation:
    """One operation of the API."""

    __slots__ = ("_load", "handler", "is_offered", "name")

    handler: Handler | None
    """`None` while the operation is not offered. Loaded when it is first asked for."""

    def __init__(
        self, name: str, handler: Handler | None = None, load: Callable[[], Handler] | None = None
    ) -> None:
        """`load`, if there is one, gives the handler."""
        self.name = name
        self.is_offered = handler is not None or load is not None
        if load is None:
            self.handler = handler
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

        return Operation(self.name, load=load if self.is_offered else None)


def _offered(name: str, word: str) -> Operation:
    def load() -> Handler:
        handler: Handler = getattr(import_module(f"headwater.api.operations.{word}"), word)
        return handler

    return Operation(name, load=load)


_TABLE = (
    Operation("AcknowledgeDeadLetterQueueRecords"),
    Operation("AcknowledgeQueueRecords"),
    _offered("AddTagsToStream", "add_tags_to_stream"),
    Operation("CreateChannel"),
    Operation("CreateQueue"),
    _offered("CreateStream", "create_stream"),
    _offered("DecreaseStreamRetentionPeriod", "decrease_stream_retention_period"),
    Operation("DeleteChannel"),
    Operation("DeleteQueue"),
    _offered("DeleteResourcePolicy", "delete_resource_policy"),
    _offered("DeleteStream", "delete_stream"),
    _offered("DeregisterStreamConsumer", "deregister_stream_consumer"),
    _offered("DescribeAccountSettings", "describe_account_settings"),
    Operation("DescribeChannel"),
    _offered("DescribeLimits", "describe_limits"),
    Operation("DescribeQueue"),
    _offered("DescribeStream", "describe_stream"),
    _offered("DescribeStreamConsumer", "describe_stream_consumer"),
    _offered("DescribeStreamSummary", "describe_stream_summary"),
    _offered("DisableEnhancedMonitoring", "disable_enhanced_monitoring"),
    _offered("EnableEnhancedMonitoring", "enable_enhanced_monitoring"),
    _offered("GetRecords", "get_records"),
    _offered("GetResourcePolicy", "get_resource_policy"),
    _offered("GetShardIterator", "get_shard_iterator"),
    _offered("IncreaseStreamRetentionPeriod", "increase_stream_retention_period"),
    Operation("ListChannels"),
    Operation("ListQueues"),
    _offered("ListShards", "list_shards"),
    _offered("ListStreamConsumers", "list_stream_consumers"),
    _offered("ListStreams", "list_streams"),
    _offered("ListTagsForResource", "list_tags_for_resource"),
    _offered("ListTagsForStream", "list_tags_for_stream"),
    _offered("MergeShards", "merge_shards"),
    _offered("PutRecord", "put_record"),
    _offered("PutRecords", "put_records"),
    _offered("PutResourcePolicy", "put_resource_policy"),
    Operation("ReceiveDeadLetterQueueRecords"),
    Operation("ReceiveQueueRecords"),
    _offered("RegisterStreamConsumer", "register_stream_consumer"),
    _offered("RemoveTagsFromStream", "remove_tags_from_stream"),
    Operation("RestoreDeadLetterQueueRecords"),
    _offered("SplitShard", "split_shard"),
    _offered("StartStreamEncryption", "start_stream_encryption"),
    _offered("StopStreamEncryption", "stop_stream_encryption"),
    _offered("SubscribeToShard", "subscribe_to_shard"),
    _offered("TagResource", "tag_resource"),
    _offered("UntagResource", "untag_resource"),
    _offered("UpdateAccountSettings", "update_account_settings"),
    Operation("UpdateChannel"),
    Operation("UpdateDeadLetterQueueRecordsVisibility"),
    _offered("UpdateMaxRecordSize", "update_max_record_size"),
    Operation("UpdateQueue"),
    Operation("UpdateQueueRecordsVisibility"),
    _offered("UpdateShardCount", "update_shard_count"),
    _offered("UpdateStreamMode", "update_stream_mode"),
    _offered("UpdateStreamRecordDistributionStrategy", "update_stream_record_distribution_strategy"),
    _offered("UpdateStreamWarmThroughput", "update_stream_warm_throughput"),
)

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _TABLE}
