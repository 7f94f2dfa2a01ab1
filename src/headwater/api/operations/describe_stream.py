"""DescribeStream: a stream and a page of its shards, 100 at most."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.api.descriptions import describe_shard, describe_stream_head, listed_shards
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.engine.shard_filter import after_shard_id
from headwater.model.caller import Caller

_PAGE_MAX = 100


async def describe_stream(
    engine: Engine, caller: Caller, request: requests.DescribeStreamInput
) -> answers.DescribeStreamOutput:
    """`HasMoreShards` tells whether shards follow the last one of the page."""
    stream = await engine.stream(stream_named(engine, caller, request))
    shards = listed_shards(stream)
    if request.ExclusiveStartShardId is not None:
        shards = after_shard_id(shards, request.ExclusiveStartShardId)
    page = shards[: min(request.Limit or _PAGE_MAX, _PAGE_MAX)]
    return {
        "StreamDescription": {
            **describe_stream_head(stream),
            "Shards": [describe_shard(shard) for shard in page],
            "HasMoreShards": len(page) < len(shards),
        }
    }
