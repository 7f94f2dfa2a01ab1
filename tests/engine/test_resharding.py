"""Scaling by splits and merges."""

from __future__ import annotations

import msgspec
import pytest

from headwater.engine.resharding import scale, split_evenly
from headwater.model.hash_key import even_ranges
from headwater.model.stream import Stream
from tests.engine.shaped_stream import NOW_MS, new_log_id, stream_of


def scaled(stream: Stream, shard_count: int) -> Stream:
    result = scale(stream, shard_count, NOW_MS, new_log_id).stream
    assert result is not None
    return result


def generations(stream: Stream) -> int:
    """How many shards the longest line of descent has."""
    depth: dict[int, int] = {}
    for shard in stream.shards:
        depth[shard.index] = 1 + max((depth[parent] for parent in shard.parent_indexes), default=0)
    return max(depth.values())


@pytest.mark.parametrize(("count", "target"), [(1, 2), (2, 3), (3, 2), (4, 1000), (1000, 4), (7, 7)])
def test_the_open_shards_are_as_those_of_a_new_stream(count: int, target: int) -> None:
    result = scaled(stream_of(count), target)
    ranges = sorted(
        (int(shard.starting_hash_key), int(shard.ending_hash_key)) for shard in result.open_shards
    )
    assert ranges == even_ranges(target)


def test_shards_are_split_in_their_middles() -> None:
    result = split_evenly(stream_of(4), [3, 0, 1, 2], NOW_MS, new_log_id).stream
    assert result is not None
    assert sorted((int(s.starting_hash_key), int(s.ending_hash_key)) for s in result.open_shards) == (
        even_ranges(8)
    )
    assert [shard.parent_indexes for shard in result.open_shards] == [
        (parent,) for parent in (3, 3, 0, 0, 1, 1, 2, 2)
    ]


def test_two_hash_keys_are_split_into_one_and_one() -> None:
    (shard,) = stream_of(1).shards
    narrow = msgspec.structs.replace(shard, starting_hash_key="7", ending_hash_key="8")
    result = split_evenly(stream_of(1, shards=(narrow,)), [0], NOW_MS, new_log_id).stream
    assert result is not None
    assert [(s.starting_hash_key, s.ending_hash_key) for s in result.open_shards] == [("7", "7"), ("8", "8")]


def test_the_size_that_it_has_changes_nothing() -> None:
    stream = stream_of(5)
    assert scaled(stream, 5) == stream


@pytest.mark.parametrize(("count", "target"), [(1, 1000), (1000, 1), (4, 999)])
def test_the_lineage_stays_short_however_far_it_goes(count: int, target: int) -> None:
    assert generations(scaled(stream_of(count), target)) <= 1 + 10 + 1


def test_every_child_begins_later_than_its_parents() -> None:
    result = scaled(scaled(stream_of(3), 5), 4)
    epochs = {shard.index: shard.epoch_s for shard in result.shards}
    for shard in result.shards:
        assert all(epochs[parent] < shard.epoch_s for parent in shard.parent_indexes)


def test_logs_come_and_go_with_their_shards() -> None:
    stream = stream_of(3)
    revision = scale(stream, 5, NOW_MS, new_log_id)
    assert revision.stream is not None
    fresh = [shard for shard in revision.stream.shards if shard.index >= stream.next_shard_index]
    closed = [shard for shard in revision.stream.shards if not shard.is_open]
    assert sorted(revision.create_logs) == sorted(shard.log_id for shard in fresh)
    assert sorted(revision.seal_logs) == sorted(shard.log_id for shard in closed)
    assert revision.delete_logs == ()
