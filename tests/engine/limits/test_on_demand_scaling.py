"""What a load asks of an on-demand stream."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.engine.limits.on_demand_scaling import next_look_ms, scaling_step
from headwater.engine.limits.throughput_limits import StreamLimits, ThroughputSettings
from headwater.engine.limits.write_load import PEAK_LIFE_MS, WINDOW_MS
from headwater.engine.stream_lifecycle import advance, begin
from headwater.model.hash_key import HASH_KEY_MAX
from headwater.model.stream import Scale, SplitEvenly, Stream
from tests.engine.shaped_stream import NOW_MS, new_log_id, stream_of

MIB = 1024 * 1024
ROOM = 10_000
LATER_MS = NOW_MS + WINDOW_MS
SMALL = ThroughputSettings(records_in_per_s=1)
"""A shard takes one record a second: ten in a window."""


def on_demand(shard_count: int, **changes: Any) -> Stream:
    return stream_of(shard_count, **({"mode": "ON_DEMAND", "region": "eu-central-1"} | changes))


def asked(
    stream: Stream,
    records: list[int],
    figures: ThroughputSettings = SMALL,
    *,
    size: int = 1,
    refused: int = 0,
) -> StreamLimits:
    """Limits under which each open shard was asked for so many records, of which so many were refused."""
    limits = StreamLimits(figures, NOW_MS)
    limits.load.begin(NOW_MS)
    for shard, count in zip(stream.open_shards, records, strict=True):
        for at in range(count):
            limits.load.count(shard.log_id, size, taken=at >= refused)
    return limits


def test_half_of_what_a_stream_takes_leaves_it_alone() -> None:
    stream = on_demand(4)
    assert scaling_step(stream, asked(stream, [5, 5, 5, 5]), ROOM, LATER_MS) is None


def test_more_than_half_doubles_its_shards() -> None:
    stream = on_demand(4)
    step = scaling_step(stream, asked(stream, [5, 5, 5, 6]), ROOM, LATER_MS)
    assert isinstance(step, SplitEvenly)
    assert sorted(step.shard_indexes) == [0, 1, 2, 3]


def test_bytes_count_as_records_do() -> None:
    stream, figures = on_demand(4), ThroughputSettings()
    assert scaling_step(stream, asked(stream, [5] * 4, figures, size=MIB), ROOM, LATER_MS) is None
    assert scaling_step(stream, asked(stream, [5, 5, 5, 6], figures, size=MIB), ROOM, LATER_MS)


def test_before_the_window_is_over_nothing_is_decided() -> None:
    stream = on_demand(4)
    limits = asked(stream, [50, 0, 0, 0])
    assert next_look_ms(stream, limits.load) == LATER_MS
    assert scaling_step(stream, limits, ROOM, LATER_MS - 1) is None
    assert scaling_step(stream, limits, ROOM, LATER_MS)


def test_a_shard_that_refuses_is_split_alone_while_the_stream_is_not_hot() -> None:
    stream = on_demand(4)
    limits = asked(stream, [0, 11, 0, 0], refused=1)
    assert scaling_step(stream, limits, ROOM, LATER_MS) == SplitEvenly((1,))


def test_a_hot_key_does_not_split_for_ever() -> None:
    stream = on_demand(8)
    limits = asked(stream, [20, 0, 0, 0, 0, 0, 0, 0], refused=10)
    assert scaling_step(stream, limits, ROOM, LATER_MS) is None


def test_a_shard_of_one_hash_key_cannot_be_split() -> None:
    stream = on_demand(1)
    (shard,) = stream.shards
    narrow = on_demand(1, shards=(type(shard)(**_fields(shard) | {"ending_hash_key": "0"}),))
    assert scaling_step(narrow, asked(narrow, [90], refused=80), ROOM, LATER_MS) is None


@pytest.mark.parametrize(("room", "shards_max", "split"), [(1, 100, 1), (3, 100, 3), (99, 6, 2), (0, 100, 0)])
def test_it_grows_to_the_limits_and_the_hottest_shards_first(room: int, shards_max: int, split: int) -> None:
    stream = on_demand(4)
    limits = asked(stream, [10, 40, 20, 30], SMALL._replace(shards_max=shards_max))
    step = scaling_step(stream, limits, room, LATER_MS)
    assert step == (SplitEvenly((1, 3, 2, 0)[:split]) if split else None)


@pytest.mark.parametrize(("region", "grown"), [("eu-central-1", 200), ("us-east-1", 300), ("eu-west-1", 300)])
def test_regions_differ_in_how_far_it_grows(region: str, grown: int) -> None:
    stream = on_demand(150, region=region)
    step = scaling_step(stream, asked(stream, [10] * 150), ROOM, LATER_MS)
    assert isinstance(step, SplitEvenly)
    assert 150 + len(step.shard_indexes) == grown


def test_a_stream_warmed_beyond_the_limit_stays() -> None:
    stream = on_demand(250, warm_throughput_mibps=250)
    assert scaling_step(stream, asked(stream, [10] * 250), ROOM, LATER_MS) is None


@pytest.mark.parametrize("changes", [{"mode": "PROVISIONED"}, {"status": "UPDATING"}])
def test_others_are_left_alone(changes: dict[str, str]) -> None:
    stream = on_demand(4, **changes)
    assert scaling_step(stream, asked(stream, [90] * 4), ROOM, LATER_MS) is None


def test_when_its_peak_is_thirty_days_old_a_stream_is_halved_as_far_as_the_next_one_lets_it() -> None:
    stream = on_demand(32)
    limits = asked(stream, [2] * 32)  # 6.4 a second: 13 shards
    assert scaling_step(stream, limits, ROOM, LATER_MS) is None
    assert next_look_ms(stream, limits.load) == LATER_MS + PEAK_LIFE_MS
    limits.load.begin(LATER_MS + 50_000)
    for _ in range(30):  # 6 shards
        limits.load.count(stream.shards[0].log_id, 1, taken=True)
    assert scaling_step(stream, limits, ROOM, LATER_MS + 60_000) is None
    assert scaling_step(stream, limits, ROOM, NOW_MS + PEAK_LIFE_MS - 1) is None
    assert scaling_step(stream, limits, ROOM, LATER_MS + PEAK_LIFE_MS - 1) == Scale(16)
    assert scaling_step(stream, limits, ROOM, LATER_MS + PEAK_LIFE_MS) == Scale(8)


def test_a_stream_with_less_than_double_what_it_needs_keeps_it() -> None:
    assert scaling_step(on_demand(7), StreamLimits(SMALL, NOW_MS), ROOM, NOW_MS + PEAK_LIFE_MS) is None


@pytest.mark.parametrize(("warm_mibps", "merged"), [(None, Scale(4)), (4, Scale(4)), (5, None), (16, None)])
def test_a_quiet_stream_keeps_four_shards_and_what_is_warm(warm_mibps: int | None, merged: Scale) -> None:
    stream = on_demand(8, warm_throughput_mibps=warm_mibps)
    limits = StreamLimits(SMALL, NOW_MS)
    assert scaling_step(stream, limits, ROOM, NOW_MS + PEAK_LIFE_MS) == merged


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 255)), min_size=1, max_size=6), st.integers(4, 30)
)
def test_whatever_is_asked_of_it_its_shards_hold_every_hash_key_once_and_stay_within_the_limit(
    windows: list[tuple[int, int]], shards_max: int
) -> None:
    stream = on_demand(4)
    for even, uneven in windows:
        count = len(stream.open_shards)
        records = [even + (uneven >> at % 8 & 1) * 30 for at in range(count)]
        limits = asked(stream, records, SMALL._replace(shards_max=shards_max), refused=10)
        step = scaling_step(stream, limits, ROOM, LATER_MS)
        if step is not None:
            updating = begin(stream, "UPDATING", step, LATER_MS)
            advanced = advance(updating, LATER_MS, new_log_id).stream
            assert advanced is not None
            assert count < len(advanced.open_shards) <= min(2 * count, shards_max)
            stream = advanced
        ranges = sorted((int(s.starting_hash_key), int(s.ending_hash_key)) for s in stream.open_shards)
        assert [start for start, _ in ranges] == [0, *(end + 1 for _, end in ranges[:-1])]
        assert ranges[-1][1] == HASH_KEY_MAX


def _fields(shard: Any) -> dict[str, Any]:
    return {name: getattr(shard, name) for name in shard.__struct_fields__}
