"""IncreaseStreamRetentionPeriod: records that have already expired do not come back."""

from __future__ import annotations

import msgspec

from headwater.api import requests
from headwater.api.retention_period import check_retention_hours
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.engine.retention import expire_records
from headwater.engine.stream_checks import require_active
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException
from headwater.model.stream import Stream


async def increase_stream_retention_period(
    engine: Engine, caller: Caller, request: requests.IncreaseStreamRetentionPeriodInput
) -> None:
    """8760 hours at most, and not less than now; the present value changes nothing and succeeds.

    Raises InvalidArgumentException.
    """
    name = stream_named(engine, caller, request)
    hours = request.RetentionPeriodHours

    def change(stream: Stream) -> Stream:
        require_active(stream)
        check_retention_hours(hours)
        if hours < stream.retention_hours:
            raise InvalidArgumentException(
                f"Requested retention period ({hours} hours) for stream {stream.name} "
                f"can not be shorter than existing retention period ({stream.retention_hours} hours). "
                "Use DecreaseRetentionPeriod API."
            )
        return msgspec.structs.replace(stream, retention_hours=hours)

    stream = await engine.stream(name)
    if change(stream) != stream:
        # What has expired under the present period must not be readable under the longer one.
        await expire_records(engine.store, stream, engine.now_ms())
    await engine.replace(name, change)
