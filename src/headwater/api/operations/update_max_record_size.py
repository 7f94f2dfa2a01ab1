"""UpdateMaxRecordSize: how large a record, with its partition key, may be."""

from __future__ import annotations

import msgspec

from headwater.api import requests
from headwater.api.stream_reference import stream_of_arn
from headwater.engine.engine import Engine
from headwater.engine.stream_checks import require_active
from headwater.engine.stream_lifecycle import begin
from headwater.model.caller import Caller
from headwater.model.stream import Activate, Stream


async def update_max_record_size(
    engine: Engine, caller: Caller, request: requests.UpdateMaxRecordSizeInput
) -> None:
    """1,024 to 10,240 KiB; the stream is UPDATING for a while, the new size holds at once."""
    due_ms = engine.now_ms() + engine.settings.transition_ms

    def change(stream: Stream) -> Stream:
        require_active(stream)
        resized = msgspec.structs.replace(stream, max_record_size_kib=request.MaxRecordSizeInKiB)
        return begin(resized, "UPDATING", Activate(), due_ms)

    await engine.replace(stream_of_arn(engine, caller, request.StreamARN), change)
