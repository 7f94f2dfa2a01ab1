"""How an on-demand stream follows its load, while its limits are enforced.

Rules, after the developer guide's: a stream has room for double the highest write load
of the last 30 days, and four shards at least.
- A stream that was asked for more than half of what it takes, on average over a window,
  is hot: each of its shards is split in the middle, which doubles them.
- Otherwise the shards that had to refuse records are split, until the stream has double
  what its load needs: a single hot key, which no split can cool, does not split for ever.
- A stream that has double the shards that its last 30 days ask for is halved by merges.
- It grows to the limit of its region, and to the account's shard limit, whichever is less.

Warm throughput is a load that is announced: it is never merged away.

Pure functions: the engine commits what they say and brings the time.
"""

from __future__ import annotations

from headwater.engine.limits.limits import (
    ON_DEMAND_SHARDS,
    ON_DEMAND_SHARDS_MAX,
    ON_DEMAND_SHARDS_MAX_OF_REGION,
)
from headwater.engine.limits.throughput_limits import StreamLimits, ThroughputSettings
from headwater.engine.limits.write_load import WINDOW_MS, Window, WriteLoad
from headwater.model.shard import Shard
from headwater.model.stream import Scale, SplitEvenly, Stream

_HEADROOM = 2
"""How many times its highest load a stream takes."""
_NEVER_MS = 2**63


def shards_for(throughput_mibps: int) -> int:
    """The open shards that take this much: a shard takes 1 MiB/s."""
    return max(ON_DEMAND_SHARDS, throughput_mibps)


def next_look_ms(stream: Stream, load: WriteLoad) -> int:
    """When there is something to decide about the stream."""
    if stream.mode != "ON_DEMAND":
        return _NEVER_MS
    may_merge = _merged_count(stream, 0) < len(stream.open_shards)
    return min(load.window_ends_ms, load.peak_ends_ms() if may_merge else _NEVER_MS)


def scaling_step(stream: Stream, limits: StreamLimits, room: int, now_ms: int) -> SplitEvenly | Scale | None:
    """The scaling step that an on-demand stream takes now, if any; `room` limits its new shards."""
    load = limits.load
    window = load.finish(now_ms)
    needed = shards_needed(window, limits.figures) if window else 0
    if needed:
        load.remember(needed, now_ms)
    if stream.mode != "ON_DEMAND" or stream.status != "ACTIVE":
        return None
    if window:
        hot = _hot_shards(stream, window, needed)
        room = min(room, growth_max(stream, limits.figures))
        if hot and room > 0:
            return SplitEvenly(tuple(shard.index for shard in hot[:room]))
    merged_count = _merged_count(stream, load.peak(now_ms))
    return Scale(merged_count) if load.is_known(now_ms) and merged_count < len(stream.open_shards) else None


def shards_needed(window: Window, figures: ThroughputSettings) -> int:
    """The shards that take double what was asked for, on average over the window."""
    records = sum(load.records for load in window.values())
    size = sum(load.bytes for load in window.values())
    return max(
        _quotient_up(_HEADROOM * 1000 * records, figures.records_in_per_s * WINDOW_MS),
        _quotient_up(_HEADROOM * 1000 * size, figures.bytes_in_per_s * WINDOW_MS),
    )


def growth_max(stream: Stream, figures: ThroughputSettings) -> int:
    """How many more shards the stream may have; less than none for one that was warmed beyond the limit."""
    shards_max = figures.shards_max
    if shards_max is None:
        shards_max = ON_DEMAND_SHARDS_MAX_OF_REGION.get(stream.region, ON_DEMAND_SHARDS_MAX)
    return shards_max - len(stream.open_shards)


def _shards_min(stream: Stream) -> int:
    return shards_for(stream.warm_throughput_mibps or 0)


def _merged_count(stream: Stream, needed: int) -> int:
    """Its shards halved as often as it keeps what it needs."""
    count, needed = len(stream.open_shards), max(needed, _shards_min(stream))
    while count // 2 >= needed:
        count //= 2
    return count


def _hot_shards(stream: Stream, window: Window, needed: int) -> list[Shard]:
    """The shards to split, the hottest first."""

    def heat(shard: Shard) -> tuple[int, int]:
        load = window.get(shard.log_id)
        return (load.refused, load.records) if load else (0, 0)

    shards = [shard for shard in stream.open_shards if shard.starting_hash_key != shard.ending_hash_key]
    shards.sort(key=heat, reverse=True)
    if needed > len(stream.open_shards):
        return shards
    refusing = [shard for shard in shards if heat(shard)[0]]
    return refusing[: max(0, _HEADROOM * max(needed, _shards_min(stream)) - len(stream.open_shards))]


def _quotient_up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
