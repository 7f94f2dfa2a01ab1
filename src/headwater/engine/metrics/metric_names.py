"""The metrics of `AWS/Kinesis` and `AWS/Lambda`, as the developer guides list them, and their units.

Those of Kinesis, of three kinds, have the dimensions that their names say: the stream's name, with it
the consumer's, or with it the shard's id. Two names are metrics of streams and of shards. Those of a
queue have its id and its name.
"""

from __future__ import annotations

from typing import NamedTuple

KINESIS = "AWS/Kinesis"
LAMBDA = "AWS/Lambda"

STREAM_METRICS = {
    "GetRecords.Bytes": "Bytes",
    "GetRecords.IteratorAgeMilliseconds": "Milliseconds",
    "GetRecords.Latency": "Milliseconds",
    "GetRecords.Records": "Count",
    "GetRecords.Success": "Count",
    "IncomingBytes": "Bytes",
    "IncomingRecords": "Count",
    "PutRecord.Bytes": "Bytes",
    "PutRecord.Latency": "Milliseconds",
    "PutRecord.Success": "Count",
    "PutRecords.Bytes": "Bytes",
    "PutRecords.FailedRecords": "Count",
    "PutRecords.Latency": "Milliseconds",
    "PutRecords.Records": "Count",
    "PutRecords.Success": "Count",
    "PutRecords.SuccessfulRecords": "Count",
    "PutRecords.ThrottledRecords": "Count",
    "PutRecords.TotalRecords": "Count",
    "ReadProvisionedThroughputExceeded": "Count",
    "WriteProvisionedThroughputExceeded": "Count",
}
CONSUMER_METRICS = {
    "SubscribeToShard.RateExceeded": "Count",
    "SubscribeToShard.Success": "Count",
    "SubscribeToShardEvent.Bytes": "Bytes",
    "SubscribeToShardEvent.MillisBehindLatest": "Milliseconds",
    "SubscribeToShardEvent.Records": "Count",
    "SubscribeToShardEvent.Success": "Count",
}
SHARD_METRICS = {
    "IncomingBytes": "Bytes",
    "IncomingRecords": "Count",
    "IteratorAgeMilliseconds": "Milliseconds",
    "OutgoingBytes": "Bytes",
    "OutgoingRecords": "Count",
    "ReadProvisionedThroughputExceeded": "Count",
    "WriteProvisionedThroughputExceeded": "Count",
}
"""Kept where enhanced monitoring has turned them on."""

QUEUE_METRICS = {
    "AcknowledgedQueueRecords": "Count",
    "AgeOfOldestQueueRecord": "Milliseconds",
    "EmptyReceives": "Count",
    "InFlightDeadLetterQueueRecords": "Count",
    "InFlightQueueRecords": "Count",
    "ReceivedQueueRecords": "Count",
    "VisibleDeadLetterQueueRecords": "Count",
    "VisibleQueueRecords": "Count",
}
"""The age is Headwater's own."""

FUNCTION_METRICS = {
    "AsyncEventAge": "Milliseconds",
    "AsyncEventsDropped": "Count",
    "AsyncEventsReceived": "Count",
    "ConcurrentExecutions": "Count",
    "DeadLetterErrors": "Count",
    "Duration": "Milliseconds",
    "Errors": "Count",
    "Invocations": "Count",
    "IteratorAge": "Milliseconds",
    "Throttles": "Count",
}
MAPPING_METRICS = {
    "DroppedEventCount": "Count",
    "FailedInvokeEventCount": "Count",
    "FilteredOutEventCount": "Count",
    "InvokedEventCount": "Count",
    "OnFailureDestinationDeliveredEventCount": "Count",
    "PolledEventCount": "Count",
}
"""Kept where a mapping's MetricsConfig has EventCount. `DeletedEventCount` is of queues alone."""


class Namespace(NamedTuple):
    """The metrics and dimensions of one service in CloudWatch."""

    units: dict[str, str]
    """The unit of each metric."""
    dimensions: tuple[str, ...]


NAMESPACES = {
    KINESIS: Namespace(
        STREAM_METRICS | CONSUMER_METRICS | SHARD_METRICS | QUEUE_METRICS,
        ("StreamName", "ConsumerName", "ShardId", "QueueId", "QueueName"),
    ),
    LAMBDA: Namespace(
        FUNCTION_METRICS | MAPPING_METRICS,
        ("FunctionName", "Resource", "ExecutedVersion", "EventSourceMappingUUID"),
    ),
}
