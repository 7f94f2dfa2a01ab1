"""Aggregation in the Kinesis Producer Library's format: user records of a shard in one record.

Rules:
- all user records of an aggregate belong to one shard, as far as is known when it is
  made, and its explicit hash key, that of its first user record, takes it there;
- an aggregate of one user record is that record, plain, unless it has tags; so is one that would not fit;
- of one shard, records leave in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from headwater.client.calls.kinesis_calls import PutRecordsEntry, PutRecordsResult
from headwater.client.producer.put_future import PutFuture
from headwater.client.producer.shard_map import OpenShard, ShardMap, hash_key_of_record
from headwater.wire.aggregated_record import FRAME_BYTES, Aggregate, added_bytes_max

PARTITION_KEY = "a"
"""The partition key of every aggregate: its explicit hash key decides the shard."""


class AggregatedPut:
    """An aggregate: user records that are put as one."""

    __slots__ = (
        "_members", "_partition_keys", "attempts", "blocked_by", "entry", "hash_keys", "retry_until_s",
        "shard", "since_s", "size_bytes",
    )  # fmt: skip

    def __init__(
        self, shard: OpenShard, members: list[PutFuture], hash_keys: tuple[int, int], entry: PutRecordsEntry
    ) -> None:
        self.shard = shard
        self.hash_keys = hash_keys
        """The least and the greatest hash key of its members."""
        self.entry = entry
        self.size_bytes = len(entry.data) + len(entry.partition_key)
        self.since_s = members[0].since_s
        self.attempts = 0
        self.retry_until_s = 0.0
        self.blocked_by = 0
        self._members = tuple(members)
        self._partition_keys = tuple({member.entry.partition_key for member in members})

    def fits(self, shard: OpenShard) -> bool:
        """Whether all its members belong to the shard."""
        return shard.takes(self.hash_keys[0]) and shard.takes(self.hash_keys[1])

    def members(self) -> tuple[PutFuture, ...]:
        """The user records in it."""
        return self._members

    def partition_keys(self) -> tuple[str, ...]:
        """The partition keys of its user records, each once."""
        return self._partition_keys

    def done(self) -> bool:
        """Whether its members have their outcome."""
        return self._members[0].done()

    def succeed(self, result: PutRecordsResult) -> None:
        """Complete all its members."""
        for member in self._members:
            member.succeed(result)

    def fail(self, error: Exception) -> None:
        """Complete all its members with an error."""
        for member in self._members:
            member.fail(error)


Put: TypeAlias = PutFuture | AggregatedPut
"""One record of a PutRecords call."""


class _OpenAggregate:
    """The open aggregate of one shard."""

    def __init__(self, shard: OpenShard, hash_key: int) -> None:
        self.shard = shard
        self.first_hash_key = self.least = self.greatest = hash_key
        self.aggregate = Aggregate()
        self.members: list[PutFuture] = []

    def add(self, put: PutFuture, hash_key: int) -> None:
        entry = put.entry
        self.aggregate.add(entry.partition_key, entry.explicit_hash_key, entry.data, put.tags)
        self.members.append(put)
        if hash_key < self.least:
            self.least = hash_key
        elif hash_key > self.greatest:
            self.greatest = hash_key

    def close(self) -> Put:
        if len(self.members) == 1 and not self.members[0].tags:
            return self.members[0]
        entry = PutRecordsEntry(self.aggregate.encode(), PARTITION_KEY, str(self.first_hash_key))
        return AggregatedPut(self.shard, self.members, (self.least, self.greatest), entry)


class Aggregator:
    """Gathers records until an aggregate is full, or is closed."""

    def __init__(self, shard_map: ShardMap, bytes_max: int) -> None:
        self._shard_map = shard_map
        self._bytes_max = bytes_max
        self._open: dict[str, _OpenAggregate] = {}

    def add(self, put: PutFuture) -> list[Put]:
        """Add a record; the aggregates that are full with it, or because of it."""
        entry = put.entry
        hash_key = hash_key_of_record(entry.partition_key, entry.explicit_hash_key)
        shard = self._shard_map.shard_of(hash_key)
        if shard is None:
            return [put]
        added_bytes = added_bytes_max(put.size_bytes + len(put.tags))
        open_aggregate = self._open.get(shard.shard_id)
        full: list[Put] = []
        if open_aggregate is not None and open_aggregate.aggregate.size_bytes + added_bytes > self._bytes_max:
            full.append(open_aggregate.close())
            del self._open[shard.shard_id]
            open_aggregate = None
        if FRAME_BYTES + added_bytes > self._bytes_max:
            full.append(put)
            return full
        if open_aggregate is None:
            open_aggregate = self._open[shard.shard_id] = _OpenAggregate(shard, hash_key)
        open_aggregate.add(put, hash_key)
        return full

    def close(self) -> list[Put]:
        """Close all open aggregates and return them."""
        closed = [open_aggregate.close() for open_aggregate in self._open.values()]
        self._open.clear()
        return closed

    def group(self, puts: Iterable[PutFuture]) -> list[Put]:
        """Aggregates of these records only."""
        apart = Aggregator(self._shard_map, self._bytes_max)
        return [done for put in puts for done in apart.add(put)] + apart.close()

    def members(self) -> list[PutFuture]:
        """The user records in open aggregates."""
        return [put for open_aggregate in self._open.values() for put in open_aggregate.members]

    def regroup(self) -> list[Put]:
        """Regroup open aggregates after a reshard; those that are full now."""
        members = self.members()
        self._open.clear()
        return [done for put in members for done in self.add(put)]
