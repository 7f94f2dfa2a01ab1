"""Pages of a shard, and where reading begins: the protocol of readers."""

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
    """A page: records of one shard, in its order."""

    records: list[Record]
    millis_behind_latest: int
    size_bytes: int
    children: list[ShardNode] | None = None
    """The children of the shard, after its last record; None before its end."""


class ReadFrom(NamedTuple):
    """A position in a shard, in the API's words."""

    type: str
    sequence_number: str | None = None
    timestamp_s: float | None = None

    @property
    def position(self) -> dict[str, Any]:
        """The StartingPosition of SubscribeToShard."""
        position: dict[str, Any] = {"Type": self.type}
        if self.sequence_number is not None:
            position["SequenceNumber"] = self.sequence_number
        if self.timestamp_s is not None:
            position["Timestamp"] = self.timestamp_s
        return position


def read_from(checkpoint: Checkpoint, timestamp_s: float | None, latest_since_ms: int | None) -> ReadFrom:
    """The position to read from after a checkpoint.

    It is at the record, not after it: its aggregate may have more user records. `timestamp_s` is
    that of AT_TIMESTAMP; without it everything is read, rather than too little. `latest_since_ms`
    is the time at which reading at LATEST first began, perhaps without a record.
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
    """The protocol of a reader of shards: polling or fan-out."""

    def pages(self, shard_id: str, start: ReadFrom, stats: ShardStats) -> AsyncGenerator[Page]:
        """The pages of a shard, without end or up to the one with `children`.

        The caller may change a page's records. `stats` counts failed reads. Transient errors are
        retried inside; raises any other `ClientError`.
        """


def size_bytes(records: Sequence[Record]) -> int:
    """The bytes of data of some records, without keys, as read limits count them."""
    return sum([len(record.data) for record in records])


def shards_of(children: Sequence[ChildShard]) -> list[ShardNode]:
    """The child shards of a closed shard."""
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
