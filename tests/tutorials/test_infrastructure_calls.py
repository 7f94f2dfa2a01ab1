"""The calls that Terraform's AWS provider makes to plan, create, read, change and destroy a stream."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.waiting import RETRY_FOR_S

STREAM = "terraform-stream"


def summary_of(kinesis: Any) -> dict[str, Any]:
    summary: dict[str, Any] = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]
    return summary


def wait_until_active(kinesis: Any) -> None:
    deadline = time.monotonic() + RETRY_FOR_S
    while (status := summary_of(kinesis)["StreamStatus"]) != "ACTIVE":
        assert status in {"CREATING", "UPDATING"}
        assert time.monotonic() < deadline
        time.sleep(0.02)


def status_or_error(kinesis: Any) -> str:
    try:
        return str(summary_of(kinesis)["StreamStatus"])
    except ClientError as error:
        return str(error.response["Error"]["Code"])


def plan(kinesis: Any) -> None:
    limits = kinesis.describe_limits()
    assert limits["OnDemandStreamCount"] < limits["OnDemandStreamCountLimit"]
    assert limits["OpenShardCount"] + 2 <= limits["ShardLimit"]
    assert status_or_error(kinesis) == "ResourceNotFoundException"


def create(kinesis: Any) -> str:
    kinesis.create_stream(
        StreamName=STREAM,
        ShardCount=2,
        StreamModeDetails={"StreamMode": "PROVISIONED"},
        Tags={"Name": "test"},
    )
    wait_until_active(kinesis)
    kinesis.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=24)
    wait_until_active(kinesis)
    kinesis.enable_enhanced_monitoring(
        StreamName=STREAM, ShardLevelMetrics=["IncomingBytes", "OutgoingBytes"]
    )
    wait_until_active(kinesis)
    kinesis.start_stream_encryption(StreamName=STREAM, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    wait_until_active(kinesis)
    return str(summary_of(kinesis)["StreamARN"])


def create_consumer(kinesis: Any, stream_arn: str) -> str:
    registered = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="terraform-consumer")
    arn = str(registered["Consumer"]["ConsumerARN"])
    deadline = time.monotonic() + RETRY_FOR_S
    while True:
        consumer = kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]
        if consumer["ConsumerStatus"] == "ACTIVE":
            return arn
        assert time.monotonic() < deadline
        time.sleep(0.02)


def change(kinesis: Any, stream_arn: str) -> None:
    kinesis.update_stream_mode(StreamARN=stream_arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    wait_until_active(kinesis)
    kinesis.update_stream_mode(StreamARN=stream_arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    wait_until_active(kinesis)
    kinesis.update_shard_count(StreamName=STREAM, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    wait_until_active(kinesis)
    kinesis.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=48)
    wait_until_active(kinesis)
    kinesis.decrease_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=24)
    wait_until_active(kinesis)
    kinesis.disable_enhanced_monitoring(StreamName=STREAM, ShardLevelMetrics=["OutgoingBytes"])
    wait_until_active(kinesis)
    kinesis.stop_stream_encryption(StreamName=STREAM, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    wait_until_active(kinesis)
    kinesis.update_max_record_size(StreamARN=stream_arn, MaxRecordSizeInKiB=2048)
    wait_until_active(kinesis)
    kinesis.tag_resource(ResourceARN=stream_arn, Tags={"Stage": "dev"})
    kinesis.untag_resource(ResourceARN=stream_arn, TagKeys=["Name"])


def destroy(kinesis: Any) -> None:
    kinesis.delete_stream(StreamName=STREAM, EnforceConsumerDeletion=True)
    deadline = time.monotonic() + RETRY_FOR_S
    while (status := status_or_error(kinesis)) != "ResourceNotFoundException":
        assert status == "DELETING"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_stream_and_its_consumer_from_plan_to_destroy(kinesis: Any) -> None:
    plan(kinesis)
    stream_arn = create(kinesis)

    read = summary_of(kinesis)
    assert read["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert read["OpenShardCount"] == 2
    assert read["RetentionPeriodHours"] == 24
    assert read["EncryptionType"] == "KMS"
    assert read["KeyId"] == "alias/aws/kinesis"
    assert read["MaxRecordSizeInKiB"] == 1024
    assert sorted(read["EnhancedMonitoring"][0]["ShardLevelMetrics"]) == ["IncomingBytes", "OutgoingBytes"]
    assert kinesis.list_tags_for_stream(StreamName=STREAM)["Tags"] == [{"Key": "Name", "Value": "test"}]

    consumer_arn = create_consumer(kinesis, stream_arn)
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::123456789456:root"},
                    "Action": ["kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:PutRecords"],
                    "Resource": stream_arn,
                }
            ],
        }
    )
    kinesis.put_resource_policy(ResourceARN=stream_arn, Policy=policy)
    assert json.loads(kinesis.get_resource_policy(ResourceARN=stream_arn)["Policy"]) == json.loads(policy)

    change(kinesis, stream_arn)
    read = summary_of(kinesis)
    assert read["OpenShardCount"] == 3
    assert read["RetentionPeriodHours"] == 24
    assert read["EncryptionType"] == "NONE"
    assert read["MaxRecordSizeInKiB"] == 2048
    assert read["ConsumerCount"] == 1
    assert read["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes"]}]
    assert kinesis.list_tags_for_resource(ResourceARN=stream_arn)["Tags"] == [
        {"Key": "Stage", "Value": "dev"}
    ]
    described = kinesis.describe_stream_consumer(ConsumerARN=consumer_arn)["ConsumerDescription"]
    assert described["StreamARN"] == stream_arn

    destroy(kinesis)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream_consumer(ConsumerARN=consumer_arn)


def test_an_on_demand_stream_takes_the_same_calls(kinesis: Any) -> None:
    kinesis.create_stream(StreamName=STREAM, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    wait_until_active(kinesis)
    kinesis.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=24)
    assert summary_of(kinesis)["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    destroy(kinesis)
