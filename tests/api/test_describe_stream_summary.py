"""DescribeStreamSummary."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.refusals import put_in_state
from tests.api.streams import commit_throughput, create, create_on_demand, merge, summary


def test_tells_everything(
    kinesis: Any, clock: ManualClock, settle: Callable[[], None], account_id: str
) -> None:
    created_s = clock.now_ms() // 1000
    create(kinesis, settle, 3)
    described = summary(kinesis)
    assert described == {
        "StreamName": "orders",
        "StreamARN": f"arn:aws:kinesis:eu-west-1:{account_id}:stream/orders",
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": datetime.fromtimestamp(created_s, UTC),
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
        "OpenShardCount": 3,
        "ConsumerCount": 0,
        "MaxRecordSizeInKiB": 1024,
    }


def test_tells_more_of_an_on_demand_stream(kinesis: Any, settle: Callable[[], None]) -> None:
    commit_throughput(kinesis)
    create_on_demand(kinesis, settle, WarmThroughputMiBps=5)
    described = summary(kinesis)
    assert described["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert described["RecordDistributionStrategy"] == "USER_PARTITION_KEY"
    assert described["WarmThroughput"] == {"TargetMiBps": 5, "CurrentMiBps": 5}


def test_counts_open_shards_only(kinesis: Any, settle: Callable[[], None], stream_arn: str) -> None:
    merge(kinesis, settle, 0, 1)
    assert summary(kinesis)["OpenShardCount"] == 1


def test_counts_consumers(kinesis: Any, settle: Callable[[], None], stream_arn: str) -> None:
    for name in ("first", "second"):
        kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName=name)
    settle()
    assert summary(kinesis)["ConsumerCount"] == 2


def test_tells_the_key(kinesis: Any, settle: Callable[[], None], stream_arn: str) -> None:
    kinesis.start_stream_encryption(StreamARN=stream_arn, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    settle()
    described = summary(kinesis)
    assert (described["EncryptionType"], described["KeyId"]) == ("KMS", "alias/aws/kinesis")


@pytest.mark.parametrize(("state", "open_shards"), [("CREATING", 0), ("UPDATING", 2), ("DELETING", 2)])
def test_describes_a_stream_in_any_state(
    kinesis: Any, settle: Callable[[], None], state: str, open_shards: int
) -> None:
    put_in_state(kinesis, settle, state)
    described = summary(kinesis)
    assert described["StreamStatus"] == state
    assert described["OpenShardCount"] == open_shards
