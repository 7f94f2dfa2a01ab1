"""CloudFormation for delivery streams, by the real SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater.neighbours.cloudformation.delivery_stream_resources import DELIVERY_STREAM_TYPES
from headwater.neighbours.cloudformation.published_schemas import readable
from headwater.testing import Headwater
from tests.neighbours.cloudformation.test_streams import Document, Stacks, attribute, stream
from tests.neighbours.conftest import ClientOf
from tests.waiting import awaited

KIND = "AWS::KinesisFirehose::DeliveryStream"
ROLE = "arn:aws:iam::000000000000:role/firehose"
BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "of-the-stack"}}


@pytest.fixture
def stacks(headwater: Headwater, client_of: ClientOf) -> Iterator[Stacks]:
    yield Stacks(client_of)
    headwater.reset()


@pytest.fixture
def firehose(client_of: ClientOf) -> Any:
    return client_of("firehose")


def delivery_stream(destination: Document, **properties: Any) -> Document:
    bucket = {"RoleARN": ROLE, "BucketARN": attribute("Bucket", "Arn"), **destination}
    return {"Type": KIND, "Properties": {"ExtendedS3DestinationConfiguration": bucket, **properties}}


def shown(firehose: Any, name: str) -> Document:
    found: Document = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    return found


def test_a_stack_has_a_stream_that_is_delivered_to_its_bucket(
    stacks: Stacks, firehose: Any, headwater: Headwater, client_of: ClientOf
) -> None:
    source = {"KinesisStreamARN": attribute("Orders", "Arn"), "RoleARN": ROLE}
    resources = {
        "Delivery": delivery_stream(
            {"Prefix": "raw/", "BufferingHints": {"IntervalInSeconds": "60", "SizeInMBs": 1}},
            DeliveryStreamType="KinesisStreamAsSource",
            KinesisStreamSourceConfiguration=source,
            Tags=[{"Key": "team", "Value": "blue"}],
        ),
        "Orders": stream(Name="orders", ShardCount=1),
        "Bucket": BUCKET,
    }
    outputs = {
        "Name": {"Value": {"Ref": "Delivery"}},
        "Arn": {"Value": attribute("Delivery", "Arn")},
    }
    made = stacks.create(resources, template={"Outputs": outputs})
    assert made["StackStatus"] == "CREATE_COMPLETE", stacks.reasons("CREATE_FAILED")
    name = stacks.outputs()["Name"]
    assert name.startswith("stack-Delivery-")
    assert shown(firehose, name)["DeliveryStreamARN"] == stacks.outputs()["Arn"]
    tags = firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)["Tags"]
    assert {"Key": "team", "Value": "blue"} in tags
    stacks.kinesis.put_record(StreamName="orders", Data=b"order", PartitionKey="1")
    s3 = client_of("s3")

    def arrived() -> list[Document]:
        headwater.clock.advance(minutes=2)
        found: list[Document] = s3.list_objects_v2(Bucket="of-the-stack").get("Contents", [])
        return found

    (found,) = awaited(arrived)
    assert found["Key"].startswith("raw/")
    assert s3.get_object(Bucket="of-the-stack", Key=found["Key"])["Body"].read() == b"order"


def test_an_update_changes_what_differs_and_what_is_gone_goes_back(stacks: Stacks, firehose: Any) -> None:
    before = delivery_stream(
        {"Prefix": "before/", "CompressionFormat": "GZIP"}, Tags=[{"Key": "a", "Value": "1"}]
    )
    stacks.create({"Delivery": before, "Bucket": BUCKET})
    name = stacks.physical("Delivery")
    encryption = {"KeyType": "AWS_OWNED_CMK"}
    after = delivery_stream(
        {"CompressionFormat": "GZIP", "BufferingHints": {"SizeInMBs": 2, "IntervalInSeconds": 60}},
        DeliveryStreamEncryptionConfigurationInput=encryption,
    )
    updated = stacks.update({"Delivery": after, "Bucket": BUCKET})
    assert updated["StackStatus"] == "UPDATE_COMPLETE", stacks.reasons("UPDATE_FAILED")
    assert stacks.physical("Delivery") == name
    found = shown(firehose, name)
    extended = found["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert found["VersionId"] == "2"
    assert extended["Prefix"] == ""
    assert extended["CompressionFormat"] == "GZIP"
    assert extended["BufferingHints"] == {"SizeInMBs": 2, "IntervalInSeconds": 60}
    assert found["DeliveryStreamEncryptionConfiguration"]["Status"] == "ENABLED"
    keys = [tag["Key"] for tag in firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)["Tags"]]
    assert "a" not in keys


def test_a_stack_is_removed_with_its_delivery_stream(stacks: Stacks, firehose: Any) -> None:
    stacks.create({"Delivery": delivery_stream({}, DeliveryStreamName="removed"), "Bucket": BUCKET})
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == ["removed"]
    stacks.cloudformation.delete_stack(StackName="stack")
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == []


def test_what_firehose_refuses_is_the_reason_of_the_stack(stacks: Stacks) -> None:
    resources = {
        "Delivery": delivery_stream({"Prefix": "!{timestamp:yyyy}/"}),
        "Bucket": BUCKET,
    }
    assert stacks.create(resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    (reason,) = [reason for reason in stacks.reasons("CREATE_FAILED") if "ErrorOutputPrefix" in reason]
    assert "(Service: Firehose, Error Code: InvalidArgumentException)" in reason
    assert "(HandlerErrorCode: InvalidRequest)" in reason


def test_attributes_are_those_of_the_schema() -> None:
    for name, kind in DELIVERY_STREAM_TYPES.items():
        assert kind.attributes >= readable(name)
