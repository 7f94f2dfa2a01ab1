"""CloudFormation for channels, by the real SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater.neighbours.cloudformation.channel_resources import CHANNEL_TYPES
from headwater.neighbours.cloudformation.published_schemas import readable
from headwater.testing import Headwater
from tests.neighbours.cloudformation.test_streams import Document, Stacks, attribute, stream
from tests.neighbours.conftest import ClientOf

CHANNEL = "AWS::Kinesis::Channel"
JOBS = stream(Name="jobs", StreamModeDetails={"StreamMode": "ON_DEMAND"})
LAKE = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "lake-of-stack"}}
OWNER = "000000000000"


@pytest.fixture
def stacks(headwater: Headwater, client_of: ClientOf) -> Iterator[Stacks]:
    yield Stacks(client_of)
    headwater.reset()


def channel(freshness: int | None = None, bucket: str = "lake-of-stack", **properties: Any) -> Document:
    storage = {
        "BucketARN": f"arn:aws:s3:::{bucket}",
        "ExpectedBucketOwner": OWNER,
        "CompressionType": "GZIP",
        "OutputKeyTemplate": "in/!{yyyy}",
    }
    destination: Document = {"StorageConfiguration": storage}
    if freshness is not None:
        destination["DataFreshnessInSeconds"] = freshness
    record = {"RecordFormatType": "JSON"}
    given = {
        "ChannelName": "out",
        "ServiceExecutionRoleARN": f"arn:aws:iam::{OWNER}:role/delivers",
        "StreamConfigurationList": [{"StreamARN": attribute("Jobs", "Arn"), "RecordConfiguration": record}],
        "S3DestinationConfiguration": destination,
        **properties,
    }
    return {"Type": CHANNEL, "DependsOn": "Lake", "Properties": given}


def described(stacks: Stacks) -> Document:
    arn = stacks.physical("Out")
    shown: Document = stacks.kinesis.describe_channel(ChannelARN=arn)["ChannelDescription"]
    return shown


def resources(out: Document) -> Document:
    return {"Out": out, "Jobs": JOBS, "Lake": LAKE}


def test_a_stack_has_a_channel_known_by_its_arn_which_is_updated_in_its_place(stacks: Stacks) -> None:
    logs = {"CloudWatchLogs": {"Enabled": "true", "LogGroupName": "mine"}}
    tags = [{"Key": "team", "Value": "blue"}]
    outputs = {
        name: {"Value": attribute("Out", name)} for name in ("ChannelARN", "ChannelId", "ChannelStatus")
    }
    template = {"Outputs": outputs}
    shown = stacks.create(resources(channel(600, LoggingConfiguration=logs, Tags=tags)), template=template)
    assert shown["StackStatus"] == "CREATE_COMPLETE", stacks.reasons("CREATE_FAILED")
    made = described(stacks)
    assert made["ChannelName"] == "out"
    assert made["S3DestinationConfiguration"]["DataFreshnessInSeconds"] == 600
    assert made["LoggingConfiguration"]["CloudWatchLogs"]["Enabled"] is True
    assert stacks.outputs() == {
        "ChannelARN": made["ChannelARN"],
        "ChannelId": made["ChannelId"],
        "ChannelStatus": "ACTIVE",
    }
    assert stacks.kinesis.list_tags_for_resource(ResourceARN=made["ChannelARN"])["Tags"] == tags
    stacks.update(resources(channel(400)))
    after = described(stacks)
    assert after["ChannelARN"] == made["ChannelARN"]
    assert after["S3DestinationConfiguration"]["DataFreshnessInSeconds"] == 400
    assert after["LoggingConfiguration"]["CloudWatchLogs"]["Enabled"] is False
    stacks.update(resources(channel()))
    assert described(stacks)["S3DestinationConfiguration"]["DataFreshnessInSeconds"] == 300
    stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.kinesis.list_channels()["ChannelSummaries"] == []
    assert stacks.streams() == []


def test_a_channel_that_fails_takes_its_stack_along_with_the_reason(stacks: Stacks) -> None:
    shown = stacks.create(resources(channel(bucket="nobodys-bucket")))
    assert shown["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "The bucket nobodys-bucket does not exist." in stacks.reasons("CREATE_FAILED")[0]
    assert stacks.kinesis.list_channels()["ChannelSummaries"] == []


def test_what_can_be_read_of_a_channel_is_what_the_schema_says() -> None:
    assert CHANNEL_TYPES[CHANNEL].attributes == readable(CHANNEL)
