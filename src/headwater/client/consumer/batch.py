"""A batch: records of one shard that are delivered together."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.client.calls.record import Record
from headwater.client.leases.checkpoint import Checkpoint


class Batch:
    """A batch: one or more records of one shard, in its order."""

    __slots__ = ("millis_behind_latest", "records", "shard_id")

    def __init__(self, shard_id: str, records: list[Record], millis_behind_latest: int) -> None:
        self.shard_id = shard_id
        self.records = records
        self.millis_behind_latest = millis_behind_latest
        """The lag of its last record behind the newest of the shard, in ms, when it was read."""

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)


def position(record: Record) -> Checkpoint:
    """The checkpoint after a record."""
    return Checkpoint(record.sequence_number, record.sub_sequence_number)
