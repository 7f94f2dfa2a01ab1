"""Records of one shard that are delivered together."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.client.calls.record import Record
from headwater.client.leases.checkpoint import Checkpoint


class Batch:
    """What a handler gets: some records of one shard, in its order, at least one."""

    __slots__ = ("millis_behind_latest", "records", "shard_id")

    def __init__(self, shard_id: str, records: list[Record], millis_behind_latest: int) -> None:
        self.shard_id = shard_id
        self.records = records
        self.millis_behind_latest = millis_behind_latest
        """How far the last record was behind the newest of the shard when it was read."""

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)


def position(record: Record) -> Checkpoint:
    """The checkpoint that says that a record is done."""
    return Checkpoint(record.sequence_number, record.sub_sequence_number)
