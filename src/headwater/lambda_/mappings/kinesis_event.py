"""Lambda's event for records of a stream, and the record in it.

A record's JSON is written once, when it is read: batches, retries and parts of batches
are joined from it, and its length is what the payload limit counts.

The source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from pybase64 import b64encode_as_string

from headwater.lambda_.mappings.mapping import Mapping

_BEFORE_RECORDS = b'{"Records":['
ENVELOPE_BYTES = len(_BEFORE_RECORDS) + len(b"]}")


class StreamRecord(NamedTuple):
    """A record as it was read from its shard."""

    position: int
    sequence_number: str
    arrival_ms: int
    partition_key: str | None
    data: bytes


class EventRecord(NamedTuple):
    """A record on its way to a function."""

    position: int
    sequence_number: str
    arrival_ms: int
    text: bytes
    """The record in the event, as JSON."""


class RecordWriter:
    """Writes the records of one shard for one mapping."""

    def __init__(self, mapping: Mapping, shard_id: str, role_arn: str) -> None:
        self._shard_id = shard_id
        self._envelope = {
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role_arn,
            "awsRegion": mapping.stream.region,
            "eventSourceARN": mapping.event_source_arn,
        }

    def document(self, record: StreamRecord) -> dict[str, Any]:
        """The record as functions see it."""
        kinesis: dict[str, Any] = {"kinesisSchemaVersion": "1.0"}
        if record.partition_key is not None:
            kinesis["partitionKey"] = record.partition_key
        kinesis["sequenceNumber"] = record.sequence_number
        kinesis["data"] = b64encode_as_string(record.data)
        kinesis["approximateArrivalTimestamp"] = record.arrival_ms / 1000
        return {
            "kinesis": kinesis,
            "eventID": f"{self._shard_id}:{record.sequence_number}",
            **self._envelope,
        }

    def write(self, record: StreamRecord) -> EventRecord:
        """The record, ready for any event that it will be in."""
        text = msgspec.json.encode(self.document(record))
        return EventRecord(record.position, record.sequence_number, record.arrival_ms, text)


def write_event(records: Iterable[EventRecord], members: bytes = b"") -> bytes:
    """The event for these records; `members` is the JSON of what stands beside them, if anything does."""
    body = b",".join(record.text for record in records)
    return b"".join((_BEFORE_RECORDS, body, b"]", b"," if members else b"", members, b"}"))
