"""What is on its way through the processors of a delivery stream: items, and what has failed.

Refuses to know the processors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pybase64 import b64encode_as_string

PROCESSING_FAILED = "processing-failed"
CONVERSION_FAILED = "format-conversion-failed"
ENDPOINT_FAILED = "http-endpoint-failed"

NO_KEYS: Mapping[str, str] = {}


class Item(NamedTuple):
    """One record on its way; a record that was aggregated is several."""

    data: bytes
    record_id: str
    """As functions see it."""
    arrival_ms: int
    shard_id: str
    """Of the stream that is read; empty with direct puts."""
    sequence_number: str
    """Empty with direct puts."""
    subsequence_number: int
    partition_key: str
    """Of the record in its stream."""
    raw: bytes
    """As it was put."""
    keys_from_lambda: Mapping[str, str] = NO_KEYS
    keys_from_query: Mapping[str, str] = NO_KEYS


class FailedItem(NamedTuple):
    """A record that did not come through."""

    kind: str
    """The `error-output-type`: what stands for it in names of objects."""
    arrival_ms: int
    document: dict[str, Any]
    """As it is written beside the others, one in a line."""
    size: int
    """The bytes of its data."""


def failure(
    item: Item, kind: str, code: str, message: str, *, attempts: int, now_ms: int, **more: Any
) -> FailedItem:
    """The failure of an item, in the members that Firehose writes."""
    document = {
        "attemptsMade": attempts,
        "arrivalTimestamp": item.arrival_ms,
        "errorCode": code,
        "errorMessage": message,
        "attemptEndingTimestamp": now_ms,
        "rawData": b64encode_as_string(item.raw),
        **more,
    }
    return FailedItem(kind, item.arrival_ms, document, len(item.data))
