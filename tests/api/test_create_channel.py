"""CreateChannel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.channels import (
    ROLE,
    at_rest,
    bucket_request,
    channel_request,
    new_bucket,
    source_request,
    table_request,
)
from tests.api.clocked_server import ClockedServer
from tests.api.refusals import refusal

Settle = Callable[[], None]
SCHEMA_ARN = "arn:aws:glue:eu-west-1:123456789012:schema/registry/clicks"


def test_a_channel_is_creating_and_says_what_it_was_given_and_what_it_has_without(
    kinesis: Any, on_demand_arn: str, account_id: str
) -> None:
    described = kinesis.create_channel(**channel_request(on_demand_arn, Tags={"team": "a"}))[
        "ChannelDescription"
    ]
    channel_id = described["ChannelId"]
    assert described["ChannelARN"] == f"arn:aws:kinesis:eu-west-1:{account_id}:channel/{channel_id}"
    assert described["ChannelStatus"] == "CREATING"
    assert described["ServiceExecutionRoleARN"] == ROLE
    assert described["StreamConfigurationList"][0]["StreamARN"] == on_demand_arn
    assert described["LoggingConfiguration"]["CloudWatchLogs"] == {
        "Enabled": False,
        "LogGroupName": f"/aws/kinesis/channel/{channel_id}",
        "LogStreamName": "DestinationDelivery",
    }
    destination = described["S3DestinationConfiguration"]
    assert destination["DataFreshnessInSeconds"] == 300
    assert destination["StorageConfiguration"]["StorageClass"] == "STANDARD"
    assert destination["StorageConfiguration"]["OutputKeyTemplate"].startswith(
        "kinesis-channel/!{channel-name}/"
    )
    assert destination["DeadLetterQueueS3Configuration"] == {
        "BucketARN": "arn:aws:s3:::records",
        "ExpectedBucketOwner": account_id,
        "ErrorOutputPrefix": f"kinesis-channel/errors/channel/{channel_id}/",
    }
    assert "S3TablesDestinationConfiguration" not in described
    tags = kinesis.list_tags_for_resource(ResourceARN=described["ChannelARN"])["Tags"]
    assert tags == [{"Key": "team", "Value": "a"}]
    assert refusal(kinesis.get_resource_policy, ResourceARN=described["ChannelARN"])[0] == (
        "InvalidArgumentException"
    )


def test_a_channel_whose_bucket_is_there_becomes_active(
    kinesis: Any, on_demand_arn: str, account_id: str, settle: Settle, clocked: ClockedServer
) -> None:
    bucket = f"active-{account_id}"
    new_bucket(clocked.endpoint_url, account_id, bucket)
    asked = channel_request(on_demand_arn, S3DestinationConfiguration=bucket_request(account_id, bucket))
    arn = kinesis.create_channel(**asked)["ChannelDescription"]["ChannelARN"]
    settle()
    assert at_rest(kinesis, arn)["ChannelStatus"] == "ACTIVE"


@pytest.mark.parametrize(
    ("owner", "region", "reason"),
    [
        ("", "", "does not exist"),
        ("999999999998", "eu-west-1", "does not belong to 999999999998"),
        ("", "us-east-2", "is in the region us-east-2"),
    ],
)
def test_a_channel_fails_for_good_with_the_reason(
    kinesis: Any, on_demand_arn: str, account_id: str, settle: Settle, clocked: ClockedServer,
    owner: str, region: str, reason: str,
) -> None:  # fmt: skip
    bucket = f"failing-{account_id}"
    if region:
        new_bucket(clocked.endpoint_url, account_id, bucket, region)
    destination = bucket_request(owner or account_id, bucket)
    asked = channel_request(on_demand_arn, S3DestinationConfiguration=destination)
    arn = kinesis.create_channel(**asked)["ChannelDescription"]["ChannelARN"]
    settle()
    described = at_rest(kinesis, arn)
    assert described["ChannelStatus"] == "FAILED"
    assert reason in described["ChannelStatusReason"]
    update = refusal(
        kinesis.update_channel, ChannelARN=arn, S3DestinationConfiguration={"DataFreshnessInSeconds": 400}
    )
    assert update[0] == "ResourceInUseException"
    kinesis.delete_channel(ChannelARN=arn)


def test_a_channel_whose_keys_would_be_too_long_fails(
    kinesis: Any, on_demand_arn: str, account_id: str, settle: Settle, clocked: ClockedServer
) -> None:
    bucket = f"long-{account_id}"
    new_bucket(clocked.endpoint_url, account_id, bucket)
    destination = bucket_request(account_id, bucket, OutputKeyTemplate="!{channel-id}" * 78)
    asked = channel_request(on_demand_arn, S3DestinationConfiguration=destination)
    arn = kinesis.create_channel(**asked)["ChannelDescription"]["ChannelARN"]
    settle()
    assert "S3 takes 1024" in at_rest(kinesis, arn)["ChannelStatusReason"]


def test_only_on_demand_streams_have_channels(kinesis: Any, stream_arn: str) -> None:
    code, message = refusal(kinesis.create_channel, **channel_request(stream_arn))
    assert code == "ValidationException"
    assert "ON_DEMAND" in message


def test_a_stream_has_one_channel_to_a_bucket_and_one_to_a_table(
    kinesis: Any, on_demand_arn: str, account_id: str
) -> None:
    kinesis.create_channel(**channel_request(on_demand_arn, "first"))
    assert refusal(kinesis.create_channel, **channel_request(on_demand_arn, "first"))[0] == (
        "ResourceInUseException"
    )
    assert refusal(kinesis.create_channel, **channel_request(on_demand_arn, "second"))[0] == (
        "LimitExceededException"
    )
    table = channel_request(
        on_demand_arn,
        "table",
        S3TablesDestinationConfiguration=table_request(account_id),
        StreamConfigurationList=source_request(on_demand_arn, "GSR_JSON", SCHEMA_ARN),
    )
    del table["S3DestinationConfiguration"]
    described = kinesis.create_channel(**table)["ChannelDescription"]
    assert (
        described["S3TablesDestinationConfiguration"]["S3TablesConfigurationList"][0]["TableName"] == "clicks"
    )
    summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    assert summary["ChannelCount"] == 2
    limits = kinesis.describe_limits()
    assert limits["ChannelCount"] == 2
    assert limits["ChannelCountLimit"] == 6


def test_what_does_not_go_together_is_refused(kinesis: Any, on_demand_arn: str, account_id: str) -> None:
    def refused(**more: Any) -> str:
        asked = {**channel_request(on_demand_arn), **more}
        return refusal(kinesis.create_channel, **{k: v for k, v in asked.items() if v is not None})[0]

    def to_table(record_format: str, schema_arn: str = SCHEMA_ARN, **table: Any) -> str:
        return refused(
            S3DestinationConfiguration=None,
            S3TablesDestinationConfiguration=table_request(account_id, **table),
            StreamConfigurationList=source_request(on_demand_arn, record_format, schema_arn),
        )

    def to_bucket(**storage: Any) -> str:
        return refused(S3DestinationConfiguration=bucket_request(account_id, **storage))

    assert refused(S3DestinationConfiguration=None) == "ValidationException"
    assert refused(S3TablesDestinationConfiguration=table_request(account_id)) == "ValidationException"
    assert refused(StreamConfigurationList=source_request(on_demand_arn) * 2) == "ValidationException"
    assert refused(StreamConfigurationList=source_request(on_demand_arn, "GSR_JSON")) == "ValidationException"
    assert to_table("STRING") == to_table("BYTE_ARRAY") == to_table("JSON", "") == "ValidationException"
    assert to_table("JSON", PartitionSpec=None) == "ValidationException"
    for seconds in (299, 901):
        destination = {**bucket_request(account_id), "DataFreshnessInSeconds": seconds}
        assert refused(S3DestinationConfiguration=destination) == "ValidationException"
    for template in ("!{nothing}", "/!{yyyy}", "!{yyyy}/", "a/../b", "!{yyyy", "{yyyy}"):
        assert to_bucket(OutputKeyTemplate=template) == "InvalidArgumentException"
    for key_id in ("aws/kinesis", "alias/aws/kinesis"):
        encryption = {"EncryptionType": "KMS", "KeyId": key_id}
        assert refused(EncryptionConfiguration=encryption) == "InvalidArgumentException"
    assert refused(ChannelName="has space") == "ValidationException"
    other = source_request(on_demand_arn.replace("orders", "absent"))
    assert refused(StreamConfigurationList=other) == "ResourceNotFoundException"
