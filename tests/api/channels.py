"""Channels for the tests of their operations."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from tests.waiting import awaited

ROLE = "arn:aws:iam::123456789012:role/delivers"


def bucket_request(account_id: str, bucket: str = "records", **more: Any) -> dict[str, Any]:
    """What S3DestinationConfiguration needs at least; `more` is of its StorageConfiguration."""
    storage = {
        "BucketARN": f"arn:aws:s3:::{bucket}",
        "ExpectedBucketOwner": account_id,
        "CompressionType": "NONE",
        **more,
    }
    return {"StorageConfiguration": storage}


def table_request(account_id: str, **more: Any) -> dict[str, Any]:
    """What S3TablesDestinationConfiguration needs at least; `more` is of its table."""
    table = {
        "TableBucketARN": f"arn:aws:s3tables:eu-west-1:{account_id}:bucket/lake",
        "Namespace": "events",
        "TableName": "clicks",
        "CompressionType": "ZSTD",
        "PartitionSpec": {"PartitionFields": [{"Transform": "TIME_HOUR", "SourceName": "at"}]},
        **more,
    }
    table = {name: value for name, value in table.items() if value is not None}
    letters = {"BucketARN": "arn:aws:s3:::letters", "ExpectedBucketOwner": account_id}
    return {"DeadLetterQueueS3Configuration": letters, "S3TablesConfigurationList": [table]}


def source_request(
    stream_arn: str, record_format: str = "JSON", schema_arn: str = ""
) -> list[dict[str, Any]]:
    """What StreamConfigurationList says."""
    record = {"RecordFormatType": record_format} | ({"GSRSchemaARN": schema_arn} if schema_arn else {})
    return [{"StreamARN": stream_arn, "RecordConfiguration": record}]


def channel_request(stream_arn: str, name: str = "channel", **more: Any) -> dict[str, Any]:
    """A CreateChannel to a bucket."""
    account_id = stream_arn.split(":")[4]
    return {
        "ChannelName": name,
        "ServiceExecutionRoleARN": ROLE,
        "StreamConfigurationList": source_request(stream_arn),
        "S3DestinationConfiguration": bucket_request(account_id),
        **more,
    }


def new_bucket(endpoint_url: str, account_id: str, name: str, region: str = "eu-west-1") -> Any:
    """Make a bucket of an account; a client for it."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=account_id,
        aws_secret_access_key="secret",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=name, **where)
    return client


def at_rest(kinesis: Any, arn: str) -> dict[str, Any]:
    """The channel once it is neither CREATING nor UPDATING."""

    def look() -> dict[str, Any] | None:
        described: dict[str, Any] = kinesis.describe_channel(ChannelARN=arn)["ChannelDescription"]
        return described if described["ChannelStatus"] not in ("CREATING", "UPDATING") else None

    return awaited(look)
