"""DecreaseStreamRetentionPeriod: records that are older than the new period are gone at once."""

from __future__ import annotations

import msgspec

from headwater.api import requests
from headwater.api.retention_period import check_retention_hours
from headwater.api.stream_reference import stream_named
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import require_active
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException
from headwater.model.stream import Stream


async def decrease_stream_retention_period(
    engine: Engine, caller: Caller, request: requests.DecreaseStreamRetentionPeriodInput
) -> None:
    """24 hours at least, and not more than now; the present value changes nothing.

    Raises InvalidArgumentException.
    """
    hours = request.RetentionPeriodHours

    def change(stream: Stream) -> Stream:
        require_active(stream)
        check_retention_hours(hours)
        if hours > stream.retention_hours:
            raise InvalidArgumentException(
                f"Requested retention period ({hours} hours) for stream {stream.name} "
                f"can not be longer than existing retention period ({stream.retention_hours} hours). "
                "Use IncreaseRetentionPeriod API."
            )
        return msgspec.structs.replace(stream, retention_hours=hours)

    await engine.replace(stream_named(engine, caller, request), change)
