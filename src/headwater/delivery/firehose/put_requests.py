"""The requests that put records: decoded and checked in one step, as they are many.

What the step refuses is looked at again by the checks of all requests, which word the error as AWS does; both
accept the same.

Refuses to know what is done with the records.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

RECORD_BYTES_MAX = 1_000 * 1024
BATCH_RECORDS_MAX = 500

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_.-]+\Z")]
Data = Annotated[bytes, msgspec.Meta(max_length=RECORD_BYTES_MAX)]


class PutEntry(msgspec.Struct):
    """One record."""

    data: Data = msgspec.field(name="Data")


class PutMembers(msgspec.Struct):
    """The members of PutRecord."""

    name: Name = msgspec.field(name="DeliveryStreamName")
    record: PutEntry = msgspec.field(name="Record")


class PutBatchMembers(msgspec.Struct):
    """The members of PutRecordBatch."""

    name: Name = msgspec.field(name="DeliveryStreamName")
    records: Annotated[list[PutEntry], msgspec.Meta(min_length=1, max_length=BATCH_RECORDS_MAX)] = (
        msgspec.field(name="Records")
    )


_PUTS: dict[str, msgspec.json.Decoder[Any]] = {
    "PutRecord": msgspec.json.Decoder(PutMembers),
    "PutRecordBatch": msgspec.json.Decoder(PutBatchMembers),
}


def is_put(operation: str) -> bool:
    """Whether an operation takes one of these requests."""
    return operation in _PUTS


def quick(operation: str, body: bytes) -> PutMembers | PutBatchMembers | None:
    """The members of a request's body; `None` for one that must be looked at again."""
    try:
        members: PutMembers | PutBatchMembers = _PUTS[operation].decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return members


def converted(operation: str, checked: dict[str, Any]) -> PutMembers | PutBatchMembers:
    """The same of members that have been checked otherwise."""
    if operation == "PutRecord":
        return PutMembers(checked["DeliveryStreamName"], PutEntry(checked["Record"]["Data"]))
    records = [PutEntry(record["Data"]) for record in checked["Records"]]
    return PutBatchMembers(checked["DeliveryStreamName"], records)
