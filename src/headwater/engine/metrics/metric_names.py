"""The metrics of `AWS/Kinesis`, `AWS/Lambda` and `AWS/Firehose`, as the developer guides have them: units.

Those of Kinesis, of three kinds, have the dimensions that their names say: the stream's name, with it
the consumer's, or with it the shard's id. Two names are metrics of streams and of shards. Those of a
queue have its id and its name; those of a channel its name, its id and its stream's name.
"""

from __future__ import annotations

import msgspec

KINESIS = "AWS/Kinesis"
LAMBDA = "AWS/Lambda"
FIREHOSE = "AWS/Firehose"

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

CHANNEL_METRICS = {
    f"{destination}.{metric}": unit
    for destination, counted in {
        "DeliveryToS3": ("RecordCount", "SuccessfulRecordCount", "FailedRecordCount", "DeliverySuccess"),
        "DeliveryToIceberg": ("TotalRowCount", "SuccessfulRowCount", "FailedRowCount", "CommitSuccess"),
    }.items()
    for metric, unit in {
        "DataFreshness": "Seconds",
        "BytesIn": "Bytes",
        "BytesProcessed": "Bytes",
        "BytesOut": "Bytes",
        **dict.fromkeys((*counted, "DLQDeliverySuccess"), "Count"),
    }.items()
}
DELIVERY_STREAM_METRICS = {
    "BackupToS3.Bytes": "Bytes",
    "BackupToS3.DataFreshness": "Seconds",
    "BackupToS3.Records": "Count",
    "BackupToS3.Success": "Count",
    "DataReadFromKinesisStream.Bytes": "Bytes",
    "DataReadFromKinesisStream.Records": "Count",
    "DeliveryToHttpEndpoint.Bytes": "Bytes",
    "DeliveryToHttpEndpoint.DataFreshness": "Seconds",
    "DeliveryToHttpEndpoint.ProcessedBytes": "Bytes",
    "DeliveryToHttpEndpoint.ProcessedRecords": "Count",
    "DeliveryToHttpEndpoint.Records": "Count",
    "DeliveryToHttpEndpoint.Success": "Count",
    "DeliveryToS3.Bytes": "Bytes",
    "DeliveryToS3.DataFreshness": "Seconds",
    "DeliveryToS3.ObjectCount": "Count",
    "DeliveryToS3.Records": "Count",
    "DeliveryToS3.Success": "Count",
    "ExecuteProcessing.Duration": "Milliseconds",
    "ExecuteProcessing.Success": "Count",
    "FailedConversion.Bytes": "Bytes",
    "FailedConversion.Records": "Count",
    "IncomingBytes": "Bytes",
    "IncomingPutRequests": "Count",
    "IncomingRecords": "Count",
    "JQProcessing.Duration": "Milliseconds",
    "KinesisMillisBehindLatest": "Milliseconds",
    "OutputDecompressedBytes.Failed": "Bytes",
    "OutputDecompressedBytes.Success": "Bytes",
    "OutputDecompressedRecords.Failed": "Count",
    "OutputDecompressedRecords.Success": "Count",
    "PartitionCount": "Count",
    "PutRecord.Bytes": "Bytes",
    "PutRecord.Latency": "Milliseconds",
    "PutRecord.Requests": "Count",
    "PutRecordBatch.Bytes": "Bytes",
    "PutRecordBatch.Latency": "Milliseconds",
    "PutRecordBatch.Records": "Count",
    "PutRecordBatch.Requests": "Count",
    "SucceedConversion.Bytes": "Bytes",
    "SucceedConversion.Records": "Count",
    "SucceedProcessing.Bytes": "Bytes",
    "SucceedProcessing.Records": "Count",
    "ThrottledRecords": "Count",
}


class Namespace(msgspec.Struct, frozen=True):
    """The metrics and dimensions of one service in CloudWatch."""

    units: dict[str, str]
    """The unit of each metric."""
    dimensions: tuple[str, ...]


NAMESPACES = {
    KINESIS: Namespace(
        STREAM_METRICS | CONSUMER_METRICS | SHARD_METRICS | QUEUE_METRICS | CHANNEL_METRICS,
        ("StreamName", "ConsumerName", "ShardId", "QueueId", "QueueName", "ChannelName", "ChannelId"),
    ),
    LAMBDA: Namespace(
        FUNCTION_METRICS | MAPPING_METRICS,
        ("FunctionName", "Resource", "ExecutedVersion", "EventSourceMappingUUID"),
    ),
    FIREHOSE: Namespace(DELIVERY_STREAM_METRICS, ("DeliveryStreamName",)),
}
