"""DescribeLimits: the account's limits, and what it really has of them."""

from __future__ import annotations

from headwater.api import answers, requests
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import CHANNELS_PER_STREAM_MAX
from headwater.model.caller import Caller


async def describe_limits(
    engine: Engine, caller: Caller, _request: requests.DescribeLimitsInput
) -> answers.DescribeLimitsOutput:
    """Counts the open shards, on-demand streams and channels of the caller's account and region."""
    streams = await engine.streams_of(caller)
    return {
        "ShardLimit": engine.settings.shard_limit,
        "OpenShardCount": sum(len(stream.open_shards) for stream in streams),
        "OnDemandStreamCount": sum(stream.mode == "ON_DEMAND" for stream in streams),
        "OnDemandStreamCountLimit": engine.settings.on_demand_stream_limit,
        "ChannelCount": sum(len(stream.channels) for stream in streams),
        "ChannelCountLimit": CHANNELS_PER_STREAM_MAX * engine.settings.on_demand_stream_limit,
    }
