"""UpdateStreamWarmThroughput: scale an on-demand stream before the load arrives, or release capacity."""

from __future__ import annotations

import msgspec

from headwater.api import answers, requests
from headwater.api.descriptions import describe_warm_throughput
from headwater.api.stream_reference import stream_named
from headwater.api.warm_throughput import check_warm_throughput
from headwater.engine.engine import Engine
from headwater.engine.limits.on_demand_scaling import shards_for
from headwater.engine.stream_checks import require_active, require_on_demand
from headwater.engine.stream_lifecycle import begin
from headwater.model.caller import Caller
from headwater.model.stream import Scale, Stream


async def update_stream_warm_throughput(
    engine: Engine, caller: Caller, request: requests.UpdateStreamWarmThroughputInput
) -> answers.UpdateStreamWarmThroughputOutput:
    """Needs the account's throughput commitment; the stream is UPDATING until it has scaled."""
    target_mibps = request.WarmThroughputMiBps
    due_ms = engine.now_ms() + engine.settings.transition_ms

    def change(stream: Stream) -> Stream:
        require_active(stream)
        require_on_demand(stream, "Warm throughput")
        check_warm_throughput(engine, caller, target_mibps)
        warmed = msgspec.structs.replace(stream, warm_throughput_mibps=target_mibps)
        return begin(warmed, "UPDATING", Scale(shards_for(target_mibps)), due_ms)

    stream = await engine.replace(stream_named(engine, caller, request), change)
    return {
        "StreamARN": stream.arn,
        "StreamName": stream.name,
        "WarmThroughput": describe_warm_throughput(stream),
    }
