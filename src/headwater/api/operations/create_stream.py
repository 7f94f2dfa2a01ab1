"""CreateStream: a new stream, CREATING at first, with its shards.

A stream begins in a later second than anything that the last one of its name has given out.
An on-demand stream begins with four shards, whatever `ShardCount` says; a
provisioned one without a `ShardCount`, too.
"""

from __future__ import annotations

from headwater.api import requests
from headwater.api.warm_throughput import check_warm_throughput
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import CREATING_STREAMS_MAX, DEFAULT_SHARDS, ON_DEMAND_SHARDS
from headwater.engine.limits.on_demand_scaling import shards_for
from headwater.engine.resharding import first_shards
from headwater.engine.stream_checks import (
    add_tags,
    require_on_demand_stream_limit,
)
from headwater.engine.stream_lifecycle import begin
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.errors import (
    InvalidArgumentException,
    LimitExceededException,
    ResourceInUseException,
)
from headwater.model.stream import Activate, Stream, StreamMode


async def create_stream(engine: Engine, caller: Caller, request: requests.CreateStreamInput) -> None:
    """Fails with ResourceInUseException for a name that is taken, then with the account's limits.

    Raises InvalidArgumentException.
    """
    mode: StreamMode = request.StreamModeDetails.StreamMode if request.StreamModeDetails else "PROVISIONED"
    name = StreamName(caller.account_id, caller.region, request.StreamName)
    label = f"{name.name} under account {name.account_id}"
    streams = await engine.streams_of(caller)
    if any(stream.name == name.name for stream in streams):
        raise ResourceInUseException(f"Stream {label} already exists.")
    if mode != "ON_DEMAND" and request.RecordDistributionStrategy == "AUTO":
        raise InvalidArgumentException(
            "The record distribution strategy AUTO is only supported for data streams "
            "with the ON_DEMAND capacity mode."
        )
    shard_count = _shard_count(engine, caller, mode, request)
    with engine.shard_budget.claim(caller) as claim:
        # First of all: what is beyond a limit is not made, as a billion shards would take all memory.
        _check_limits(engine, caller, streams, mode)
        claim.is_creating, claim.is_on_demand = True, mode == "ON_DEMAND"
        if mode == "PROVISIONED":
            claim.take(streams, shard_count)
        due_ms = engine.now_ms() + engine.settings.transition_ms

        def made() -> Stream:
            stream = _new_stream(engine, name, mode, shard_count, request)
            return begin(stream, "CREATING", Activate(), due_ms)

        await engine.create(name, made)


def _new_stream(
    engine: Engine, name: StreamName, mode: StreamMode, shard_count: int, request: requests.CreateStreamInput
) -> Stream:
    first_s = engine.past_streams.first_s(name)
    created_ms = max(engine.now_ms(), first_s * 1000)
    return Stream(
        account_id=name.account_id,
        region=name.region,
        name=name.name,
        created_ms=created_ms,
        status="CREATING",
        mode=mode,
        shards=first_shards(shard_count, created_ms, engine.new_log_id, first_s),
        next_shard_index=shard_count,
        tags=add_tags({}, request.Tags or {}, f"stream {name.name} under account {name.account_id}"),
        max_record_size_kib=request.MaxRecordSizeInKiB or 1024,
        warm_throughput_mibps=request.WarmThroughputMiBps,
        distribution=request.RecordDistributionStrategy or "USER_PARTITION_KEY",
    )


def _shard_count(engine: Engine, caller: Caller, mode: str, request: requests.CreateStreamInput) -> int:
    if request.WarmThroughputMiBps is not None:
        if mode != "ON_DEMAND":
            raise InvalidArgumentException(
                "WarmThroughputMiBps is only supported for data streams with the ON_DEMAND capacity mode."
            )
        check_warm_throughput(engine, caller, request.WarmThroughputMiBps)
        return shards_for(request.WarmThroughputMiBps)
    if mode == "ON_DEMAND":
        return ON_DEMAND_SHARDS
    return int(request.ShardCount or DEFAULT_SHARDS)


def _check_limits(engine: Engine, caller: Caller, streams: list[Stream], mode: str) -> None:
    budget = engine.shard_budget
    creating = budget.creating(caller) + sum(stream.status == "CREATING" for stream in streams)
    if creating >= CREATING_STREAMS_MAX:
        raise LimitExceededException(
            f"Account {caller.account_id} has {CREATING_STREAMS_MAX} streams in state CREATING, "
            "which is the most that can be created simultaneously."
        )
    if mode == "ON_DEMAND":
        limit = engine.settings.on_demand_stream_limit
        require_on_demand_stream_limit(streams, caller, limit, budget.on_demand(caller))
