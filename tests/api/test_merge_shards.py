"""MergeShards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import refusal
from tests.api.streams import (
    HALF,
    HASH_KEY_MAX,
    create,
    create_on_demand,
    finish,
    hash_range,
    merge,
    open_shards,
    put,
    read,
    shard_id,
    shards,
    split,
    status,
    summary,
)
from tests.api.validation.broken_constraints import broken

Settle = Callable[[], None]


def test_the_parents_take_records_until_the_child_is_open(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    kinesis.merge_shards(StreamARN=stream_arn, ShardToMerge=shard_id(0), AdjacentShardToMerge=shard_id(1))
    assert status(kinesis) == "UPDATING"
    assert put(kinesis, b"left", 0)["ShardId"] == shard_id(0)
    assert put(kinesis, b"right", HASH_KEY_MAX)["ShardId"] == shard_id(1)
    finish(kinesis, settle)
    assert put(kinesis, b"both", 0)["ShardId"] == shard_id(2)
    assert put(kinesis, b"all", HASH_KEY_MAX)["ShardId"] == shard_id(2)
    assert [read(kinesis, index) for index in range(3)] == [[b"left"], [b"right"], [b"both", b"all"]]


def test_the_child_covers_both_ranges_and_names_both_parents(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    merge(kinesis, settle, 0, 1)
    left, right, child = shards(kinesis)
    assert hash_range(child) == (0, HASH_KEY_MAX)
    assert child["ParentShardId"] == shard_id(0)
    assert child["AdjacentParentShardId"] == shard_id(1)
    start = child["SequenceNumberRange"]["StartingSequenceNumber"]
    assert all(start > parent["SequenceNumberRange"]["EndingSequenceNumber"] for parent in (left, right))
    assert summary(kinesis)["OpenShardCount"] == 1


def test_shards_of_different_generations_can_be_merged(kinesis: Any, settle: Settle, stream_arn: str) -> None:
    split(kinesis, settle, 0, HALF // 2)
    merge(kinesis, settle, 3, 1)
    merge(kinesis, settle, 2, 4)
    (child,) = open_shards(kinesis)
    assert hash_range(child) == (0, HASH_KEY_MAX)
    assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (shard_id(2), shard_id(4))


@pytest.mark.parametrize(("first", "second"), [(0, 2), (0, 0), (2, 1)])
def test_the_shards_are_adjacent(
    kinesis: Any, settle: Settle, account_id: str, first: int, second: int
) -> None:
    create(kinesis, settle, 3)
    assert refusal(
        kinesis.merge_shards,
        StreamName="orders",
        ShardToMerge=shard_id(first),
        AdjacentShardToMerge=shard_id(second),
    ) == (
        "InvalidArgumentException",
        (
            f"Shards {shard_id(first)} and {shard_id(second)} in stream orders under account {account_id} "
            "are not an adjacent pair of shards eligible for merging"
        ),
    )
    assert status(kinesis) == "ACTIVE"


@pytest.mark.parametrize(("first", "second"), [(shard_id(0), shard_id(7)), (shard_id(7), shard_id(1))])
def test_both_shards_must_exist(
    kinesis: Any, account_id: str, stream_arn: str, first: str, second: str
) -> None:
    assert refusal(
        kinesis.merge_shards, StreamARN=stream_arn, ShardToMerge=first, AdjacentShardToMerge=second
    ) == (
        "ResourceNotFoundException",
        f"Could not find shard {shard_id(7)} in stream orders under account {account_id}.",
    )


def test_a_closed_shard_is_not_merged_again(
    kinesis: Any, settle: Settle, account_id: str, stream_arn: str
) -> None:
    merge(kinesis, settle, 0, 1)
    code, text = refusal(
        kinesis.merge_shards,
        StreamARN=stream_arn,
        ShardToMerge=shard_id(0),
        AdjacentShardToMerge=shard_id(1),
    )
    assert code == "ResourceInUseException"
    assert f"Shard {shard_id(0)} in stream orders under account {account_id}" in text


def test_the_shards_of_an_on_demand_stream_are_not_the_callers(kinesis: Any, settle: Settle) -> None:
    create_on_demand(kinesis, settle)
    code, text = refusal(
        kinesis.merge_shards,
        StreamName="orders",
        ShardToMerge=shard_id(0),
        AdjacentShardToMerge=shard_id(1),
    )
    assert code == "ValidationException"
    assert "PROVISIONED" in text


@pytest.mark.parametrize("member", ["ShardToMerge", "AdjacentShardToMerge"])
def test_what_is_needed(kinesis: Any, stream_arn: str, member: str) -> None:
    members = {"ShardToMerge": shard_id(0), "AdjacentShardToMerge": shard_id(1)}
    del members[member]
    path = member[0].lower() + member[1:]
    assert refusal(kinesis.merge_shards, StreamARN=stream_arn, **members) == broken(
        path, None, "Member must not be null"
    )
