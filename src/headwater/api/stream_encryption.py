"""Server-side encryption of a stream: the change that starting and stopping share."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from headwater.api import requests
from headwater.api.stream_reference import stream_named
from headwater.engine.encryption_key import check_key_id, names_key, require_usable
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import ENCRYPTION_CHANGES_PER_DAY, recent
from headwater.engine.stream_checks import require_active
from headwater.engine.stream_lifecycle import begin
from headwater.model.caller import Caller
from headwater.model.errors import InvalidArgumentException, LimitExceededException
from headwater.model.stream import Encrypt, Stream

EncryptionRequest: TypeAlias = "requests.StartStreamEncryptionInput | requests.StopStreamEncryptionInput"


async def revise_encryption(
    engine: Engine, caller: Caller, request: EncryptionRequest, encryption_type: Literal["NONE", "KMS"]
) -> None:
    """Begin the transition to `encryption_type`.

    Raises InvalidArgumentException for a type other than KMS, ResourceInUseException,
    LimitExceededException, and when encryption starts the KMS error of a key that cannot be
    used. Text that names no key is a KMSNotFoundException when encryption starts, and an
    InvalidArgumentException when it stops.
    """
    now_ms = engine.now_ms()
    key_id = request.KeyId if encryption_type == "KMS" else None

    def change(stream: Stream) -> Stream:
        require_active(stream)
        if request.EncryptionType != "KMS":
            raise InvalidArgumentException(
                f"EncryptionType {request.EncryptionType} is not valid: the only valid value is KMS."
            )
        if encryption_type == "KMS":
            check_key_id(request.KeyId)
            require_usable(engine.key_directory, Caller(stream.account_id, stream.region), request.KeyId)
        elif not names_key(request.KeyId):
            raise InvalidArgumentException(f"Invalid keyId {request.KeyId}")
        counted = _counted(stream, encryption_type, now_ms)
        due_ms = now_ms + engine.settings.transition_ms
        return begin(counted, "UPDATING", Encrypt(encryption_type, key_id), due_ms)

    await engine.replace(stream_named(engine, caller, request), change)


def _counted(stream: Stream, encryption_type: Literal["NONE", "KMS"], now_ms: int) -> Stream:
    """The stream with one more start or stop; each has a limit of its own."""
    starting = encryption_type == "KMS"
    changes_ms = recent(stream.encryption_starts_ms if starting else stream.encryption_stops_ms, now_ms)
    if len(changes_ms) >= ENCRYPTION_CHANGES_PER_DAY:
        what = "started" if starting else "stopped"
        raise LimitExceededException(
            f"The encryption of stream {stream.label} has been {what} {len(changes_ms)} times "
            "in the last 24 hours, which is the limit."
        )
    counted_ms = (*changes_ms, now_ms)
    if starting:
        return msgspec.structs.replace(stream, encryption_starts_ms=counted_ms)
    return msgspec.structs.replace(stream, encryption_stops_ms=counted_ms)
