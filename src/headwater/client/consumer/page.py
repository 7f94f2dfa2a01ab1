"""What is read at a time, and where reading begins: the seam between readers and what they feed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from headwater.client.calls.kinesis_calls import ChildShard
from headwater.client.calls.record import Record
from headwater.client.consumer.stats import ShardStats
from headwater.client.leases.checkpoint import AT_TIMESTAMP, LATEST, TRIM_HORIZON, Checkpoint
from headwater.client.leases.shard_tree import ShardNode

AT_SEQUENCE_NUMBER = "AT_SEQUENCE_NUMBER"
AFTER_SEQUENCE_NUMBER = "AFTER_SEQUENCE_NUMBER"


@dataclass(slots=True)
class Page:
    """Some records of a shard, in its order."""

    records: list[Record]
    millis_behind_latest: int
    size_bytes: int
    children: list[ShardNode] | None = None
    """Where the shard goes on, after its last record; None when it is not at its end."""


class ReadFrom(NamedTuple):
    """A place in a shard, in the API's words."""

    type: str
    sequence_number: str | None = None
    timestamp_s: float | None = None

    @property
    def position(self) -> dict[str, Any]:
        """As SubscribeToShard takes it."""
        position: dict[str, Any] = {"Type": self.type}
        if self.sequence_number is not None:
            position["SequenceNumber"] = self.sequence_number
        if self.timestamp_s is not None:
            position["Timestamp"] = self.timestamp_s
        return position


def read_from(checkpoint: Checkpoint, timestamp_s: float | None, latest_since_ms: int | None) -> ReadFrom:
    """Where to begin after a checkpoint.

    A record's own place, not the one after it: there may be more records in its aggregate.
    `timestamp_s` is what AT_TIMESTAMP means; without it everything is read, rather than too little.
    `latest_since_ms` is when somebody began to read at LATEST already, and may have read nothing.
    """
    if checkpoint.is_record:
        return ReadFrom(AT_SEQUENCE_NUMBER, checkpoint.sequence_number)
    if checkpoint.sequence_number == AT_TIMESTAMP and timestamp_s is not None:
        return ReadFrom(AT_TIMESTAMP, timestamp_s=timestamp_s)
    if checkpoint.sequence_number == LATEST:
        if latest_since_ms is None:
            return ReadFrom(LATEST)
        return ReadFrom(AT_TIMESTAMP, timestamp_s=latest_since_ms / 1000)
    return ReadFrom(TRIM_HORIZON)


class PageSource(Protocol):
    """A way to read shards."""

    def pages(self, shard_id: str, start: ReadFrom, stats: ShardStats) -> AsyncGenerator[Page]:
        """Pages without end, or up to the one that has `children`.

        Who takes a page has its records for itself. `stats` is told what was refused. What may pass
        is tried again inside. Raises `ClientError` for what does not.
        """


def size_bytes(records: Sequence[Record]) -> int:
    """The data of some records, as read limits count it, keys left out."""
    return sum([len(record.data) for record in records])


def shards_of(children: Sequence[ChildShard]) -> list[ShardNode]:
    """The shards in which a closed one goes on."""
    return [
        ShardNode(
            child.shard_id,
            tuple(sorted(child.parent_shards)),
            True,
            child.hash_key_range.starting_hash_key,
            child.hash_key_range.ending_hash_key,
        )
        for child in children
    ]
