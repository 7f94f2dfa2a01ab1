"""DescribeStream."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.refusals import NOT_ACTIVE, put_in_state, refusal
from tests.api.streams import HALF, HASH_KEY_MAX, create, merge, shard_id, split
from tests.api.validation.broken_constraints import broken


def describe(kinesis: Any, **members: Any) -> dict[str, Any]:
    described: dict[str, Any] = kinesis.describe_stream(StreamName="orders", **members)["StreamDescription"]
    return described


def ids(described: dict[str, Any]) -> list[str]:
    return [shard["ShardId"] for shard in described["Shards"]]


def test_tells_everything(
    kinesis: Any, clock: ManualClock, settle: Callable[[], None], account_id: str
) -> None:
    created_s = clock.now_ms() // 1000
    create(kinesis, settle, 2)
    described = describe(kinesis)
    starts = [shard["SequenceNumberRange"].pop("StartingSequenceNumber") for shard in described["Shards"]]
    assert [len(start) for start in starts] == [56, 56]
    assert described == {
        "StreamName": "orders",
        "StreamARN": f"arn:aws:kinesis:eu-west-1:{account_id}:stream/orders",
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "Shards": [
            {
                "ShardId": shard_id(0),
                "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(HALF - 1)},
                "SequenceNumberRange": {},
            },
            {
                "ShardId": shard_id(1),
                "HashKeyRange": {"StartingHashKey": str(HALF), "EndingHashKey": str(HASH_KEY_MAX)},
                "SequenceNumberRange": {},
            },
        ],
        "HasMoreShards": False,
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": datetime.fromtimestamp(created_s, UTC),
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
    }


def test_tells_what_was_changed(kinesis: Any, settle: Callable[[], None], stream_arn: str) -> None:
    kinesis.start_stream_encryption(StreamARN=stream_arn, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    settle()
    kinesis.increase_stream_retention_period(StreamARN=stream_arn, RetentionPeriodHours=48)
    settle()
    kinesis.enable_enhanced_monitoring(StreamARN=stream_arn, ShardLevelMetrics=["IncomingBytes"])
    settle()
    described = describe(kinesis)
    assert described["EncryptionType"] == "KMS"
    assert described["KeyId"] == "alias/aws/kinesis"
    assert described["RetentionPeriodHours"] == 48
    assert described["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes"]}]


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_describes_a_stream_in_any_state(kinesis: Any, settle: Callable[[], None], state: str) -> None:
    put_in_state(kinesis, settle, state)
    described = describe(kinesis)
    assert described["StreamStatus"] == state
    assert described["HasMoreShards"] is False
    assert len(described["Shards"]) == (0 if state == "CREATING" else 2)


def test_shards_change_when_the_update_is_done(
    kinesis: Any, settle: Callable[[], None], stream_arn: str
) -> None:
    kinesis.split_shard(StreamARN=stream_arn, ShardToSplit=shard_id(0), NewStartingHashKey=str(HALF // 2))
    updating = describe(kinesis)
    assert updating["StreamStatus"] == "UPDATING"
    assert ids(updating) == [shard_id(0), shard_id(1)]
    settle()
    active = describe(kinesis)
    assert active["StreamStatus"] == "ACTIVE"
    assert ids(active) == [shard_id(index) for index in range(4)]


def test_shows_the_lineage(kinesis: Any, settle: Callable[[], None]) -> None:
    create(kinesis, settle)
    split(kinesis, settle, 0, HALF)
    merge(kinesis, settle, 1, 2)
    first, left, right, merged = describe(kinesis)["Shards"]
    assert "ParentShardId" not in first
    for child in (left, right):
        assert child["ParentShardId"] == shard_id(0)
        assert "AdjacentParentShardId" not in child
        assert (
            child["SequenceNumberRange"]["StartingSequenceNumber"]
            > first["SequenceNumberRange"]["EndingSequenceNumber"]
        )
    assert merged["ParentShardId"] == shard_id(1)
    assert merged["AdjacentParentShardId"] == shard_id(2)
    assert [("EndingSequenceNumber" in shard["SequenceNumberRange"]) for shard in (left, right, merged)] == [
        True,
        True,
        False,
    ]


def test_pages_by_limit_and_exclusive_start(kinesis: Any, settle: Callable[[], None]) -> None:
    create(kinesis, settle, 5)
    pages = []
    described = describe(kinesis, Limit=2)
    pages.append(ids(described))
    while described["HasMoreShards"]:
        described = describe(kinesis, Limit=2, ExclusiveStartShardId=pages[-1][-1])
        pages.append(ids(described))
    assert pages == [[shard_id(0), shard_id(1)], [shard_id(2), shard_id(3)], [shard_id(4)]]


def test_a_page_that_ends_with_the_last_shard_is_the_last_one(
    kinesis: Any, settle: Callable[[], None]
) -> None:
    create(kinesis, settle, 4)
    assert describe(kinesis, Limit=4)["HasMoreShards"] is False
    beyond = describe(kinesis, ExclusiveStartShardId=shard_id(3))
    assert beyond["Shards"] == []
    assert beyond["HasMoreShards"] is False


@pytest.mark.parametrize("members", [{}, {"Limit": 10_000}])
def test_a_page_has_a_hundred_shards_at_most(
    kinesis: Any, settle: Callable[[], None], members: dict[str, int]
) -> None:
    create(kinesis, settle, 101)
    described = describe(kinesis, **members)
    assert len(described["Shards"]) == 100
    assert described["HasMoreShards"] is True


def test_the_paginator_of_the_sdk_finds_every_shard(kinesis: Any, settle: Callable[[], None]) -> None:
    create(kinesis, settle, 101)
    pages = kinesis.get_paginator("describe_stream").paginate(StreamName="orders")
    found = [shard["ShardId"] for page in pages for shard in page["StreamDescription"]["Shards"]]
    assert found == [shard_id(index) for index in range(101)]


@pytest.mark.parametrize(
    ("limit", "constraint"),
    [
        (0, "Member must have value greater than or equal to 1"),
        (10_001, "Member must have value less than or equal to 10000"),
    ],
)
def test_the_limit_has_bounds(kinesis: Any, limit: int, constraint: str) -> None:
    assert refusal(kinesis.describe_stream, StreamName="orders", Limit=limit) == broken(
        "limit", limit, constraint
    )
