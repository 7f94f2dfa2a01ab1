"""ListShards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from headwater.model.clock import ManualClock
from tests.api.clocked_server import TRANSITION_MS
from tests.api.refusals import absent, busy, put_in_state, refusal
from tests.api.streams import (
    DAY_MS,
    HALF,
    HASH_KEY_MAX,
    another_account,
    commit_throughput,
    create,
    create_on_demand,
    finish,
    merge,
    shard_id,
    split,
)
from tests.api.validation.broken_constraints import broken, too_large, too_small

Settle = Callable[[], None]


class History(NamedTuple):
    """When the stream `orders` got its shards, in whole seconds, which are all that the SDK sends."""

    created_s: int
    split_s: int
    """0 became 2 and 3."""
    merged_s: int
    """3 and 1 became 4."""


def indexes(kinesis: Any, **members: Any) -> list[int]:
    """The indexes of the shards that are listed."""
    if "NextToken" not in members:
        members["StreamName"] = "orders"
    return [
        int(shard["ShardId"].removeprefix("shardId-")) for shard in kinesis.list_shards(**members)["Shards"]
    ]


def to_end_in_a_whole_second(clock: ManualClock) -> None:
    """Move the clock some seconds on, so that the next transition ends in a whole one."""
    clock.advance_ms(10_000 - (clock.now_ms() + TRANSITION_MS) % 1000)


@pytest.fixture
def history(kinesis: Any, clock: ManualClock, settle: Settle) -> History:
    to_end_in_a_whole_second(clock)
    clock.advance_ms(TRANSITION_MS)
    created_s = clock.now_ms() // 1000
    create(kinesis, settle, 2)
    to_end_in_a_whole_second(clock)
    split(kinesis, settle, 0, HALF // 2)
    split_s = clock.now_ms() // 1000
    to_end_in_a_whole_second(clock)
    merge(kinesis, settle, 3, 1)
    return History(created_s, split_s, clock.now_ms() // 1000)


def test_lists_every_shard_with_its_range_and_lineage(kinesis: Any, history: History) -> None:
    answer = kinesis.list_shards(StreamName="orders")
    assert "NextToken" not in answer
    listed = answer["Shards"]
    ranges = [shard.pop("SequenceNumberRange") for shard in listed]
    assert [sorted(numbers) for numbers in ranges] == [
        ["EndingSequenceNumber", "StartingSequenceNumber"],
        ["EndingSequenceNumber", "StartingSequenceNumber"],
        ["StartingSequenceNumber"],
        ["EndingSequenceNumber", "StartingSequenceNumber"],
        ["StartingSequenceNumber"],
    ]
    assert listed == [
        {
            "ShardId": shard_id(0),
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(HALF - 1)},
        },
        {
            "ShardId": shard_id(1),
            "HashKeyRange": {"StartingHashKey": str(HALF), "EndingHashKey": str(HASH_KEY_MAX)},
        },
        {
            "ShardId": shard_id(2),
            "ParentShardId": shard_id(0),
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(HALF // 2 - 1)},
        },
        {
            "ShardId": shard_id(3),
            "ParentShardId": shard_id(0),
            "HashKeyRange": {"StartingHashKey": str(HALF // 2), "EndingHashKey": str(HALF - 1)},
        },
        {
            "ShardId": shard_id(4),
            "ParentShardId": shard_id(3),
            "AdjacentParentShardId": shard_id(1),
            "HashKeyRange": {"StartingHashKey": str(HALF // 2), "EndingHashKey": str(HASH_KEY_MAX)},
        },
    ]


@pytest.mark.parametrize(
    ("filter_type", "expected"),
    [
        ("AT_TRIM_HORIZON", [0, 1]),
        ("FROM_TRIM_HORIZON", [0, 1, 2, 3, 4]),
        ("AT_LATEST", [2, 4]),
    ],
)
def test_filters_by_the_ends_of_the_stream(
    kinesis: Any, history: History, filter_type: str, expected: list[int]
) -> None:
    assert indexes(kinesis, ShardFilter={"Type": filter_type}) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [(shard_id(0), [1, 2, 3, 4]), (shard_id(2), [3, 4]), (shard_id(4), []), (shard_id(77), [])],
)
def test_filters_by_shard_id(kinesis: Any, history: History, after: str, expected: list[int]) -> None:
    assert indexes(kinesis, ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": after}) == expected
    assert indexes(kinesis, ExclusiveStartShardId=after) == expected


@pytest.mark.parametrize(
    ("moment", "after_s", "expected"),
    [
        ("created_s", 0, [0, 1]),
        ("split_s", -1, [0, 1]),
        ("split_s", 0, [0, 1, 2, 3]),
        ("split_s", 1, [1, 2, 3]),
        ("merged_s", -1, [1, 2, 3]),
        ("merged_s", 0, [1, 2, 3, 4]),
        ("merged_s", 1, [2, 4]),
    ],
)
def test_filters_by_what_was_open_at_a_time(
    kinesis: Any, history: History, moment: str, after_s: int, expected: list[int]
) -> None:
    chosen = {"Type": "AT_TIMESTAMP", "Timestamp": getattr(history, moment) + after_s}
    assert indexes(kinesis, ShardFilter=chosen) == expected


@pytest.mark.parametrize(
    ("moment", "after_s", "expected"),
    [
        ("created_s", -86_400, [0, 1, 2, 3, 4]),
        ("created_s", 0, [0, 1, 2, 3, 4]),
        ("split_s", 0, [0, 1, 2, 3, 4]),
        ("split_s", 1, [1, 2, 3, 4]),
        ("merged_s", 0, [1, 2, 3, 4]),
        ("merged_s", 1, [2, 4]),
    ],
)
def test_filters_by_what_was_open_since_a_time(
    kinesis: Any, history: History, moment: str, after_s: int, expected: list[int]
) -> None:
    chosen = {"Type": "FROM_TIMESTAMP", "Timestamp": getattr(history, moment) + after_s}
    assert indexes(kinesis, ShardFilter=chosen) == expected


@pytest.mark.parametrize(
    ("filter_type", "after_split", "after_merge"),
    [
        (None, [1, 2, 3, 4], [2, 4]),
        ("AT_TRIM_HORIZON", [1, 2, 3], [2, 4]),
        ("FROM_TRIM_HORIZON", [1, 2, 3, 4], [2, 4]),
        ("AT_LATEST", [2, 4], [2, 4]),
        ("AT_TIMESTAMP", [1, 2, 3], [2, 4]),
        ("FROM_TIMESTAMP", [1, 2, 3, 4], [2, 4]),
        ("AFTER_SHARD_ID", [1, 2, 3, 4], [2, 4]),
    ],
)
def test_a_closed_shard_is_listed_until_its_last_record_has_left_retention(
    kinesis: Any,
    clock: ManualClock,
    history: History,
    filter_type: str | None,
    after_split: list[int],
    after_merge: list[int],
) -> None:
    members: dict[str, Any] = {}
    if filter_type:
        members["ShardFilter"] = {"Type": filter_type}
    if filter_type in ("AT_TIMESTAMP", "FROM_TIMESTAMP"):
        members["ShardFilter"]["Timestamp"] = history.created_s
    if filter_type == "AFTER_SHARD_ID":
        members["ShardFilter"]["ShardId"] = shard_id(0)
    clock.set_ms(history.split_s * 1000 + DAY_MS + 1)
    assert indexes(kinesis, **members) == after_split
    clock.set_ms(history.merged_s * 1000 + DAY_MS + 1)
    assert indexes(kinesis, **members) == after_merge


def test_a_closed_shard_is_still_there_when_retention_has_just_passed(
    kinesis: Any, clock: ManualClock, history: History
) -> None:
    clock.set_ms(history.split_s * 1000 + DAY_MS)
    assert indexes(kinesis) == [0, 1, 2, 3, 4]


def test_a_longer_retention_keeps_closed_shards_longer(
    kinesis: Any, clock: ManualClock, settle: Settle, history: History
) -> None:
    kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=48)
    settle()
    clock.set_ms(history.merged_s * 1000 + DAY_MS + 1)
    assert indexes(kinesis) == [0, 1, 2, 3, 4]
    clock.set_ms(history.merged_s * 1000 + 2 * DAY_MS + 1)
    assert indexes(kinesis) == [2, 4]


@pytest.mark.parametrize(
    ("chosen", "member"),
    [
        ({"Type": "AFTER_SHARD_ID"}, "ShardId"),
        ({"Type": "AT_TIMESTAMP"}, "Timestamp"),
        ({"Type": "FROM_TIMESTAMP"}, "Timestamp"),
        ({"Type": "AT_LATEST", "ShardId": shard_id(0)}, "ShardId"),
        ({"Type": "AT_TIMESTAMP", "Timestamp": 1_795_000_000, "ShardId": shard_id(0)}, "ShardId"),
        ({"Type": "AT_TRIM_HORIZON", "Timestamp": 1_795_000_000}, "Timestamp"),
        ({"Type": "AFTER_SHARD_ID", "ShardId": shard_id(0), "Timestamp": 1_795_000_000}, "Timestamp"),
    ],
)
def test_a_filter_has_what_its_type_needs_and_nothing_else(
    kinesis: Any, stream_arn: str, chosen: dict[str, Any], member: str
) -> None:
    code, text = refusal(kinesis.list_shards, StreamARN=stream_arn, ShardFilter=chosen)
    assert code == "InvalidArgumentException"
    assert f"The {member} parameter must be specified" in text


def test_a_filter_has_one_of_six_types(kinesis: Any, stream_arn: str) -> None:
    types = "AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP"
    assert refusal(kinesis.list_shards, StreamARN=stream_arn, ShardFilter={"Type": "OPEN"}) == broken(
        "shardFilter.type", "OPEN", f"Member must satisfy enum value set: [{types}]"
    )
    assert refusal(kinesis.list_shards, StreamARN=stream_arn, ShardFilter={}) == broken(
        "shardFilter.type", None, "Member must not be null"
    )


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_pages(kinesis: Any, history: History, size: int) -> None:
    answer = kinesis.list_shards(StreamName="orders", MaxResults=size)
    pages = [answer["Shards"]]
    while "NextToken" in answer:
        answer = kinesis.list_shards(NextToken=answer["NextToken"], MaxResults=size)
        pages.append(answer["Shards"])
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert [shard["ShardId"] for page in pages for shard in page] == [shard_id(index) for index in range(5)]


def test_a_page_that_ends_with_the_last_shard_is_the_last_one(kinesis: Any, history: History) -> None:
    assert "NextToken" not in kinesis.list_shards(StreamName="orders", MaxResults=5)


def test_a_token_without_a_size_lists_all_the_rest(kinesis: Any, history: History) -> None:
    token = kinesis.list_shards(StreamName="orders", MaxResults=1)["NextToken"]
    assert indexes(kinesis, NextToken=token) == [1, 2, 3, 4]


def test_a_token_remembers_the_filter(kinesis: Any, history: History) -> None:
    for chosen, expected in (
        ({"Type": "AT_LATEST"}, [4]),
        ({"Type": "AT_TIMESTAMP", "Timestamp": history.split_s}, [1, 2, 3]),
        ({"Type": "AFTER_SHARD_ID", "ShardId": shard_id(1)}, [3, 4]),
    ):
        answer = kinesis.list_shards(StreamName="orders", MaxResults=1, ShardFilter=chosen)
        assert indexes(kinesis, NextToken=answer["NextToken"]) == expected


@pytest.mark.parametrize("members", [{}, {"MaxResults": 10_000}])
def test_a_page_has_a_thousand_shards_at_most(kinesis: Any, settle: Settle, members: dict[str, int]) -> None:
    commit_throughput(kinesis)
    create_on_demand(kinesis, settle, WarmThroughputMiBps=1001)
    answer = kinesis.list_shards(StreamName="orders", **members)
    assert len(answer["Shards"]) == 1000
    assert indexes(kinesis, NextToken=answer["NextToken"]) == [1000]


def test_a_token_is_good_for_300_seconds(kinesis: Any, clock: ManualClock, stream_arn: str) -> None:
    token = kinesis.list_shards(StreamARN=stream_arn, MaxResults=1)["NextToken"]
    clock.advance_ms(300_000)
    assert indexes(kinesis, NextToken=token) == [1]
    clock.advance_ms(1)
    code, text = refusal(kinesis.list_shards, NextToken=token)
    assert code == "ExpiredNextTokenException"
    assert "300 seconds" in text


def test_a_token_is_good_for_its_own_listing(
    kinesis: Any, client_of: Callable[..., Any], settle: Settle, account_id: str, stream_arn: str
) -> None:
    create(kinesis, settle, name="invoices")
    token = kinesis.list_shards(StreamARN=stream_arn, MaxResults=1)["NextToken"]
    streams_token = kinesis.list_streams(Limit=1)["NextToken"]
    for client, given in (
        (kinesis, "garbage"),
        (kinesis, "x" + token),
        (kinesis, streams_token),
        (client_of(account_id, "us-east-1"), token),
        (client_of(another_account(account_id)), token),
    ):
        assert refusal(client.list_shards, NextToken=given) == (
            "InvalidArgumentException",
            "Invalid NextToken.",
        )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("StreamName", "orders"),
        ("StreamCreationTimestamp", 1_795_000_000),
        ("ExclusiveStartShardId", shard_id(0)),
        ("ShardFilter", {"Type": "AT_LATEST"}),
    ],
)
def test_a_token_says_everything(kinesis: Any, stream_arn: str, member: str, value: object) -> None:
    token = kinesis.list_shards(StreamARN=stream_arn, MaxResults=1)["NextToken"]
    assert refusal(kinesis.list_shards, **{"NextToken": token, member: value}) == (
        "InvalidArgumentException",
        f"NextToken and {member} cannot be provided together.",
    )


def test_a_creation_time_tells_streams_of_one_name_apart(
    kinesis: Any, clock: ManualClock, settle: Settle, account_id: str, stream_arn: str
) -> None:
    described = kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    created = described["StreamCreationTimestamp"]
    token = kinesis.list_shards(StreamARN=stream_arn, MaxResults=1)["NextToken"]
    assert indexes(kinesis, StreamCreationTimestamp=created) == [0, 1]
    kinesis.delete_stream(StreamARN=stream_arn)
    settle()
    clock.advance_ms(1000)
    create(kinesis, settle, 2)
    expected = absent("orders", account_id)
    assert refusal(kinesis.list_shards, StreamName="orders", StreamCreationTimestamp=created) == expected
    assert refusal(kinesis.list_shards, NextToken=token) == expected


@pytest.mark.parametrize("state", ["CREATING", "DELETING"])
def test_a_stream_before_and_after_its_life_is_in_use(
    kinesis: Any, settle: Settle, account_id: str, state: str
) -> None:
    put_in_state(kinesis, settle, state)
    assert refusal(kinesis.list_shards, StreamName="orders") == busy(state, account_id)


def test_shards_are_listed_while_updating(kinesis: Any, settle: Settle) -> None:
    put_in_state(kinesis, settle, "UPDATING")
    assert indexes(kinesis) == [0, 1]
    finish(kinesis, settle)
    assert len(indexes(kinesis)) > 2


def test_the_size_of_a_page_has_bounds(kinesis: Any, stream_arn: str) -> None:
    for value, expected in (
        (0, too_small("maxResults", 0, 1)),
        (10_001, too_large("maxResults", 10_001, 10_000)),
    ):
        assert refusal(kinesis.list_shards, StreamARN=stream_arn, MaxResults=value) == expected
