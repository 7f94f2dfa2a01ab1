"""MergeShards: two open shards with adjacent ranges become one."""

from __future__ import annotations

from headwater.api import requests
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import (
    known_shard,
    require_active,
    require_open,
    require_provisioned,
    shard_index,
)
from headwater.engine.stream_lifecycle import begin
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException
from headwater.model.stream import Merge, Stream


async def merge_shards(engine: Engine, caller: Caller, request: requests.MergeShardsInput) -> None:
    """The adjacent shard begins where the shard to merge ends; the other order is refused, as at AWS.

    Raises InvalidArgumentException.
    """
    name = stream_named(engine, caller, request)
    first_index = shard_index(name, request.ShardToMerge)
    second_index = shard_index(name, request.AdjacentShardToMerge)
    due_ms = engine.now_ms() + engine.settings.transition_ms

    def change(stream: Stream) -> Stream:
        require_active(stream)
        require_provisioned(stream, "MergeShards")
        first = known_shard(stream, first_index)
        second = known_shard(stream, second_index)
        require_open(stream, first)
        require_open(stream, second)
        if int(first.ending_hash_key) + 1 != int(second.starting_hash_key):
            raise InvalidArgumentException(
                f"Shards {first.shard_id} and {second.shard_id} in stream {stream.label} "
                "are not an adjacent pair of shards eligible for merging"
            )
        return begin(stream, "UPDATING", Merge(first.index, second.index), due_ms)

    await engine.replace(name, change)
