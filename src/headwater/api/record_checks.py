"""The checks of a record that depend on its stream: a key where one is needed, size, hash key."""

from __future__ import annotations

from headwater.engine.appending import NewRecord, check_explicit_hash_key
from headwater.engine.engine import Engine
from headwater.model.arn import StreamName
from headwater.model.errors import ResourceNotFoundException, ValidationException
from headwater.model.stream import Stream

_FAILURES_SHOWN_MAX = 10


def require_partition_keys(engine: Engine, name: StreamName, missing_at: list[str]) -> None:
    """Raise ValidationException for missing keys, unless the stream distributes records itself (AUTO)."""
    try:
        distribution = engine.held(name).stream.distribution
    except ResourceNotFoundException:
        distribution = "USER_PARTITION_KEY"
    if distribution == "AUTO":
        return
    failures = [
        f"Value null at '{member}' failed to satisfy constraint: Member must not be null"
        for member in missing_at[:_FAILURES_SHOWN_MAX]
    ]
    errors = "error" if len(failures) == 1 else "errors"
    raise ValidationException(f"{len(failures)} validation {errors} detected: {'; '.join(failures)}")


def check_record(stream: Stream, record: NewRecord, data_member: str) -> int:
    """The size of a record, data and key, in bytes.

    Raises ValidationException above the stream's limit, and
    InvalidArgumentException for a hash key that is out of range.
    """
    data, partition_key, explicit_hash_key = record
    size = len(data) + (len(partition_key.encode()) if partition_key is not None else 0)
    limit = stream.max_record_size_kib * 1024
    if size > limit:
        printed = f"java.nio.HeapByteBuffer[pos=0 lim={len(data)} cap={len(data)}]"
        raise ValidationException(
            f"1 validation error detected: Value '{printed}' at '{data_member}' failed to satisfy "
            f"constraint: Member must have length less than or equal to {limit}"
        )
    if stream.distribution != "AUTO":
        check_explicit_hash_key(explicit_hash_key)
    return size
