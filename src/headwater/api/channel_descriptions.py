"""How channels look in answers."""

from __future__ import annotations

from headwater.api import answers
from headwater.api.descriptions import whole_seconds
from headwater.engine.channel_lifecycle import arn_of_channel
from headwater.model.channel import BucketTarget, Channel, TableTarget
from headwater.model.key_template import DEFAULT_KEY_TEMPLATE
from headwater.model.stream import Stream


def describe_channel(stream: Stream, channel: Channel) -> answers.ChannelDescription:
    """The shape `ChannelDescription`."""
    described: answers.ChannelDescription = {
        "ChannelName": channel.name,
        "ChannelARN": arn_of_channel(stream, channel),
        "ChannelId": channel.channel_id,
        "ChannelStatus": channel.status,
        "ChannelCreationTimestamp": whole_seconds(channel.created_ms),
        "ServiceExecutionRoleARN": channel.role_arn,
        "StreamConfigurationList": [_describe_stream(stream, channel)],
        "LoggingConfiguration": _describe_logging(channel),
    }
    if channel.status_reason is not None:
        described["ChannelStatusReason"] = channel.status_reason
    if isinstance(channel.target, BucketTarget):
        described["S3DestinationConfiguration"] = {
            "DataFreshnessInSeconds": channel.announced_rules.freshness_s,
            "DeadLetterQueueS3Configuration": _describe_dead_letters(channel),
            "StorageConfiguration": _describe_storage(channel.target),
        }
    else:
        described["S3TablesDestinationConfiguration"] = {
            "DataFreshnessInSeconds": channel.announced_rules.freshness_s,
            "DeadLetterQueueS3Configuration": _describe_dead_letters(channel),
            "S3TablesConfigurationList": [_describe_table(channel.target)],
        }
    if channel.kms_key_id is not None:
        described["EncryptionConfiguration"] = {"EncryptionType": "KMS", "KeyId": channel.kms_key_id}
    return described


def describe_channel_summary(stream: Stream, channel: Channel) -> answers.ChannelSummary:
    """The shape `ChannelSummary`."""
    created = whole_seconds(stream.created_ms)
    described: answers.ChannelSummary = {
        "ChannelName": channel.name,
        "ChannelARN": arn_of_channel(stream, channel),
        "ChannelId": channel.channel_id,
        "ChannelStatus": channel.status,
        "ChannelCreationTimestamp": whole_seconds(channel.created_ms),
        "ChannelDestinationType": "S3" if isinstance(channel.target, BucketTarget) else "S3_TABLES",
        "Streams": [{"StreamARN": stream.arn, "StreamCreationTimestamp": created}],
    }
    if channel.status_reason is not None:
        described["ChannelStatusReason"] = channel.status_reason
    return described


def _describe_stream(stream: Stream, channel: Channel) -> answers.ChannelStreamDescription:
    record: answers.RecordConfiguration = {"RecordFormatType": channel.record_format}
    if channel.schema_arn is not None:
        record["GSRSchemaARN"] = channel.schema_arn
    return {
        "StreamARN": stream.arn,
        "StreamCreationTimestamp": whole_seconds(stream.created_ms),
        "RecordConfiguration": record,
    }


def _describe_logging(channel: Channel) -> answers.ChannelLoggingConfiguration:
    logging = channel.announced_rules.logging
    return {
        "CloudWatchLogs": {
            "Enabled": logging.enabled,
            "LogGroupName": logging.group,
            "LogStreamName": logging.stream,
        }
    }


def _describe_dead_letters(channel: Channel) -> answers.DeadLetterQueueS3Configuration:
    letters = channel.dead_letters
    return {
        "BucketARN": letters.bucket_arn,
        "ExpectedBucketOwner": letters.owner,
        "ErrorOutputPrefix": letters.prefix,
    }


def _describe_storage(target: BucketTarget) -> answers.S3StorageConfiguration:
    described: answers.S3StorageConfiguration = {
        "BucketARN": target.bucket_arn,
        "ExpectedBucketOwner": target.owner,
        "CompressionType": target.compression,
        "StorageClass": target.storage_class or "STANDARD",
        "OutputKeyTemplate": target.key_template or DEFAULT_KEY_TEMPLATE,
    }
    return described


def _describe_table(target: TableTarget) -> answers.S3TablesConfiguration:
    fields: list[answers.PartitionField] = [
        {"Transform": "TIME_HOUR", "SourceName": column} for column in target.hour_columns
    ]
    return {
        "TableBucketARN": target.bucket_arn,
        "Namespace": target.namespace,
        "TableName": target.table,
        "CompressionType": target.compression,
        "PartitionSpec": {"PartitionFields": fields},
    }
