"""What a request says of a channel, as the values of `model/channel.py`.

The rules that are not in the API model are those of the developer guide: a freshness of 300 to 900 seconds,
formats that go with a destination, a schema and hour partitions for tables.
"""

from __future__ import annotations

from typing import TypeVar

from headwater.api import requests
from headwater.engine.encryption_key import check_key_id, require_usable
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import CHANNEL_FRESHNESS_S_MAX, CHANNEL_FRESHNESS_S_MIN
from headwater.model.caller import Caller
from headwater.model.channel import (
    FRESHNESS_S,
    LOG_STREAM,
    BucketTarget,
    ChannelLogging,
    ChannelRules,
    DeadLetterBucket,
    TableTarget,
)
from headwater.model.errors import InvalidArgumentException, ValidationException
from headwater.model.key_template import DEFAULT_ERROR_PREFIX, fault_of_template

S3, S3_TABLES = "S3", "S3_TABLES"
FORMATS = {S3: ("JSON", "STRING", "BYTE_ARRAY"), S3_TABLES: ("GSR_JSON", "JSON")}
"""The formats of records that a destination takes."""
SERVICE_KEY = "aws/kinesis"
Item = TypeVar("Item")


def only(items: list[Item], what: str) -> Item:
    """The single item of a list. Raises ValidationException for more than one."""
    if len(items) != 1:
        raise ValidationException(f"{what} must contain exactly one entry: more are not supported.")
    return items[0]


def destination_type(request: requests.CreateChannelInput) -> str:
    """Which destination a request has. Raises ValidationException unless it is one of the two."""
    given = request.S3DestinationConfiguration, request.S3TablesDestinationConfiguration
    if given.count(None) != 1:
        raise ValidationException(
            "Specify either S3DestinationConfiguration or S3TablesDestinationConfiguration, but not both."
        )
    return S3 if given[0] is not None else S3_TABLES


def check_format(record: requests.RecordConfiguration, destination: str) -> None:
    """Raise ValidationException for a format that the destination does not take, or without a schema."""
    if record.RecordFormatType not in FORMATS[destination]:
        raise ValidationException(
            f"RecordFormatType {record.RecordFormatType} is not supported for {destination} destinations: "
            f"they take {', '.join(FORMATS[destination])}."
        )
    if destination == S3_TABLES and record.GSRSchemaARN is None:
        raise ValidationException("GSRSchemaARN is required when the destination is a streaming table.")


def bucket_target(storage: requests.S3StorageConfiguration) -> BucketTarget:
    """The bucket that a request names. Raises InvalidArgumentException for a template that is none."""
    template = storage.OutputKeyTemplate
    fault = None if template is None else fault_of_template(template)
    if fault is not None:
        raise InvalidArgumentException(f"OutputKeyTemplate {template} is not valid: {fault}.")
    return BucketTarget(
        bucket_arn=storage.BucketARN,
        owner=storage.ExpectedBucketOwner,
        key_template=template,
        storage_class=storage.StorageClass,
        compression=storage.CompressionType,
    )


def table_target(configurations: list[requests.S3TablesConfiguration]) -> TableTarget:
    """The table that a request names. Raises ValidationException without an hour to partition by."""
    table = only(configurations, "S3TablesConfigurationList")
    if table.PartitionSpec is None:
        raise ValidationException("PartitionSpec is required: a streaming table is partitioned by the hour.")
    columns = tuple(field.SourceName for field in table.PartitionSpec.PartitionFields)
    if len(set(columns)) != len(columns):
        raise ValidationException("PartitionFields must not name a source column twice.")
    return TableTarget(
        bucket_arn=table.TableBucketARN,
        namespace=table.Namespace,
        table=table.TableName,
        compression=table.CompressionType,
        hour_columns=columns,
    )


def dead_letter_bucket(
    asked: requests.DeadLetterQueueS3Configuration | None,
    target: BucketTarget | TableTarget,
    name: str,
    channel_id: str,
) -> DeadLetterBucket:
    """Where records go that cannot be delivered: for a bucket, that bucket unless another one is given."""
    prefix = DEFAULT_ERROR_PREFIX.format(name=name, channel_id=channel_id)
    if asked is not None:
        return DeadLetterBucket(
            bucket_arn=asked.BucketARN,
            owner=asked.ExpectedBucketOwner,
            prefix=asked.ErrorOutputPrefix or prefix,
        )
    assert isinstance(target, BucketTarget), "tables must have one"
    return DeadLetterBucket(bucket_arn=target.bucket_arn, owner=target.owner, prefix=prefix)


def freshness_s(asked: int | None) -> int:
    """The age that undelivered data may have. Raises ValidationException beyond the bounds."""
    seconds = FRESHNESS_S if asked is None else asked
    if not CHANNEL_FRESHNESS_S_MIN <= seconds <= CHANNEL_FRESHNESS_S_MAX:
        raise ValidationException(
            f"DataFreshnessInSeconds must be between {CHANNEL_FRESHNESS_S_MIN} and {CHANNEL_FRESHNESS_S_MAX}."
        )
    return seconds


def new_rules(freshness: int | None, logs: requests.CloudWatchLogs | None, group: str) -> ChannelRules:
    """The rules of a new channel; `group` is the log group that it has by default."""
    logging = ChannelLogging(group=group)
    if logs is not None:
        logging = ChannelLogging(
            enabled=logs.Enabled, group=logs.LogGroupName or group, stream=logs.LogStreamName or LOG_STREAM
        )
    return ChannelRules(freshness_s=freshness_s(freshness), logging=logging)


def rules_after(
    rules: ChannelRules, freshness: int | None, logs: requests.CloudWatchLogsUpdateInput | None
) -> ChannelRules:
    """The rules with what an update gives; what it does not give stays."""
    logging = rules.logging
    if logs is not None:
        logging = ChannelLogging(
            enabled=logs.Enabled,
            group=logs.LogGroupName or logging.group,
            stream=logs.LogStreamName or logging.stream,
        )
    seconds = rules.freshness_s if freshness is None else freshness_s(freshness)
    return ChannelRules(freshness_s=seconds, logging=logging)


def kms_key_of(
    engine: Engine, caller: Caller, asked: requests.ChannelEncryptionConfiguration | None
) -> str | None:
    """The key that objects are encrypted with.

    Raises InvalidArgumentException for the service's own key, and the KMS error of one that cannot be used.
    """
    if asked is None:
        return None
    if asked.KeyId.removeprefix("alias/") == SERVICE_KEY or asked.KeyId.endswith(f":alias/{SERVICE_KEY}"):
        raise InvalidArgumentException(
            f"KeyId {asked.KeyId} is not valid: a channel cannot use the service key of Kinesis Data Streams."
        )
    check_key_id(asked.KeyId)
    require_usable(engine.key_directory, caller, asked.KeyId)
    return asked.KeyId
