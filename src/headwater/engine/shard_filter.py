"""The filters of ListShards: a closed set of six, one table.

A shard is open from `opened_ms` to `closed_ms`, both inclusive. Points in time
before the trim horizon count as the trim horizon, which is never earlier than
the stream's own creation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from headwater.model.errors import InvalidArgumentException
from headwater.model.shard import Shard, parse_shard_id
from headwater.model.stream import Stream


class ShardFilter(NamedTuple):
    """Which shards to list."""

    filter_type: str
    shard_id: str | None
    timestamp_ms: int | None


def filter_shards(stream: Stream, chosen: ShardFilter, now_ms: int) -> list[Shard]:
    """The shards that the filter lets through, in the order of their ids.

    Raises InvalidArgumentException when the filter lacks what its type needs, or
    has what its type does not take.
    """
    if (chosen.filter_type == "AFTER_SHARD_ID") != (chosen.shard_id is not None):
        raise InvalidArgumentException(
            "The ShardId parameter must be specified for the AFTER_SHARD_ID shard filter type, "
            "and for no other."
        )
    if (chosen.filter_type in ("AT_TIMESTAMP", "FROM_TIMESTAMP")) != (chosen.timestamp_ms is not None):
        raise InvalidArgumentException(
            "The Timestamp parameter must be specified for the AT_TIMESTAMP and FROM_TIMESTAMP "
            "shard filter types, and for no other."
        )
    horizon_ms = max(stream.trim_horizon_ms(now_ms), stream.created_ms)
    passes = _FILTERS[chosen.filter_type](chosen, horizon_ms)
    return [shard for shard in stream.shards if passes(shard)]


def after_shard_id(shards: list[Shard], shard_id: str) -> list[Shard]:
    """The shards whose id follows `shard_id`."""
    index = parse_shard_id(shard_id)
    if index is None:
        return [shard for shard in shards if shard.shard_id > shard_id]
    return [shard for shard in shards if shard.index > index]


Passes = Callable[[Shard], bool]


def _after_shard_id(chosen: ShardFilter, _horizon_ms: int) -> Passes:
    return lambda shard: bool(after_shard_id([shard], chosen.shard_id or ""))


def _at_trim_horizon(_chosen: ShardFilter, horizon_ms: int) -> Passes:
    return _open_at(horizon_ms)


def _from_trim_horizon(_chosen: ShardFilter, horizon_ms: int) -> Passes:
    return _open_since(horizon_ms)


def _at_latest(_chosen: ShardFilter, _horizon_ms: int) -> Passes:
    return lambda shard: shard.is_open


def _at_timestamp(chosen: ShardFilter, horizon_ms: int) -> Passes:
    return _open_at(max(chosen.timestamp_ms or 0, horizon_ms))


def _from_timestamp(chosen: ShardFilter, horizon_ms: int) -> Passes:
    return _open_since(max(chosen.timestamp_ms or 0, horizon_ms))


def _open_at(time_ms: int) -> Passes:
    return lambda shard: shard.opened_ms <= time_ms and _open_since(time_ms)(shard)


def _open_since(time_ms: int) -> Passes:
    return lambda shard: shard.closed_ms is None or shard.closed_ms >= time_ms


_FILTERS: dict[str, Callable[[ShardFilter, int], Passes]] = {
    "AFTER_SHARD_ID": _after_shard_id,
    "AT_TRIM_HORIZON": _at_trim_horizon,
    "FROM_TRIM_HORIZON": _from_trim_horizon,
    "AT_LATEST": _at_latest,
    "AT_TIMESTAMP": _at_timestamp,
    "FROM_TIMESTAMP": _from_timestamp,
}
