"""UpdateStreamRecordDistributionStrategy: who decides the shard, the producer's key or the service."""

from __future__ import annotations

import msgspec

from headwater.api import requests
from headwater.api.stream_reference import stream_of_arn
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import require_active, require_on_demand
from headwater.model.caller import Caller
from headwater.model.stream import Stream


async def update_stream_record_distribution_strategy(
    engine: Engine, caller: Caller, request: requests.UpdateStreamRecordDistributionStrategyInput
) -> None:
    """On-demand streams only; takes effect at once, for records that arrive from then on."""

    def change(stream: Stream) -> Stream:
        require_active(stream)
        require_on_demand(stream, "The record distribution strategy")
        return msgspec.structs.replace(stream, distribution=request.RecordDistributionStrategy)

    await engine.replace(stream_of_arn(engine, caller, request.StreamARN), change)
