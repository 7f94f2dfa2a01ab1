"""SplitShard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.clocked_server import SHARD_LIMIT
from tests.api.refusals import refusal
from tests.api.streams import (
    HALF,
    HASH_KEY_MAX,
    create,
    create_on_demand,
    finish,
    hash_range,
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

LAST_SHARD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("create_stream", {"StreamName": "one-more", "ShardCount": 1}),
    ("split_shard", {"StreamName": "invoices", "ShardToSplit": shard_id(0), "NewStartingHashKey": "1000"}),
    (
        "update_shard_count",
        {
            "StreamName": "invoices",
            "TargetShardCount": SHARD_LIMIT - 2,
            "ScalingType": "UNIFORM_SCALING",
        },
    ),
)
"""The calls that would each need one shard more."""


def test_the_parent_takes_records_until_its_children_are_open(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    kinesis.split_shard(StreamARN=stream_arn, ShardToSplit=shard_id(0), NewStartingHashKey=str(HALF // 2))
    assert status(kinesis) == "UPDATING"
    assert put(kinesis, b"before", 0)["ShardId"] == shard_id(0)
    finish(kinesis, settle)
    assert put(kinesis, b"after", 0)["ShardId"] == shard_id(2)
    assert read(kinesis, 0) == [b"before"]
    assert read(kinesis, 2) == [b"after"]


def test_the_new_hash_key_is_the_first_one_of_the_second_child(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    split(kinesis, settle, 0, 1000)
    assert [hash_range(shard) for shard in open_shards(kinesis)] == [
        (0, 999),
        (1000, HALF - 1),
        (HALF, HASH_KEY_MAX),
    ]
    assert put(kinesis, b"last of the first", 999)["ShardId"] == shard_id(2)
    assert put(kinesis, b"first of the second", 1000)["ShardId"] == shard_id(3)
    assert put(kinesis, b"last of the second", HALF - 1)["ShardId"] == shard_id(3)
    assert put(kinesis, b"neighbour", HALF)["ShardId"] == shard_id(1)


def test_the_children_name_their_parent_and_begin_after_its_end(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    put(kinesis, b"old")
    split(kinesis, settle, 0, HALF // 2)
    parent, _, *children = shards(kinesis)
    ending = parent["SequenceNumberRange"]["EndingSequenceNumber"]
    assert [child["ParentShardId"] for child in children] == [shard_id(0), shard_id(0)]
    assert all("AdjacentParentShardId" not in child for child in children)
    assert all(child["SequenceNumberRange"]["StartingSequenceNumber"] > ending for child in children)
    assert put(kinesis, b"new")["SequenceNumber"] > ending
    assert summary(kinesis)["OpenShardCount"] == 3


def test_a_child_can_be_split_again_at_once(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle)
    split(kinesis, settle, 0, HALF)
    split(kinesis, settle, 1, HALF // 2)
    split(kinesis, settle, 3, HALF // 4)
    starts = {
        shard["ShardId"]: shard["SequenceNumberRange"]["StartingSequenceNumber"] for shard in shards(kinesis)
    }
    assert starts[shard_id(0)] < starts[shard_id(1)] < starts[shard_id(3)] < starts[shard_id(5)]


@pytest.mark.parametrize("hash_key", [2, HALF - 2])
def test_the_new_hash_key_may_come_close_to_the_ends(
    kinesis: Any, settle: Settle, stream_arn: str, hash_key: int
) -> None:
    split(kinesis, settle, 0, hash_key)
    assert len(open_shards(kinesis)) == 3


@pytest.mark.parametrize("hash_key", [0, 1, HALF - 1, HALF, HASH_KEY_MAX, 10**39 - 1])
def test_the_new_hash_key_lies_within_the_shard(
    kinesis: Any, account_id: str, stream_arn: str, hash_key: int
) -> None:
    assert refusal(
        kinesis.split_shard,
        StreamARN=stream_arn,
        ShardToSplit=shard_id(0),
        NewStartingHashKey=str(hash_key),
    ) == (
        "InvalidArgumentException",
        (
            f"NewStartingHashKey {hash_key} used in SplitShard() on shard {shard_id(0)} in stream orders "
            f"under account {account_id} is not both greater than one plus the shard's StartingHashKey 0 "
            f"and less than the shard's EndingHashKey {HALF - 1}."
        ),
    )
    assert status(kinesis) == "ACTIVE"


@pytest.mark.parametrize("hash_key", ["", "01", "-1", "1e5", "1" * 40])
def test_the_new_hash_key_is_a_number(kinesis: Any, stream_arn: str, hash_key: str) -> None:
    pattern = r"0|([1-9]\d{0,38})"
    assert refusal(
        kinesis.split_shard, StreamARN=stream_arn, ShardToSplit=shard_id(0), NewStartingHashKey=hash_key
    ) == broken("newStartingHashKey", hash_key, f"Member must satisfy regular expression pattern: {pattern}")


@pytest.mark.parametrize("absent_id", [shard_id(2), "shardId-", "orders"])
def test_the_shard_must_exist(kinesis: Any, account_id: str, stream_arn: str, absent_id: str) -> None:
    assert refusal(
        kinesis.split_shard, StreamARN=stream_arn, ShardToSplit=absent_id, NewStartingHashKey="1000"
    ) == (
        "ResourceNotFoundException",
        f"Could not find shard {absent_id} in stream orders under account {account_id}.",
    )


def test_a_closed_shard_is_not_split_again(
    kinesis: Any, settle: Settle, account_id: str, stream_arn: str
) -> None:
    split(kinesis, settle, 0, 1000)
    code, text = refusal(
        kinesis.split_shard, StreamARN=stream_arn, ShardToSplit=shard_id(0), NewStartingHashKey="500"
    )
    assert code == "ResourceInUseException"
    assert f"Shard {shard_id(0)} in stream orders under account {account_id}" in text


def test_the_account_has_a_limit_of_shards(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle, SHARD_LIMIT)
    code, text = refusal(
        kinesis.split_shard, StreamName="orders", ShardToSplit=shard_id(0), NewStartingHashKey="1000"
    )
    assert code == "LimitExceededException"
    assert f"Limit: {SHARD_LIMIT}" in text


def test_a_pending_split_has_its_shard_already(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle, SHARD_LIMIT - 3, "invoices")
    create(kinesis, settle, 2)
    kinesis.split_shard(StreamName="orders", ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    for call, request in LAST_SHARD:
        code, text = refusal(getattr(kinesis, call), **request)
        assert code == "LimitExceededException"
        assert f"Current shard count for the account: {SHARD_LIMIT}. Limit: {SHARD_LIMIT}." in text
    settle()
    assert kinesis.describe_limits()["OpenShardCount"] == SHARD_LIMIT


def test_the_shards_of_an_on_demand_stream_are_not_the_callers(kinesis: Any, settle: Settle) -> None:
    create_on_demand(kinesis, settle)
    code, text = refusal(
        kinesis.split_shard, StreamName="orders", ShardToSplit=shard_id(0), NewStartingHashKey="1000"
    )
    assert code == "ValidationException"
    assert "PROVISIONED" in text


@pytest.mark.parametrize("member", ["ShardToSplit", "NewStartingHashKey"])
def test_what_is_needed(kinesis: Any, stream_arn: str, member: str) -> None:
    members = {"ShardToSplit": shard_id(0), "NewStartingHashKey": "1000"}
    del members[member]
    path = member[0].lower() + member[1:]
    assert refusal(kinesis.split_shard, StreamARN=stream_arn, **members) == broken(
        path, None, "Member must not be null"
    )
