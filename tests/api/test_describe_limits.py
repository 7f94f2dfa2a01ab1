"""DescribeLimits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.clocked_server import ON_DEMAND_STREAM_LIMIT, SHARD_LIMIT


def test_counts_open_shards_and_on_demand_streams(kinesis: Any, settle: Callable[[], None]) -> None:
    kinesis.create_stream(StreamName="provisioned", ShardCount=3)
    kinesis.create_stream(StreamName="on-demand", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    settle()
    limits = kinesis.describe_limits()
    assert limits["OpenShardCount"] == 7
    assert limits["OnDemandStreamCount"] == 1
    assert limits["ShardLimit"] == SHARD_LIMIT
    assert limits["OnDemandStreamCountLimit"] == ON_DEMAND_STREAM_LIMIT


def test_does_not_count_what_is_closed_or_of_others(
    kinesis: Any, client_of: Callable[..., Any], account_id: str, settle: Callable[[], None], stream_arn: str
) -> None:
    kinesis.merge_shards(
        StreamARN=stream_arn,
        ShardToMerge="shardId-000000000000",
        AdjacentShardToMerge="shardId-000000000001",
    )
    settle()
    assert kinesis.describe_limits()["OpenShardCount"] == 1
    assert client_of(account_id, "us-west-2").describe_limits()["OpenShardCount"] == 0
