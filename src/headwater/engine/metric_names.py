"""The metrics of `AWS/Kinesis`, as the developer guide lists them: what each is counted in, and of what.

The three kinds have the dimensions that their names say: the stream's name, with it
the consumer's, or with it the shard's id. Two names are metrics of streams and of shards.
"""

from __future__ import annotations

NAMESPACE = "AWS/Kinesis"

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

UNITS = STREAM_METRICS | CONSUMER_METRICS | SHARD_METRICS
