"""UpdateShardCount: scale a provisioned stream to shards of equal size, by splits and merges."""

from __future__ import annotations

import msgspec

from headwater.api import answers, requests
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import SHARD_COUNT_UPDATES_PER_DAY, SHARDS_PER_STREAM_MAX, recent
from headwater.engine.stream_checks import (
    require_active,
    require_provisioned,
)
from headwater.engine.stream_lifecycle import begin
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException, LimitExceededException
from headwater.model.stream import Scale, Stream


async def update_shard_count(
    engine: Engine, caller: Caller, request: requests.UpdateShardCountInput
) -> answers.UpdateShardCountOutput:
    """At most double, at least half (rounded up), ten times in 24 hours, 10,000 shards a stream."""
    target = request.TargetShardCount
    await engine.streams_of(caller)  # what is due is done, and so no longer counts twice
    now_ms = engine.now_ms()
    current = 0

    def change(stream: Stream) -> Stream:
        nonlocal current
        require_active(stream)
        require_provisioned(stream, "UpdateShardCount")
        current = len(stream.open_shards)
        updates_ms = recent(stream.shard_count_updates_ms, now_ms)
        _check_target(stream, current, target, len(updates_ms))
        claim.take(engine.current_streams(caller), max(0, target - current))
        counted = msgspec.structs.replace(stream, shard_count_updates_ms=(*updates_ms, now_ms))
        return begin(counted, "UPDATING", Scale(target), now_ms + engine.settings.transition_ms)

    with engine.shard_budget.claim(caller) as claim:
        stream = await engine.replace(stream_named(engine, caller, request), change)
    return {
        "StreamName": stream.name,
        "CurrentShardCount": current,
        "TargetShardCount": target,
        "StreamARN": stream.arn,
    }


def _check_target(stream: Stream, current: int, target: int, updates: int) -> None:
    if updates >= SHARD_COUNT_UPDATES_PER_DAY:
        raise LimitExceededException(
            f"Stream {stream.label} has been scaled {updates} times in the last 24 hours, "
            f"which is the limit of UpdateShardCount ({SHARD_COUNT_UPDATES_PER_DAY})."
        )
    counts = f"Current open shard count: {current} Target shard count: {target}"
    if target > current * 2:
        raise InvalidArgumentException(
            f"UpdateShardCount cannot scale up over double your current open shard count. {counts}"
        )
    if target < (current + 1) // 2:
        raise InvalidArgumentException(
            f"UpdateShardCount cannot scale down below half your current open shard count. {counts}"
        )
    if target > SHARDS_PER_STREAM_MAX:
        raise LimitExceededException(
            f"UpdateShardCount cannot scale a stream to more than {SHARDS_PER_STREAM_MAX} shards. {counts}"
        )
