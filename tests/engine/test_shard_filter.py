"""The six shard filters."""

from __future__ import annotations

import pytest

from headwater.engine.resharding import merge, split
from headwater.engine.shard_filter import ShardFilter, after_shard_id, filter_shards
from headwater.model.errors import InvalidArgumentException
from headwater.model.stream import HOUR_MS, Stream
from tests.engine.shaped_stream import NOW_MS, new_log_id, stream_of

DAY_MS = 24 * HOUR_MS
CREATED_MS = NOW_MS
SPLIT_MS = NOW_MS + 10_000
MERGED_MS = NOW_MS + 20_000
SEEN_MS = NOW_MS + 30_000


def history() -> Stream:
    """0 became 2 and 3 at SPLIT_MS; 3 and 1 became 4 at MERGED_MS."""
    after_split = split(stream_of(2), 0, 1000, SPLIT_MS, new_log_id).stream
    assert after_split is not None
    after_merge = merge(after_split, 3, 1, MERGED_MS, new_log_id).stream
    assert after_merge is not None
    return after_merge


def chosen(filter_type: str, value: str | int | None = None, now_ms: int = SEEN_MS) -> list[int]:
    """The indexes of the shards that a filter with this shard id or timestamp lets through."""
    shard_id = value if isinstance(value, str) else None
    timestamp_ms = value if isinstance(value, int) else None
    passed = filter_shards(history(), ShardFilter(filter_type, shard_id, timestamp_ms), now_ms)
    return [shard.index for shard in passed]


def test_at_latest_is_what_is_open() -> None:
    assert chosen("AT_LATEST") == [2, 4]


@pytest.mark.parametrize(
    ("horizon_ms", "at", "since"),
    [
        (CREATED_MS - 1, [0, 1], [0, 1, 2, 3, 4]),
        (CREATED_MS, [0, 1], [0, 1, 2, 3, 4]),
        (SPLIT_MS - 1, [0, 1], [0, 1, 2, 3, 4]),
        (SPLIT_MS, [0, 1, 2, 3], [0, 1, 2, 3, 4]),
        (SPLIT_MS + 1, [1, 2, 3], [1, 2, 3, 4]),
        (MERGED_MS, [1, 2, 3, 4], [1, 2, 3, 4]),
        (MERGED_MS + 1, [2, 4], [2, 4]),
    ],
)
def test_the_trim_horizon_and_a_timestamp_mean_the_same_point_in_time(
    horizon_ms: int, at: list[int], since: list[int]
) -> None:
    assert chosen("AT_TRIM_HORIZON", now_ms=horizon_ms + DAY_MS) == at
    assert chosen("FROM_TRIM_HORIZON", now_ms=horizon_ms + DAY_MS) == since
    assert chosen("AT_TIMESTAMP", horizon_ms) == at
    assert chosen("FROM_TIMESTAMP", horizon_ms) == since


@pytest.mark.parametrize("timestamp_ms", [0, CREATED_MS, SPLIT_MS])
def test_a_timestamp_before_the_trim_horizon_counts_as_the_trim_horizon(timestamp_ms: int) -> None:
    now_ms = SPLIT_MS + 1 + DAY_MS
    assert chosen("AT_TIMESTAMP", timestamp_ms, now_ms) == [1, 2, 3]
    assert chosen("FROM_TIMESTAMP", timestamp_ms, now_ms) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("shard_id", "expected"),
    [
        ("shardId-000000000000", [1, 2, 3, 4]),
        ("shardId-000000000003", [4]),
        ("shardId-000000000004", []),
        ("shardId-1", [2, 3, 4]),
        ("aaa", [0, 1, 2, 3, 4]),
        ("zzz", []),
    ],
)
def test_after_shard_id_is_what_follows_it(shard_id: str, expected: list[int]) -> None:
    assert chosen("AFTER_SHARD_ID", shard_id) == expected
    assert [shard.index for shard in after_shard_id(list(history().shards), shard_id)] == expected


@pytest.mark.parametrize(
    ("filter_type", "value"),
    [
        ("AFTER_SHARD_ID", None),
        ("AFTER_SHARD_ID", NOW_MS),
        ("AT_TIMESTAMP", None),
        ("AT_TIMESTAMP", "shardId-000000000000"),
        ("FROM_TIMESTAMP", None),
        ("AT_LATEST", NOW_MS),
        ("AT_LATEST", "shardId-000000000000"),
        ("AT_TRIM_HORIZON", NOW_MS),
        ("FROM_TRIM_HORIZON", "shardId-000000000000"),
    ],
)
def test_a_filter_has_what_its_type_needs_and_nothing_else(filter_type: str, value: str | int | None) -> None:
    with pytest.raises(InvalidArgumentException):
        chosen(filter_type, value)
