"""StartStreamEncryption: records written from then on are marked as encrypted with a KMS key.

What is stored is not enciphered: the key is remembered and its form checked, and
answers tell the encryption, so that an application sees what it would see at AWS.
"""

from __future__ import annotations

from headwater.api import requests
from headwater.api.stream_encryption import revise_encryption
from headwater.engine.engine import Engine
from headwater.model.caller import Caller


async def start_stream_encryption(
    engine: Engine, caller: Caller, request: requests.StartStreamEncryptionInput
) -> None:
    """The stream is UPDATING until the encryption is in force; 25 times in 24 hours."""
    await revise_encryption(engine, caller, request, "KMS")
