"""Which shard a record goes to."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from headwater.engine.resharding import merge, scale, split
from headwater.engine.routing import KEYS_KNOWN, Routes
from headwater.model.hash_key import HASH_KEY_MAX
from headwater.model.stream import Stream
from tests.engine.shaped_stream import NOW_MS, new_log_id, stream_of


def resharded() -> Stream:
    """0 was split at 1000 into 2 and 3; 3 and 1 were merged into 4."""
    after_split = split(stream_of(2), 0, 1000, NOW_MS, new_log_id).stream
    assert after_split is not None
    after_merge = merge(after_split, 3, 1, NOW_MS, new_log_id).stream
    assert after_merge is not None
    return after_merge


@pytest.mark.parametrize("shard_count", [1, 2, 3, 7])
def test_both_ends_of_a_range_belong_to_it(shard_count: int) -> None:
    stream = stream_of(shard_count)
    routes = Routes(stream)
    for shard in stream.shards:
        for hash_key in (shard.starting_hash_key, shard.ending_hash_key):
            assert routes[routes.by_hash_key(int(hash_key))].shard_id == shard.shard_id


@pytest.mark.parametrize(
    ("hash_key", "shard_index"), [(0, 2), (999, 2), (1000, 4), (2**127, 4), (HASH_KEY_MAX, 4)]
)
def test_closed_shards_get_nothing(hash_key: int, shard_index: int) -> None:
    stream = resharded()
    routes = Routes(stream)
    route = routes[routes.by_hash_key(hash_key)]
    shard = stream.shard(shard_index)
    assert shard is not None
    assert (route.shard_id, route.log_id, route.epoch_s) == (shard.shard_id, shard.log_id, shard.epoch_s)


def test_in_turn_every_open_shard_gets_its_share() -> None:
    routes = Routes(resharded())
    assert Counter(routes[routes.in_turn()].shard_id for _ in range(10)) == {
        "shardId-000000000002": 5,
        "shardId-000000000004": 5,
    }


def test_the_order_of_ids_is_not_the_order_of_hash_keys() -> None:
    scaled = scale(stream_of(3), 5, NOW_MS, new_log_id).stream
    assert scaled is not None
    routes = Routes(scaled)
    for shard in scaled.open_shards:
        assert routes[routes.by_hash_key(int(shard.starting_hash_key))].shard_id == shard.shard_id


@given(keys=st.lists(st.text(max_size=256), max_size=20), shard_count=st.sampled_from([1, 2, 7]))
@settings(max_examples=40)
def test_many_keys_go_where_each_goes_alone(keys: list[str], shard_count: int) -> None:
    routes = Routes(stream_of(shard_count))
    alone = [routes.by_partition_key(key) for key in keys]
    assert routes.by_partition_keys(keys) == alone
    assert routes.by_partition_keys(keys) == alone  # which are known now
    assert routes.by_partition_keys([*keys, "another", *keys]) == [
        *alone,
        routes.by_partition_key("another"),
        *alone,
    ]


def test_more_keys_than_are_remembered_go_where_each_goes_alone() -> None:
    routes = Routes(stream_of(7))
    keys = [f"key-{number}" for number in range(3 * KEYS_KNOWN)]
    alone = [routes.by_partition_key(key) for key in keys]
    for step in (500, 400, 500, 50):  # none comes again, some do, none is looked up, many do
        for at in range(0, len(keys), step):
            assert routes.by_partition_keys(keys[at : at + 500]) == alone[at : at + 500]
