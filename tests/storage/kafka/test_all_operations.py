"""Every operation of the API, by two gateways in turn and by a server on its own: the same answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from headwater.api.operation import OPERATIONS
from headwater.testing import Headwater
from tests.api.channels import ROLE
from tests.delivery.delivered_stream import ACCOUNT_ID, REGION
from tests.storage.kafka.alternating_front import AlternatingFront
from tests.storage.kafka.gateways import Gateway, running
from tests.waiting import wait_until

pytestmark = pytest.mark.long
TRANSITION_MS = 20

OPAQUE = {
    "ShardIterator",
    "NextShardIterator",
    "NextToken",
    "ReceiptHandle",
    "RecordId",
    "QueueId",
    "ChannelId",
}
"""What every server makes of its own secrets."""
COUNTED = {"MillisBehindLatest"}
PARTS = (
    (re.compile(r"\b\d{50,56}\b"), "<number>"),
    (re.compile(r"(consumer/[\w.-]+|:shardId-\d+):\d+"), r"\1:<time>"),
    (re.compile(r":(queue|channel)/[\w-]+"), r":\1/<id>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
)


def plain(value: Any, name: str = "") -> Any:
    """A value without what no two servers have in common."""
    if isinstance(value, Mapping):
        return {key: plain(its, key) for key, its in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list):
        return [plain(each, name) for each in value]
    if name in OPAQUE or name in COUNTED or isinstance(value, datetime):
        return f"<{name}>"
    if isinstance(value, str):
        for pattern, text in PARTS:
            value = pattern.sub(text, value)
    return value


class Walk:
    """Calls of one server, and what it said to each."""

    def __init__(self, url: str, services: str) -> None:
        self._url = url
        self.kinesis, self.s3 = self._client("kinesis", url), self._client("s3", services)
        self.said: list[tuple[str, Any]] = []

    def _client(self, service: str, url: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT_ID,
            aws_secret_access_key="unused",
            config=Config(retries={"max_attempts": 0}),
        )

    def __call__(self, operation: str, **members: Any) -> Any:
        """The answer of an operation, which is noted."""
        try:
            answer = getattr(self.kinesis, xform_name(operation))(**members)
        except ClientError as error:
            answer = {"error": error.response["Error"]}
        if operation == "SubscribeToShard" and "EventStream" in answer:
            with closing(answer.pop("EventStream")) as events:
                answer["events"] = next(
                    event for event in events if event["SubscribeToShardEvent"]["Records"]
                )
        self.said.append((operation, plain(answer)))
        return answer

    def twice(self, operation: str, **members: Any) -> Any:
        """The same, asked of every gateway."""
        self(operation, **members)
        return self(operation, **members)

    def until(self, condition: Callable[[], object]) -> None:
        """Until something holds; what is asked meanwhile is not noted."""
        noted, self.said = self.said, []
        wait_until(condition)
        self.said = noted

    def active(self, stream: str) -> None:
        """Until the stream is ACTIVE."""

        def is_active() -> bool:
            summary = self.kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
            return bool(summary["StreamStatus"] == "ACTIVE")

        self.until(is_active)

    def iterator(self, shard: str, kind: str = "TRIM_HORIZON") -> Any:
        """A page from an iterator."""
        asked = {"StreamName": "orders", "ShardId": shard, "ShardIteratorType": kind}
        return self("GetRecords", ShardIterator=self("GetShardIterator", **asked)["ShardIterator"])


def arn_of(stream: str) -> str:
    return f"arn:aws:kinesis:{REGION}:{ACCOUNT_ID}:stream/{stream}"


def of_streams(walk: Walk) -> None:
    orders, name = arn_of("orders"), {"StreamName": "orders"}
    walk("CreateStream", **name, ShardCount=2, Tags={"team": "billing"})
    walk.active("orders")
    walk("CreateStream", **name, ShardCount=2)
    walk.twice("DescribeStream", **name)
    walk.twice("DescribeStreamSummary", StreamARN=orders)
    walk.twice("ListStreams")
    walk.twice("DescribeLimits")
    walk("PutRecord", **name, Data=b"one", PartitionKey="alice")
    records = [{"Data": b"%d" % at, "PartitionKey": str(at)} for at in range(20)]
    walk("PutRecords", **name, Records=records)
    walk("PutRecord", StreamName="nobody", Data=b"one", PartitionKey="alice")
    first, second = (shard["ShardId"] for shard in walk.twice("ListShards", **name)["Shards"])
    walk("ListShards", NextToken=walk("ListShards", **name, MaxResults=1)["NextToken"])
    for shard in (first, second, "shardId-000000000007"):
        if shard[-1] != "7":
            walk.iterator(shard)
            walk.iterator(shard, "LATEST")
        else:
            walk("GetShardIterator", **name, ShardId=shard, ShardIteratorType="LATEST")
    walk("AddTagsToStream", **name, Tags={"a": "1", "b": "2"})
    walk("RemoveTagsFromStream", **name, TagKeys=["a"])
    walk.twice("ListTagsForStream", **name)
    walk("TagResource", ResourceARN=orders, Tags={"c": "3"})
    walk("UntagResource", ResourceARN=orders, TagKeys=["b"])
    walk.twice("ListTagsForResource", ResourceARN=orders)
    walk("IncreaseStreamRetentionPeriod", **name, RetentionPeriodHours=48)
    walk("DecreaseStreamRetentionPeriod", **name, RetentionPeriodHours=36)
    walk("EnableEnhancedMonitoring", **name, ShardLevelMetrics=["ALL"])
    walk("DisableEnhancedMonitoring", **name, ShardLevelMetrics=["IncomingBytes"])
    walk("StartStreamEncryption", **name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    walk.active("orders")
    walk("PutRecord", **name, Data=b"secret", PartitionKey="alice")
    walk("StopStreamEncryption", **name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    walk.active("orders")
    walk("UpdateMaxRecordSize", StreamARN=orders, MaxRecordSizeInKiB=2048)
    walk.active("orders")
    policy = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "210987654321"},'
        f' "Action": ["kinesis:PutRecord"], "Resource": "{orders}"}}]}}'
    )
    walk("PutResourcePolicy", ResourceARN=orders, Policy=policy)
    walk.twice("GetResourcePolicy", ResourceARN=orders)
    walk("DeleteResourcePolicy", ResourceARN=orders)
    walk.twice("GetResourcePolicy", ResourceARN=orders)


def of_consumers(walk: Walk) -> None:
    orders = arn_of("orders")
    consumer = walk("RegisterStreamConsumer", StreamARN=orders, ConsumerName="audit")["Consumer"][
        "ConsumerARN"
    ]

    def described() -> Any:
        return walk.kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]

    walk.until(lambda: described()["ConsumerStatus"] == "ACTIVE")
    walk.twice("DescribeStreamConsumer", ConsumerARN=consumer)
    walk.twice("ListStreamConsumers", StreamARN=orders)
    asked = {"ConsumerARN": consumer, "ShardId": "shardId-000000000000"}
    walk("SubscribeToShard", **asked, StartingPosition={"Type": "TRIM_HORIZON"})
    walk("SubscribeToShard", **asked, StartingPosition={"Type": "TRIM_HORIZON"})
    walk("DeregisterStreamConsumer", ConsumerARN=consumer)
    walk.until(lambda: not walk.kinesis.list_stream_consumers(StreamARN=orders)["Consumers"])


def of_resharding(walk: Walk) -> None:
    name = {"StreamName": "orders"}
    walk("SplitShard", **name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**126))
    walk.active("orders")
    merged = {"ShardToMerge": "shardId-000000000002", "AdjacentShardToMerge": "shardId-000000000003"}
    walk("MergeShards", **name, **merged)
    walk.active("orders")
    walk("UpdateShardCount", **name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    walk.active("orders")
    walk("UpdateShardCount", **name, TargetShardCount=400, ScalingType="UNIFORM_SCALING")
    for shard in walk.twice("ListShards", **name)["Shards"]:
        walk.iterator(shard["ShardId"])


def of_modes(walk: Walk) -> None:
    orders = arn_of("orders")
    walk("UpdateStreamMode", StreamARN=orders, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    walk.active("orders")
    walk("UpdateStreamWarmThroughput", StreamARN=orders, WarmThroughputMiBps=5)
    walk("UpdateAccountSettings", MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    walk.twice("DescribeAccountSettings")
    walk("UpdateStreamWarmThroughput", StreamARN=orders, WarmThroughputMiBps=5)
    walk.active("orders")
    walk("UpdateStreamRecordDistributionStrategy", StreamARN=orders, RecordDistributionStrategy="AUTO")
    walk.active("orders")
    walk.twice("DescribeStreamSummary", StreamARN=orders)


def of_queues(walk: Walk) -> None:
    walk("CreateStream", StreamName="jobs", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    walk.active("jobs")
    configuration = {"StreamARN": arn_of("jobs"), "StartingPosition": {"Type": "TRIM_HORIZON"}}
    attributes = {"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 1}}
    created = walk(
        "CreateQueue", QueueName="work", StreamConfigurationList=[configuration], QueueAttributes=attributes
    )
    arn = {"QueueARN": created["QueueDescription"]["QueueARN"]}
    walk.until(lambda: walk.kinesis.describe_queue(**arn)["QueueDescription"]["QueueStatus"] == "ACTIVE")
    walk.twice("DescribeQueue", **arn)
    walk.twice("ListQueues")
    for text in (b"one", b"two"):
        walk("PutRecord", StreamName="jobs", Data=text, PartitionKey="one key")
        (record,) = walk("ReceiveQueueRecords", **arn, Limit=1, WaitTimeSeconds=20)["QueueRecords"]
        handle = {"ReceiptHandle": record["ReceiptHandle"]}
        walk("UpdateQueueRecordsVisibility", **arn, Entries=[handle | {"VisibilityTimeoutSeconds": 60}])
        walk("AcknowledgeQueueRecords", **arn, Entries=[handle])
        walk("AcknowledgeQueueRecords", **arn, Entries=[handle])
    for text in (b"three", b"four"):
        walk("PutRecord", StreamName="jobs", Data=text, PartitionKey="one key")
        (record,) = walk("ReceiveQueueRecords", **arn, Limit=1, WaitTimeSeconds=20)["QueueRecords"]
        handle = {"ReceiptHandle": record["ReceiptHandle"]}
        walk("UpdateQueueRecordsVisibility", **arn, Entries=[handle | {"VisibilityTimeoutSeconds": 0}])
        (record,) = walk("ReceiveDeadLetterQueueRecords", **arn, WaitTimeSeconds=20)["QueueRecords"]
        handle = {"ReceiptHandle": record["ReceiptHandle"]}
        hidden = [handle | {"VisibilityTimeoutSeconds": 60}]
        walk("UpdateDeadLetterQueueRecordsVisibility", **arn, Entries=hidden)
        if text == b"three":
            walk("RestoreDeadLetterQueueRecords", **arn, Entries=[handle])
            (record,) = walk("ReceiveQueueRecords", **arn, Limit=1, WaitTimeSeconds=20)["QueueRecords"]
            walk("AcknowledgeQueueRecords", **arn, Entries=[{"ReceiptHandle": record["ReceiptHandle"]}])
        else:
            walk("AcknowledgeDeadLetterQueueRecords", **arn, Entries=[handle])
    walk("UpdateQueue", **arn, QueueAttributes={"VisibilityTimeoutSeconds": 60})
    walk.until(lambda: walk.kinesis.describe_queue(**arn)["QueueDescription"]["QueueStatus"] == "ACTIVE")
    walk.twice("DescribeQueue", **arn)
    walk("DeleteStream", StreamName="jobs")
    walk("DeleteQueue", **arn)
    walk.until(lambda: not walk.kinesis.list_queues()["QueueSummaries"])


def of_channels(walk: Walk) -> None:
    bucket = "lake"
    if bucket not in [each["Name"] for each in walk.s3.list_buckets()["Buckets"]]:
        walk.s3.create_bucket(Bucket=bucket)
    storage = {
        "BucketARN": f"arn:aws:s3:::{bucket}",
        "ExpectedBucketOwner": ACCOUNT_ID,
        "CompressionType": "NONE",
    }
    source = {"StreamARN": arn_of("jobs"), "RecordConfiguration": {"RecordFormatType": "JSON"}}
    asked = {
        "ChannelName": "to-lake",
        "ServiceExecutionRoleARN": ROLE,
        "StreamConfigurationList": [source],
        "S3DestinationConfiguration": {"StorageConfiguration": storage},
    }
    created = walk("CreateChannel", **asked)
    arn = {"ChannelARN": created["ChannelDescription"]["ChannelARN"]}
    walk("CreateChannel", **asked)

    def is_active() -> bool:
        shown = walk.kinesis.describe_channel(**arn)["ChannelDescription"]
        return bool(shown["ChannelStatus"] == "ACTIVE")

    walk.until(is_active)
    walk.kinesis.get_waiter("channel_active").wait(**arn)
    walk.twice("DescribeChannel", **arn)
    walk.twice("ListChannels")
    walk.twice("ListChannels", StreamFilter=[{"StreamARN": arn_of("orders")}])
    walk.twice("DescribeStreamSummary", StreamName="jobs")
    walk("UpdateChannel", **arn, S3DestinationConfiguration={"DataFreshnessInSeconds": 600})
    walk.until(is_active)
    walk.twice("DescribeChannel", **arn)
    walk("DeleteStream", StreamName="jobs")
    walk("DeleteChannel", **arn)
    walk.until(lambda: not walk.kinesis.list_channels()["ChannelSummaries"])
    walk("DescribeChannel", **arn)
    walk("DeleteStream", StreamName="jobs")
    walk.until(lambda: "jobs" not in walk.kinesis.list_streams()["StreamNames"])
    walk.twice("DescribeStream", StreamName="jobs")


ALL = (of_streams, of_consumers, of_resharding, of_modes, of_queues, of_channels)


def walked(url: str, services: str) -> list[tuple[str, Any]]:
    walk = Walk(url, services)
    for part in ALL:
        part(walk)
    return walk.said


def test_two_gateways_answer_every_operation_as_one_server_does(store_url: str, tmp_path: Path) -> None:
    options = ["--transition-ms", str(TRANSITION_MS), "--account-id", ACCOUNT_ID]
    with Headwater() as alone:
        expected = walked(alone.endpoint_url, alone.endpoint_url)
        options += ["--forward-to", alone.endpoint_url]
        with running(store_url, tmp_path, 2, *options) as gateways, front_of(gateways) as front:
            found = walked(front.url, alone.endpoint_url)
            assert min(front.requests.values()) > len(found) // 3
    differing = [(two, one) for one, two in zip_longest(expected, found) if one != two]
    assert not differing, "\n".join(f"{two}\n  {one}" for two, one in differing)
    assert OPERATIONS.keys() - Counter(operation for operation, _ in found).keys() == set()


def front_of(gateways: list[Gateway]) -> AlternatingFront:
    return AlternatingFront([gateway.port for gateway in gateways])
