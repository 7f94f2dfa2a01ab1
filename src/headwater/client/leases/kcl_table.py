"""The layout of a lease in a DynamoDB table, with the Kinesis Client Library's names.

So its tools and dashboards read ours, and ours read its. Two attributes of the library
are left alone, the state of a checkpoint that is prepared and then made
(`pendingCheckpoint…`), and two are ours, which it leaves alone: `latestSinceMillis`, and
`leasedStream`, the identity of the stream whose lease it is. The library's own leases do
not name theirs: one of its tables is for one stream, or, where the keys say so, for several.

An item that has no checkpoint is not a lease: newer versions of the library keep what
their workers tell each other in the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from headwater.client.leases.checkpoint import Checkpoint
from headwater.client.leases.lease import Lease

KEY = "leaseKey"
COUNTER = "leaseCounter"
OWNER = "leaseOwner"
CHECKPOINT_OWNER = "checkpointOwner"
CHECKPOINT = "checkpoint"
SUB_SEQUENCE_NUMBER = "checkpointSubSequenceNumber"
ENTITY_TYPE = "entityType"
STREAM = "leasedStream"
"""The attribute with the stream's identity; no field of `Lease`: a consumer has leases of one stream."""


class Column(NamedTuple):
    """The attribute of one field of `Lease`."""

    attribute: str
    type: str
    """The type in DynamoDB: S, N or SS."""


COLUMNS = {
    "key": Column(KEY, "S"),
    "counter": Column(COUNTER, "N"),
    "owner": Column(OWNER, "S"),
    "checkpoint_owner": Column(CHECKPOINT_OWNER, "S"),
    "owner_switches": Column("ownerSwitchesSinceCheckpoint", "N"),
    "parent_ids": Column("parentShardId", "SS"),
    "child_ids": Column("childShardIds", "SS"),
    "starting_hash_key": Column("startingHashKey", "S"),
    "ending_hash_key": Column("endingHashKey", "S"),
    "throughput_kbps": Column("throughputKBps", "N"),
    "latest_since_ms": Column("latestSinceMillis", "N"),
}
"""The columns of all fields but the checkpoint, which takes two attributes."""

FLOATS = frozenset({"throughput_kbps"})

FIELDS = (*COLUMNS, "checkpoint")

Attributes = dict[str, dict[str, Any]]
"""An item, or a part of one, as DynamoDB writes it: `{"leaseCounter": {"N": "7"}}`."""


def item_of(lease: Lease) -> Attributes:
    """The item of a whole lease."""
    written = attributes_of({field: getattr(lease, field) for field in FIELDS})
    return {name: value for name, value in written.items() if value is not None}


def attributes_of(fields: Mapping[str, Any]) -> dict[str, dict[str, Any] | None]:
    """The attributes of some fields of a lease; None for one that must be absent."""
    written: dict[str, dict[str, Any] | None] = {}
    for field, value in fields.items():
        if field == "checkpoint":
            written[CHECKPOINT] = {"S": value.sequence_number}
            written[SUB_SEQUENCE_NUMBER] = {"N": str(value.sub_sequence_number)}
            continue
        column = COLUMNS[field]
        if value is None or value == ():
            written[column.attribute] = None
        elif column.type == "SS":
            written[column.attribute] = {"SS": list(value)}
        else:
            written[column.attribute] = {column.type: str(value)}
    return written


def stream_of(item: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The stream that an item names, by its identity's key."""
    named: str | None = item.get(STREAM, {}).get("S")
    return named


def lease_of(item: Mapping[str, Mapping[str, Any]]) -> Lease | None:
    """The lease in an item; None when the item is no lease."""
    if CHECKPOINT not in item or KEY not in item:
        return None
    if item.get(ENTITY_TYPE, {}).get("S", "LEASE") != "LEASE":
        return None
    sub_sequence_number = int(item.get(SUB_SEQUENCE_NUMBER, {}).get("N", 0))
    fields: dict[str, Any] = {"checkpoint": Checkpoint(item[CHECKPOINT]["S"], sub_sequence_number)}
    for field, column in COLUMNS.items():
        value = item.get(column.attribute, {}).get(column.type)
        if value is None:
            continue
        if column.type == "SS":
            fields[field] = tuple(sorted(value))
        elif column.type == "N":
            fields[field] = float(value) if field in FLOATS else int(value)
        else:
            fields[field] = value
    return Lease(**fields)
