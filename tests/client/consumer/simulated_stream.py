"""A stream in memory, as a consumer sees one: shards that split and merge, iterators that expire."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from headwater.client.calls.errors import ConnectionFailed, ServiceError
from headwater.client.calls.kinesis_calls import (
    ChildShard,
    HashKeyRange,
    ListedShard,
    RecordsPage,
    SequenceNumberRange,
)
from headwater.client.calls.record import Record

KEYS = 24
HASH_KEYS = 1 << 16
ITERATOR_LIFE_S = 3.0
"""A hundredth of AWS's: pauses of workers are as much shorter."""


@dataclass
class SimulatedShard:
    """One shard and its records."""

    shard_id: str
    first: int
    last: int
    parents: list[str]
    records: list[tuple[int, str, bytes]] = field(default_factory=list)
    children: list[str] = field(default_factory=list)


class SimulatedStream:
    """Takes the place of `KinesisCalls` for one stream."""

    def __init__(self, shards: int, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._next_number = 1
        self.shards: dict[str, SimulatedShard] = {}
        width = HASH_KEYS // shards
        for index in range(shards):
            self._add(index * width, HASH_KEYS - 1 if index == shards - 1 else (index + 1) * width - 1, [])

    def put(self, key: int, text: bytes) -> None:
        """Put one record."""
        shard = next(s for s in self.open_shards() if s.first <= hash_key(key) <= s.last)
        shard.records.append((self._number(), f"key-{key}", text))

    def open_shards(self) -> list[SimulatedShard]:
        return [shard for shard in self.shards.values() if not shard.children]

    def split(self, shard: SimulatedShard) -> None:
        """Close a shard; two go on."""
        middle = (shard.first + shard.last) // 2
        self._number()
        shard.children = [
            self._add(shard.first, middle, [shard.shard_id]),
            self._add(middle + 1, shard.last, [shard.shard_id]),
        ]

    def merge(self, left: SimulatedShard, right: SimulatedShard) -> None:
        """Close two shards; one goes on."""
        self._number()
        child = self._add(left.first, right.last, [left.shard_id, right.shard_id])
        left.children = [child]
        right.children = [child]

    def read(self, iterator: str, limit: int) -> RecordsPage:
        """Answer GetRecords."""
        shard_id, at, issued_at_s = iterator.split("/")
        if self._now_s() - float(issued_at_s) > ITERATOR_LIFE_S:
            raise ServiceError("ExpiredIteratorException", "Iterator expired.")
        shard = self.shards[shard_id]
        start = int(at)
        page = shard.records[start : start + limit]
        end = start + len(page)
        is_at_end = end == len(shard.records)
        ended = is_at_end and bool(shard.children)
        return RecordsPage(
            records=[
                Record(data=text, partition_key=key, sequence_number=str(number))
                for number, key, text in page
            ],
            next_iterator=None if ended else f"{shard_id}/{end}/{self._now_s()}",
            millis_behind_latest=0 if is_at_end else 1000,
            child_shards=[self._child(child) for child in shard.children] if ended else [],
        )

    def iterator(self, shard_id: str, iterator_type: str, sequence_number: str | None) -> str:
        """Answer GetShardIterator."""
        records = self.shards[shard_id].records
        at = {"TRIM_HORIZON": 0, "LATEST": len(records)}.get(iterator_type)
        if at is None:
            assert sequence_number is not None, iterator_type
            number = int(sequence_number) + (iterator_type == "AFTER_SEQUENCE_NUMBER")
            at = sum(stored[0] < number for stored in records)
        return f"{shard_id}/{at}/{self._now_s()}"

    def listed(self) -> list[ListedShard]:
        """Answer ListShards."""
        return [
            ListedShard(
                shard.shard_id,
                HashKeyRange(str(shard.first), str(shard.last)),
                SequenceNumberRange("0", "1" if shard.children else None),
                *shard.parents,
            )
            for shard in self.shards.values()
        ]

    def _child(self, shard_id: str) -> ChildShard:
        shard = self.shards[shard_id]
        return ChildShard(shard_id, shard.parents, HashKeyRange(str(shard.first), str(shard.last)))

    def _add(self, first: int, last: int, parents: list[str]) -> str:
        shard_id = f"shardId-{len(self.shards):012}"
        self.shards[shard_id] = SimulatedShard(shard_id, first, last, parents)
        return shard_id

    def _number(self) -> int:
        self._next_number += 1
        return self._next_number


def hash_key(key: int) -> int:
    """Where a key lies."""
    return key * HASH_KEYS // KEYS


def maybe_fail(chance: random.Random, share: float, code: str) -> None:
    """Fail in one of two ways, this often."""
    drawn = chance.random()
    if drawn < share / 2:
        raise ServiceError(code, "Rate exceeded.")
    if drawn < share:
        raise ConnectionFailed("the connection broke")
