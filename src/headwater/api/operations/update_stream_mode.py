"""UpdateStreamMode: switch between the provisioned and the on-demand capacity mode."""

from __future__ import annotations

import msgspec

from headwater.api import requests
from headwater.api.stream_reference import stream_of_arn
from headwater.api.warm_throughput import check_warm_throughput
from headwater.engine.attachments import require_no_attachments
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import MODE_CHANGES_PER_DAY, recent
from headwater.engine.limits.on_demand_scaling import shards_for
from headwater.engine.stream_checks import (
    require_active,
    require_on_demand_stream_limit,
)
from headwater.engine.stream_lifecycle import begin
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException, LimitExceededException
from headwater.model.stream import Activate, Scale, Step, Stream


async def update_stream_mode(engine: Engine, caller: Caller, request: requests.UpdateStreamModeInput) -> None:
    """Twice in 24 hours; the shards stay as they are unless warm throughput asks for more.

    The present mode, without warm throughput, changes nothing and succeeds.

    Raises InvalidArgumentException, LimitExceededException, and ResourceInUseException for a stream that
    has queues or channels and would be provisioned.
    """
    mode = request.StreamModeDetails.StreamMode
    warm_mibps = request.WarmThroughputMiBps
    if warm_mibps is not None:
        if mode != "ON_DEMAND":
            raise InvalidArgumentException(
                "WarmThroughputMiBps is only valid when the stream mode is being updated to ON_DEMAND."
            )
        check_warm_throughput(engine, caller, warm_mibps)
    await engine.streams_of(caller)  # what is due is done
    now_ms = engine.now_ms()

    def change(stream: Stream) -> Stream:
        require_active(stream)
        if stream.mode == mode and warm_mibps is None:
            return stream
        if mode == "PROVISIONED":
            require_no_attachments(stream, "A switch to the PROVISIONED capacity mode")
        changes_ms = recent(stream.mode_changes_ms, now_ms)
        if len(changes_ms) >= MODE_CHANGES_PER_DAY:
            raise LimitExceededException(
                f"The capacity mode of stream {stream.label} has been switched {len(changes_ms)} times "
                "in the last 24 hours, which is the limit."
            )
        streams = engine.current_streams(caller)
        if mode == "PROVISIONED":
            claim.take(streams, len(stream.open_shards))
        elif stream.mode == "PROVISIONED":
            claim.is_on_demand = False
            claimed = engine.shard_budget.on_demand(caller)
            limit = engine.settings.on_demand_stream_limit
            require_on_demand_stream_limit(streams, caller, limit, claimed)
            claim.is_on_demand = True
        switched = msgspec.structs.replace(
            stream,
            mode=mode,
            mode_changes_ms=(*changes_ms, now_ms),
            warm_throughput_mibps=warm_mibps,
            distribution="USER_PARTITION_KEY" if mode == "PROVISIONED" else stream.distribution,
        )
        needed = 0 if warm_mibps is None else shards_for(warm_mibps)
        step: Step = Scale(needed) if needed > len(stream.open_shards) else Activate()
        return begin(switched, "UPDATING", step, now_ms + engine.settings.transition_ms)

    with engine.shard_budget.claim(caller) as claim:
        await engine.replace(stream_of_arn(engine, caller, request.StreamARN), change)
