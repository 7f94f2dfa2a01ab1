"""UpdateShardCount."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.clocked_server import SHARD_LIMIT
from tests.api.refusals import refusal
from tests.api.streams import (
    DAY_MS,
    HASH_KEY_MAX,
    create,
    create_on_demand,
    finish,
    hash_range,
    iterator,
    open_shards,
    shards,
    status,
    summary,
)
from tests.api.validation.broken_constraints import broken, too_small

Settle = Callable[[], None]


def update(kinesis: Any, target: int) -> dict[str, Any]:
    answer: dict[str, Any] = kinesis.update_shard_count(
        StreamName="orders", TargetShardCount=target, ScalingType="UNIFORM_SCALING"
    )
    return answer


def refused_update(kinesis: Any, target: int) -> tuple[str, str]:
    return refusal(
        kinesis.update_shard_count,
        StreamName="orders",
        TargetShardCount=target,
        ScalingType="UNIFORM_SCALING",
    )


def read_along_the_lineage(kinesis: Any) -> list[bytes]:
    """Every record of the stream, parents before children, as a consumer library reads it."""
    records: list[bytes] = []
    roots = [shard for shard in shards(kinesis) if "ParentShardId" not in shard]
    waiting = [shard["ShardId"] for shard in roots]
    ended: set[str] = set()
    while waiting:
        index = int(waiting.pop(0).removeprefix("shardId-"))
        answer = kinesis.get_records(ShardIterator=iterator(kinesis, index))
        records += [record["Data"] for record in answer["Records"]]
        if "NextShardIterator" not in answer:
            ended.add(f"shardId-{index:012d}")
            waiting += [
                child["ShardId"]
                for child in answer["ChildShards"]
                if ended.issuperset(child["ParentShards"]) and child["ShardId"] not in waiting
            ]
    return records


def test_answers_with_both_counts_and_is_updating(kinesis: Any, settle: Settle, stream_arn: str) -> None:
    answer = update(kinesis, 3)
    del answer["ResponseMetadata"]
    assert answer == {
        "StreamName": "orders",
        "CurrentShardCount": 2,
        "TargetShardCount": 3,
        "StreamARN": stream_arn,
    }
    assert status(kinesis) == "UPDATING"
    assert summary(kinesis)["OpenShardCount"] == 2
    finish(kinesis, settle)
    assert summary(kinesis)["OpenShardCount"] == 3


SCALINGS = [(1, 2), (2, 4), (4, 2), (2, 1), (2, 3), (3, 2), (3, 5), (5, 3), (5, 9), (9, 7), (7, 4), (4, 4)]


@pytest.mark.parametrize(("count", "target"), SCALINGS)
def test_shards_are_of_equal_size_at_the_end(kinesis: Any, settle: Settle, count: int, target: int) -> None:
    create(kinesis, settle, count)
    update(kinesis, target)
    finish(kinesis, settle)
    create(kinesis, settle, target, "fresh")
    assert [hash_range(shard) for shard in open_shards(kinesis)] == [
        hash_range(shard) for shard in open_shards(kinesis, "fresh")
    ]


@pytest.mark.parametrize(("count", "target"), SCALINGS)
def test_the_lineage_is_whole(kinesis: Any, settle: Settle, count: int, target: int) -> None:
    create(kinesis, settle, count)
    update(kinesis, target)
    finish(kinesis, settle)
    listed = {shard["ShardId"]: shard for shard in shards(kinesis)}
    for name, shard in listed.items():
        parents = [
            listed[shard[member]] for member in ("ParentShardId", "AdjacentParentShardId") if member in shard
        ]
        children = [
            child
            for child in listed.values()
            if name in (child.get("ParentShardId"), child.get("AdjacentParentShardId"))
        ]
        start, end = hash_range(shard)
        for parent in parents:
            assert (
                shard["SequenceNumberRange"]["StartingSequenceNumber"]
                > parent["SequenceNumberRange"]["EndingSequenceNumber"]
            )
        if len(parents) == 2:
            assert (hash_range(parents[0])[0], hash_range(parents[1])[1]) == (start, end)
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]:
            assert children == []
        elif len(children) == 2:
            first, second = sorted(hash_range(child) for child in children)
            assert (first[0], first[1] + 1, second[1]) == (start, second[0], end)
        else:
            (child,) = children
            assert hash_range(child)[0] <= start <= end <= hash_range(child)[1]


def put_all(kinesis: Any, age: bytes, hash_keys: list[int]) -> None:
    records = [
        {"Data": b"%s %d" % (age, hash_key), "PartitionKey": "key", "ExplicitHashKey": str(hash_key)}
        for hash_key in hash_keys
    ]
    assert kinesis.put_records(StreamName="orders", Records=records)["FailedRecordCount"] == 0


@pytest.mark.parametrize(("count", "target"), SCALINGS)
def test_no_record_is_lost_or_seen_twice(kinesis: Any, settle: Settle, count: int, target: int) -> None:
    create(kinesis, settle, count)
    keys = [HASH_KEY_MAX * step // 20 for step in range(21)]
    put_all(kinesis, b"old", keys)
    update(kinesis, target)
    put_all(kinesis, b"meanwhile", keys)
    finish(kinesis, settle)
    put_all(kinesis, b"new", keys)
    found = read_along_the_lineage(kinesis)
    assert sorted(found) == sorted(
        b"%s %d" % (age, hash_key) for age in (b"old", b"meanwhile", b"new") for hash_key in keys
    )
    for hash_key in keys:
        ages = [record.partition(b" ")[0] for record in found if record.endswith(b" %d" % hash_key)]
        assert ages == [b"old", b"meanwhile", b"new"]


@pytest.mark.parametrize(("count", "target"), [(2, 5), (1, 3), (3, 7)])
def test_scales_up_to_double_at_most(kinesis: Any, settle: Settle, count: int, target: int) -> None:
    create(kinesis, settle, count)
    code, text = refused_update(kinesis, target)
    assert code == "InvalidArgumentException"
    assert f"Current open shard count: {count} Target shard count: {target}" in text


@pytest.mark.parametrize(("count", "target"), [(4, 1), (3, 1), (5, 2), (7, 3)])
def test_scales_down_to_half_at_least(kinesis: Any, settle: Settle, count: int, target: int) -> None:
    create(kinesis, settle, count)
    code, text = refused_update(kinesis, target)
    assert code == "InvalidArgumentException"
    assert f"Current open shard count: {count} Target shard count: {target}" in text


def test_scales_ten_times_in_24_hours(
    kinesis: Any, clock: ManualClock, settle: Settle, account_id: str
) -> None:
    create(kinesis, settle, 2)
    for target in (3, 2) * 5:
        update(kinesis, target)
        finish(kinesis, settle)
        clock.advance_ms(3_600_000)
    code, text = refused_update(kinesis, 3)
    assert code == "LimitExceededException"
    assert f"orders under account {account_id}" in text
    clock.advance_ms(DAY_MS - 10 * 3_600_000)
    update(kinesis, 3)
    finish(kinesis, settle)
    assert refused_update(kinesis, 2)[0] == "LimitExceededException"


def test_a_refused_update_does_not_count(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle, 2)
    for _ in range(11):
        assert refused_update(kinesis, 5)[0] == "InvalidArgumentException"
    update(kinesis, 3)


def test_the_account_has_a_limit_of_shards(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle, SHARD_LIMIT - 5, "invoices")
    create(kinesis, settle, 3)
    code, text = refused_update(kinesis, 6)
    assert code == "LimitExceededException"
    assert f"Limit: {SHARD_LIMIT}" in text
    update(kinesis, 5)


def test_a_pending_update_has_its_shards_already(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle, SHARD_LIMIT - 6, "invoices")
    create(kinesis, settle, 3)
    update(kinesis, 6)
    code, text = refusal(kinesis.create_stream, StreamName="one-more", ShardCount=1)
    assert code == "LimitExceededException"
    assert f"Current shard count for the account: {SHARD_LIMIT}. Limit: {SHARD_LIMIT}." in text
    settle()
    assert kinesis.describe_limits()["OpenShardCount"] == SHARD_LIMIT


def test_a_pending_update_to_fewer_keeps_its_shards_until_then(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle, SHARD_LIMIT - 4, "invoices")
    create(kinesis, settle, 4)
    update(kinesis, 2)
    assert refusal(kinesis.create_stream, StreamName="more", ShardCount=1)[0] == "LimitExceededException"
    settle()
    kinesis.create_stream(StreamName="more", ShardCount=2)


def test_the_shards_of_an_on_demand_stream_are_not_the_callers(kinesis: Any, settle: Settle) -> None:
    create_on_demand(kinesis, settle)
    code, text = refused_update(kinesis, 8)
    assert code == "ValidationException"
    assert "PROVISIONED" in text


def test_many_shards_stay_a_partition(kinesis: Any, settle: Settle) -> None:
    create(kinesis, settle, 101)
    update(kinesis, 157)
    finish(kinesis, settle)
    ranges = [hash_range(shard) for shard in open_shards(kinesis)]
    assert len(ranges) == 157
    assert (ranges[0][0], ranges[-1][1]) == (0, HASH_KEY_MAX)
    assert all(end + 1 == start for (_, end), (start, _) in pairwise(ranges))


def test_the_target_is_one_shard_at_least(kinesis: Any, stream_arn: str) -> None:
    assert refused_update(kinesis, 0) == too_small("targetShardCount", 0, 1)


def test_scaling_is_uniform(kinesis: Any, stream_arn: str) -> None:
    assert refusal(
        kinesis.update_shard_count, StreamARN=stream_arn, TargetShardCount=4, ScalingType="RANDOM"
    ) == broken("scalingType", "RANDOM", "Member must satisfy enum value set: [UNIFORM_SCALING]")


@pytest.mark.parametrize("member", ["TargetShardCount", "ScalingType"])
def test_what_is_needed(kinesis: Any, stream_arn: str, member: str) -> None:
    members = {"TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}
    del members[member]
    path = member[0].lower() + member[1:]
    assert refusal(kinesis.update_shard_count, StreamARN=stream_arn, **members) == broken(
        path, None, "Member must not be null"
    )
