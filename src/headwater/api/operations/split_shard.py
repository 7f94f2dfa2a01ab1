"""SplitShard: an open shard becomes two, at a hash key of the caller's choice."""

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
from headwater.model.shard import Shard
from headwater.model.stream import Split, Stream


async def split_shard(engine: Engine, caller: Caller, request: requests.SplitShardInput) -> None:
    """The stream is UPDATING until the split is done; meanwhile the parent takes records."""
    name = stream_named(engine, caller, request)
    parent_index = shard_index(name, request.ShardToSplit)
    hash_key = int(request.NewStartingHashKey)
    await engine.streams_of(caller)  # what is due is done, and so no longer counts twice
    due_ms = engine.now_ms() + engine.settings.transition_ms

    def change(stream: Stream) -> Stream:
        require_active(stream)
        require_provisioned(stream, "SplitShard")
        shard = known_shard(stream, parent_index)
        claim.take(engine.current_streams(caller), 1)
        require_open(stream, shard)
        _check_hash_key(stream, shard, hash_key)
        return begin(stream, "UPDATING", Split(shard.index, str(hash_key)), due_ms)

    with engine.shard_budget.claim(caller) as claim:
        await engine.replace(name, change)


def _check_hash_key(stream: Stream, shard: Shard, hash_key: int) -> None:
    if int(shard.starting_hash_key) + 1 < hash_key < int(shard.ending_hash_key):
        return
    starting, ending = shard.starting_hash_key, shard.ending_hash_key
    raise InvalidArgumentException(
        f"NewStartingHashKey {hash_key} used in SplitShard() on shard {shard.shard_id} "
        f"in stream {stream.label} is not both greater than one plus the shard's StartingHashKey {starting} "
        f"and less than the shard's EndingHashKey {ending}."
    )
