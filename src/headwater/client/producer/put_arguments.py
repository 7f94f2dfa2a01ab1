"""The arguments of a put, checked before the record is taken."""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits

from headwater.client.calls.errors import RecordTooLarge
from headwater.client.calls.kinesis_calls import PutRecordsEntry
from headwater.client.calls.put_call import RECORD_BYTES_MAX
from headwater.client.producer.put_future import PutFuture
from headwater.model.hash_key import HASH_KEY_MAX

PARTITION_KEY_MAX = 256
"""The longest partition key, in characters."""

Data = bytes | bytearray | memoryview | str


def new_put(
    data: Data,
    partition_key: str | None,
    explicit_hash_key: str | int | None,
    since_s: float,
    kind: Callable[[PutRecordsEntry, int, float], PutFuture] = PutFuture,
) -> PutFuture:
    """A record to put, of a `kind`. A text becomes UTF-8; one without a partition key gets a random one.

    Raises `TypeError` and `ValueError` for an invalid record, and `RecordTooLarge`.
    """
    if type(data) is not bytes:
        data = data.encode() if isinstance(data, str) else _copied(data)
    if partition_key is None:
        partition_key = f"{getrandbits(64):016x}"
        key_bytes = 16
    else:
        key_bytes = _key_bytes(partition_key)
    if explicit_hash_key is not None:
        explicit_hash_key = _hash_key(explicit_hash_key)
    size_bytes = len(data) + key_bytes
    if size_bytes > RECORD_BYTES_MAX:
        raise RecordTooLarge(f"{size_bytes} bytes; no stream takes records of more than {RECORD_BYTES_MAX}")
    return kind(PutRecordsEntry(data, partition_key, explicit_hash_key), size_bytes, since_s)


def _copied(data: bytes | bytearray | memoryview) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data must be bytes or str, not {type(data).__name__}")
    return bytes(data)


def _key_bytes(partition_key: str) -> int:
    if not isinstance(partition_key, str):
        raise TypeError(f"partition_key must be str, not {type(partition_key).__name__}")
    length = len(partition_key)
    if not 0 < length <= PARTITION_KEY_MAX:
        raise ValueError(f"partition_key must have 1 to {PARTITION_KEY_MAX} characters, not {length}")
    return length if partition_key.isascii() else len(partition_key.encode())


def _hash_key(explicit_hash_key: str | int) -> str:
    text = str(explicit_hash_key)
    if not (text.isascii() and text.isdigit() and len(text) <= 39 and int(text) <= HASH_KEY_MAX):
        raise ValueError(f"explicit_hash_key must be a number from 0 to 2**128 - 1, not {text!r}")
    return str(int(text))
