"""StopStreamEncryption: records written from then on are no longer marked as encrypted."""

from __future__ import annotations

from headwater.api import requests
from headwater.api.stream_encryption import revise_encryption
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def stop_stream_encryption(
    engine: Engine, caller: Caller, request: requests.StopStreamEncryptionInput
) -> None:
    """The stream is UPDATING until the encryption has ended; 25 times in 24 hours."""
    await revise_encryption(engine, caller, request, "NONE")
