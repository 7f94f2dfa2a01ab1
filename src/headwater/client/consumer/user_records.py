"""De-aggregation: from the records of a page to those that the application gets.

Rules:
- aggregates are opened, unless that was declined; what only looks like one is a record;
- an aggregate with a user record whose hash key is another shard's is dropped whole, as
  the Kinesis Client Library does, unless that was declined. The library's own producer
  makes such only before a reshard, and puts all their records again; others make them
  without knowing of shards, and do not. So each is told of;
- what a checkpoint counts as done is left out: reading begins at the checkpoint's own
  record, of which some user records may be left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from headwater.client.calls.record import Record
from headwater.client.leases.checkpoint import Checkpoint
from headwater.client.leases.lease import Lease
from headwater.wire.aggregated_record import MAGIC, UserRecord, deaggregate

MAX_HASH_KEY = 2**128 - 1


Checkpointer = Callable[[Record], Awaitable[None]]


@dataclass
class UserRecords:
    """The preparation of one shard's records."""

    lease: Lease
    opens_aggregates: bool
    keeps_misplaced: bool
    """Whether aggregates with user records of other shards are delivered."""
    checkpointer: Checkpointer
    misplaced: Callable[[int], None]
    """The function that counts the user records of such an aggregate."""

    def __post_init__(self) -> None:
        self._shard_id = self.lease.key
        self._first_hash_key = int(self.lease.starting_hash_key or 0)
        self._last_hash_key = int(self.lease.ending_hash_key or MAX_HASH_KEY)
        self._done: Checkpoint | None = self.lease.checkpoint if self.lease.checkpoint.is_record else None

    def prepared(self, records: list[Record]) -> list[Record]:
        """The records to deliver, in order; may be the same list."""
        shard_id, checkpointer = self._shard_id, self.checkpointer
        has_aggregates = False
        for record in records:
            record.shard_id = shard_id
            record.checkpointer = checkpointer
            if record.data.startswith(MAGIC):
                has_aggregates = True
        if has_aggregates and self.opens_aggregates:
            records = [user_record for record in records for user_record in self._opened(record)]
        if self._done is not None and records:
            records = self._not_done(records, self._done)
        return records

    def _not_done(self, records: list[Record], done: Checkpoint) -> list[Record]:
        left = [
            record
            for record in records
            if done.is_before(Checkpoint(record.sequence_number, record.sub_sequence_number))
        ]
        if left:
            self._done = None  # sequence numbers only grow
        return left

    def _opened(self, record: Record) -> list[Record]:
        user_records = deaggregate(record.data) if record.data.startswith(MAGIC) else None
        if user_records is None:
            return [record]
        if not all(self._is_here(user_record) for user_record in user_records):
            self.misplaced(len(user_records))
            if not self.keeps_misplaced:
                return []
        return [
            Record(
                data=user_record.data,
                partition_key=user_record.partition_key,
                sequence_number=record.sequence_number,
                approximate_arrival_timestamp=record.approximate_arrival_timestamp,
                encryption_type=record.encryption_type,
                shard_id=self._shard_id,
                sub_sequence_number=number,
                is_aggregated=True,
                explicit_hash_key=user_record.explicit_hash_key,
                checkpointer=self.checkpointer,
                tags=user_record.tags,
            )
            for number, user_record in enumerate(user_records)
        ]

    def _is_here(self, user_record: UserRecord) -> bool:
        return self._first_hash_key <= _hash_key(user_record) <= self._last_hash_key


def _hash_key(user_record: UserRecord) -> int:
    explicit = user_record.explicit_hash_key
    if explicit is not None and explicit.isdecimal():
        return int(explicit)
    return int.from_bytes(hashlib.md5(user_record.partition_key.encode(), usedforsecurity=False).digest())
