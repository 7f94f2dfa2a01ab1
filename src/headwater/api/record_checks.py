"""The checks of a record that depend on its stream: a key where one is needed, size, hash key."""

from __future__ import annotations

from headwater.engine.appending import check_explicit_hash_key
from headwater.engine.engine import Engine
from headwater.engine.limits.limits import PUT_BYTES_MAX
from headwater.model.arn import StreamName
from headwater.model.errors import (
    InvalidArgumentException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.model.new_records import NewRecord, NewRecords
from headwater.model.record import record_size
from headwater.model.stream import Stream

KEY_BYTES_MAX = 1024
"""256 characters of at most four bytes."""
_FAILURES_SHOWN_MAX = 10


def require_partition_keys(engine: Engine, name: StreamName, missing_at: list[str]) -> None:
    """Raise ValidationException for missing keys, unless the stream distributes records itself (AUTO)."""
    try:
        distribution = engine.live(name).stream.distribution
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


def check_records(stream: Stream, records: NewRecords) -> None:
    """Check each record as `check_record` does, then the size of all.

    Raises ValidationException and InvalidArgumentException.
    """
    data_bytes = records.data_bytes()
    most_bytes = max(data_bytes) + KEY_BYTES_MAX
    if (
        most_bytes <= stream.max_record_size_kib * 1024
        and sum(data_bytes) + KEY_BYTES_MAX * len(records) <= PUT_BYTES_MAX
        and not any(records.explicit_hash_keys)
    ):
        return  # as nearly always: nothing can be wrong with any of them
    for at, record in enumerate(records, 1):
        check_record(stream, record, f"records.{at}.member.data")
    if sum(record_size(data, partition_key) for data, partition_key, _ in records) > PUT_BYTES_MAX:
        raise InvalidArgumentException(f"Records size exceeds {PUT_BYTES_MAX // 1024**2} MB limit")


def check_record(stream: Stream, record: NewRecord, data_member: str) -> None:
    """Raise ValidationException for a record above the stream's limit.

    Raises InvalidArgumentException for a hash key that is out of range.
    """
    data, partition_key, explicit_hash_key = record
    limit = stream.max_record_size_kib * 1024
    if len(data) + KEY_BYTES_MAX > limit and record_size(data, partition_key) > limit:
        raise _too_large(data, partition_key, data_member, limit)
    if explicit_hash_key is not None and stream.distribution != "AUTO":
        check_explicit_hash_key(explicit_hash_key)


def _too_large(
    data: bytes, partition_key: str | None, data_member: str, limit_bytes: int
) -> ValidationException:
    """The key counts, too; the text says so where the data alone would fit."""
    size = len(data)
    constraint = f"Member must have length less than or equal to {limit_bytes}"
    if size <= limit_bytes:
        key_bytes = record_size(data, partition_key) - size
        constraint = (
            f"Member must have length less than or equal to {limit_bytes - key_bytes}, "
            f"because with its partition key of {key_bytes} bytes a record of this stream "
            f"must have length less than or equal to {limit_bytes}"
        )
    return ValidationException(
        f"1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]' "
        f"at '{data_member}' failed to satisfy constraint: {constraint}"
    )
