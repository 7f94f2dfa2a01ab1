"""CreateStream."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.clocked_server import ON_DEMAND_STREAM_LIMIT, SHARD_LIMIT
from tests.api.refusals import refusal
from tests.api.streams import (
    HASH_KEY_MAX,
    another_account,
    commit_throughput,
    create,
    create_on_demand,
    hash_range,
    open_shards,
    status,
    summary,
)
from tests.api.validation.broken_constraints import broken

ON_DEMAND = {"StreamMode": "ON_DEMAND"}
PROVISIONED = {"StreamMode": "PROVISIONED"}


def test_a_stream_is_creating_without_shards_and_then_active(
    kinesis: Any, settle: Callable[[], None], account_id: str
) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    creating = kinesis.describe_stream(StreamName="orders")["StreamDescription"]
    assert creating["StreamStatus"] == "CREATING"
    assert creating["StreamARN"] == f"arn:aws:kinesis:eu-west-1:{account_id}:stream/orders"
    assert creating["Shards"] == []
    assert summary(kinesis)["OpenShardCount"] == 0
    settle()
    active = kinesis.describe_stream(StreamName="orders")["StreamDescription"]
    assert active["StreamStatus"] == "ACTIVE"
    assert len(active["Shards"]) == 2


@pytest.mark.parametrize("shard_count", [1, 2, 3, 7, 100])
def test_shards_partition_all_hash_keys_evenly(
    kinesis: Any, settle: Callable[[], None], shard_count: int
) -> None:
    create(kinesis, settle, shard_count)
    ranges = [hash_range(shard) for shard in open_shards(kinesis)]
    assert len(ranges) == shard_count
    assert ranges[0][0] == 0
    assert ranges[-1][1] == HASH_KEY_MAX
    assert all(end + 1 == start for (_, end), (start, _) in pairwise(ranges))
    sizes = [end - start + 1 for start, end in ranges]
    assert max(sizes) - min(sizes) < shard_count


def test_every_parameter_takes_effect(kinesis: Any, settle: Callable[[], None], clock: ManualClock) -> None:
    commit_throughput(kinesis)
    created_s = clock.now_ms() // 1000
    kinesis.create_stream(
        StreamName="orders",
        StreamModeDetails=ON_DEMAND,
        Tags={"team": "blue", "empty": ""},
        WarmThroughputMiBps=6,
        MaxRecordSizeInKiB=10240,
        RecordDistributionStrategy="AUTO",
    )
    settle()
    created = summary(kinesis)
    assert created["StreamModeDetails"] == ON_DEMAND
    assert created["WarmThroughput"] == {"TargetMiBps": 6, "CurrentMiBps": 6}
    assert created["OpenShardCount"] == 6
    assert created["MaxRecordSizeInKiB"] == 10240
    assert created["RecordDistributionStrategy"] == "AUTO"
    assert created["StreamCreationTimestamp"] == datetime.fromtimestamp(created_s, UTC)
    assert kinesis.list_tags_for_stream(StreamName="orders")["Tags"] == [
        {"Key": "empty", "Value": ""},
        {"Key": "team", "Value": "blue"},
    ]


def test_defaults(kinesis: Any, settle: Callable[[], None]) -> None:
    kinesis.create_stream(StreamName="orders")
    settle()
    created = summary(kinesis)
    assert created["StreamModeDetails"] == PROVISIONED
    assert created["OpenShardCount"] == 4
    assert created["MaxRecordSizeInKiB"] == 1024
    assert created["RetentionPeriodHours"] == 24
    assert created["EncryptionType"] == "NONE"
    assert kinesis.list_tags_for_stream(StreamName="orders")["Tags"] == []


@pytest.mark.parametrize("members", [{}, {"ShardCount": 9}])
def test_an_on_demand_stream_begins_with_four_shards(
    kinesis: Any, settle: Callable[[], None], members: dict[str, Any]
) -> None:
    create_on_demand(kinesis, settle, **members)
    created = summary(kinesis)
    assert created["OpenShardCount"] == 4
    assert created["RecordDistributionStrategy"] == "USER_PARTITION_KEY"


def test_tags_are_there_while_creating(kinesis: Any) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1, Tags={"team": "blue"})
    assert kinesis.list_tags_for_stream(StreamName="orders")["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_a_name_is_taken_once_for_each_account_and_region(
    kinesis: Any, client_of: Callable[..., Any], account_id: str
) -> None:
    others = (client_of(account_id, "us-east-1"), client_of(another_account(account_id)))
    for client in (kinesis, *others):
        client.create_stream(StreamName="orders", ShardCount=1)
    arns = {summary(client)["StreamARN"] for client in (kinesis, *others)}
    assert len(arns) == 3
    assert refusal(kinesis.create_stream, StreamName="orders", ShardCount=1) == (
        "ResourceInUseException",
        f"Stream orders under account {account_id} already exists.",
    )


def test_a_name_is_taken_until_its_stream_is_gone(
    kinesis: Any, settle: Callable[[], None], account_id: str
) -> None:
    create(kinesis, settle)
    kinesis.delete_stream(StreamName="orders")
    assert refusal(kinesis.create_stream, StreamName="orders", ShardCount=1) == (
        "ResourceInUseException",
        f"Stream orders under account {account_id} already exists.",
    )
    settle()
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    assert status(kinesis) == "CREATING"


def test_five_streams_can_be_creating_at_once(
    kinesis: Any, settle: Callable[[], None], account_id: str
) -> None:
    for number in range(5):
        kinesis.create_stream(StreamName=f"stream-{number}", ShardCount=1)
    code, text = refusal(kinesis.create_stream, StreamName="stream-5", ShardCount=1)
    assert code == "LimitExceededException"
    assert account_id in text
    assert "CREATING" in text
    settle()
    kinesis.create_stream(StreamName="stream-5", ShardCount=1)


def test_the_account_has_a_limit_of_shards(
    kinesis: Any, client_of: Callable[..., Any], settle: Callable[[], None], account_id: str
) -> None:
    create(kinesis, settle, SHARD_LIMIT - 3)
    create_on_demand(kinesis, settle, "on-demand")
    code, text = refusal(kinesis.create_stream, StreamName="invoices", ShardCount=4)
    assert code == "LimitExceededException"
    assert account_id in text
    assert f"Limit: {SHARD_LIMIT}" in text
    kinesis.create_stream(StreamName="invoices", ShardCount=3)
    client_of(account_id, "us-east-1").create_stream(StreamName="invoices", ShardCount=4)


def test_shards_beyond_the_limit_are_refused_before_any_is_made(kinesis: Any) -> None:
    tracemalloc.start()
    try:
        code, _ = refusal(kinesis.create_stream, StreamName="orders", ShardCount=2**31 - 1)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert code == "LimitExceededException"
    assert peak_bytes < 50_000_000


def test_the_account_has_a_limit_of_on_demand_streams(
    kinesis: Any, settle: Callable[[], None], account_id: str
) -> None:
    for number in range(ON_DEMAND_STREAM_LIMIT):
        create_on_demand(kinesis, settle, f"stream-{number}")
    code, text = refusal(kinesis.create_stream, StreamName="one-more", StreamModeDetails=ON_DEMAND)
    assert code == "LimitExceededException"
    assert account_id in text
    assert f"Limit: {ON_DEMAND_STREAM_LIMIT}" in text
    kinesis.create_stream(StreamName="one-more", StreamModeDetails=PROVISIONED, ShardCount=1)


def test_only_an_on_demand_stream_distributes_records_itself(kinesis: Any) -> None:
    code, text = refusal(
        kinesis.create_stream, StreamName="orders", ShardCount=1, RecordDistributionStrategy="AUTO"
    )
    assert code == "InvalidArgumentException"
    assert "ON_DEMAND" in text
    kinesis.create_stream(StreamName="orders", ShardCount=1, RecordDistributionStrategy="USER_PARTITION_KEY")
    assert "RecordDistributionStrategy" not in summary(kinesis)


def test_warm_throughput_is_for_on_demand_streams(kinesis: Any) -> None:
    commit_throughput(kinesis)
    code, text = refusal(kinesis.create_stream, StreamName="orders", ShardCount=1, WarmThroughputMiBps=1)
    assert code == "InvalidArgumentException"
    assert "ON_DEMAND" in text


def test_warm_throughput_needs_the_commitment(kinesis: Any) -> None:
    code, text = refusal(
        kinesis.create_stream, StreamName="orders", StreamModeDetails=ON_DEMAND, WarmThroughputMiBps=1
    )
    assert code == "ValidationException"
    assert "MinimumThroughputBillingCommitment" in text


def test_warm_throughput_is_10_gibps_at_most(kinesis: Any) -> None:
    commit_throughput(kinesis)
    code, text = refusal(
        kinesis.create_stream, StreamName="orders", StreamModeDetails=ON_DEMAND, WarmThroughputMiBps=10_241
    )
    assert code == "LimitExceededException"
    assert "10241" in text


def test_a_stream_has_fifty_tags_at_most(kinesis: Any) -> None:
    tags = {f"key-{number}": "value" for number in range(50)}
    code, text = refusal(
        kinesis.create_stream, StreamName="orders", ShardCount=1, Tags=tags | {"one": "more"}
    )
    assert code == "InvalidArgumentException"
    assert "50" in text
    kinesis.create_stream(StreamName="orders", ShardCount=1, Tags=tags)


@pytest.mark.parametrize("key", ["semi;colon", "aws:reserved"])
def test_some_tags_are_not_allowed(kinesis: Any, key: str) -> None:
    code, text = refusal(kinesis.create_stream, StreamName="orders", ShardCount=1, Tags={key: "value"})
    assert code == "InvalidArgumentException"
    assert "tag" in text
    assert kinesis.list_streams()["StreamNames"] == []


@pytest.mark.parametrize(
    ("member", "value", "constraint"),
    [
        ("StreamName", "ü", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ("StreamName", "x" * 129, "Member must have length less than or equal to 128"),
        ("ShardCount", 0, "Member must have value greater than or equal to 1"),
        ("WarmThroughputMiBps", -1, "Member must have value greater than or equal to 0"),
        ("MaxRecordSizeInKiB", 1023, "Member must have value greater than or equal to 1024"),
        ("MaxRecordSizeInKiB", 10241, "Member must have value less than or equal to 10240"),
        (
            "RecordDistributionStrategy",
            "RANDOM",
            "Member must satisfy enum value set: [AUTO, USER_PARTITION_KEY]",
        ),
    ],
)
def test_bounds(kinesis: Any, member: str, value: object, constraint: str) -> None:
    path = member[0].lower() + member[1:]
    assert refusal(
        kinesis.create_stream, **{"StreamName": "orders", "ShardCount": 1, member: value}
    ) == broken(path, value, constraint)


def test_a_mode_is_one_of_two(kinesis: Any) -> None:
    assert refusal(
        kinesis.create_stream, StreamName="orders", StreamModeDetails={"StreamMode": "SERVERLESS"}
    ) == broken(
        "streamModeDetails.streamMode",
        "SERVERLESS",
        "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]",
    )


def test_a_missing_shard_count_is_no_error_beside_others_either(kinesis: Any) -> None:
    assert refusal(kinesis.create_stream, StreamName="or ders") == broken(
        "streamName", "or ders", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    )


def test_a_name_is_needed(kinesis: Any) -> None:
    assert refusal(kinesis.create_stream, ShardCount=1) == broken(
        "streamName", None, "Member must not be null"
    )
