"""Splits, merges and scaling: pure functions from a stream to its revision.

Rules:
- the parents' logs are sealed, and the children's created, in one commit: no
  record can fall between them;
- a child's epoch is later than that of each of its parents, so its sequence
  numbers are higher;
- scaling is done by splits and merges alone, so that lineage is whole: first
  every open shard is split at the new boundaries that lie within it, then what
  lies between two new boundaries is merged. The shards that live
  only in between are listed, as at AWS.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable

import msgspec

from headwater.engine.revision import Revision
from headwater.model.hash_key import HASH_KEY_MAX, even_boundaries, even_ranges
from headwater.model.shard import Shard
from headwater.model.stream import Stream

NewLogId = Callable[[], int]

_FIRST_EPOCH_LEAD_S = 2
"""A new stream's shards are created this long ago, as AWS's sequence numbers show."""


def first_shards(shard_count: int, now_ms: int, new_log_id: NewLogId, first_s: int = 0) -> tuple[Shard, ...]:
    """The shards of a new stream: equal ranges that partition all hash keys.

    Their epoch is not before `first_s`.
    """
    return tuple(
        Shard(
            index=index,
            log_id=new_log_id(),
            starting_hash_key=str(start),
            ending_hash_key=str(end),
            epoch_s=max(now_ms // 1000 - _FIRST_EPOCH_LEAD_S, first_s),
            opened_ms=now_ms,
        )
        for index, (start, end) in enumerate(even_ranges(shard_count))
    )


def split(stream: Stream, shard_index: int, hash_key: int, now_ms: int, new_log_id: NewLogId) -> Revision:
    """Split an open shard; the second child begins at `hash_key`."""
    resharded = _Resharding(stream, now_ms, new_log_id)
    resharded.split(resharded.by_index(shard_index), hash_key)
    return resharded.revision()


def merge(
    stream: Stream, shard_index: int, adjacent_shard_index: int, now_ms: int, new_log_id: NewLogId
) -> Revision:
    """Merge two open shards, the second of which begins where the first one ends."""
    resharded = _Resharding(stream, now_ms, new_log_id)
    resharded.merge(resharded.by_index(shard_index), resharded.by_index(adjacent_shard_index))
    return resharded.revision()


def scale(stream: Stream, shard_count: int, now_ms: int, new_log_id: NewLogId) -> Revision:
    """Make the open shards `shard_count` ranges of equal size."""
    resharded = _Resharding(stream, now_ms, new_log_id)
    boundaries = even_boundaries(shard_count)
    for shard in stream.open_shards:
        first = bisect_right(boundaries, int(shard.starting_hash_key))
        resharded.split_at_each(
            shard, boundaries[first : bisect_right(boundaries, int(shard.ending_hash_key))]
        )
    for start, following in zip(boundaries, [*boundaries[1:], HASH_KEY_MAX + 1], strict=True):
        resharded.merge_all(resharded.within(start, following - 1))
    return resharded.revision()


def split_evenly(stream: Stream, shard_indexes: Iterable[int], now_ms: int, new_log_id: NewLogId) -> Revision:
    """Split each of these open shards, which hold two hash keys at least, in its middle."""
    resharded = _Resharding(stream, now_ms, new_log_id)
    for index in shard_indexes:
        shard = resharded.by_index(index)
        resharded.split(shard, (int(shard.starting_hash_key) + int(shard.ending_hash_key) + 1) // 2)
    return resharded.revision()


def _start(shard: Shard) -> int:
    return int(shard.starting_hash_key)


class _Resharding:
    """The shards of a stream while splits and merges are applied to them."""

    def __init__(self, stream: Stream, now_ms: int, new_log_id: NewLogId) -> None:
        self._stream = stream
        self._now_ms = max(now_ms, stream.created_ms)  # a stream may be made a little ahead of the clock
        self._new_log_id = new_log_id
        self._shards = {shard.index: shard for shard in stream.shards}
        self._open = sorted(stream.open_shards, key=_start)
        self._next_index = stream.next_shard_index
        self._created: list[int] = []
        self._sealed: list[int] = []

    def by_index(self, index: int) -> Shard:
        return self._shards[index]

    def within(self, starting_hash_key: int, ending_hash_key: int) -> list[Shard]:
        """The open shards from the one that holds the first key to the one that holds the last key."""
        return self._open[self._place(starting_hash_key) : self._place(ending_hash_key) + 1]

    def split(self, parent: Shard, hash_key: int) -> tuple[Shard, Shard]:
        first = self._child(parent.starting_hash_key, str(hash_key - 1), parent)
        second = self._child(str(hash_key), parent.ending_hash_key, parent)
        self._replace([parent], [first, second])
        return first, second

    def split_at_each(self, shard: Shard, hash_keys: list[int]) -> None:
        """Split at all these keys, the middle one first: so the lineage stays short."""
        if hash_keys:
            middle = len(hash_keys) // 2
            first, second = self.split(shard, hash_keys[middle])
            self.split_at_each(first, hash_keys[:middle])
            self.split_at_each(second, hash_keys[middle + 1 :])

    def merge(self, first: Shard, second: Shard) -> Shard:
        child = self._child(first.starting_hash_key, second.ending_hash_key, first, second)
        self._replace([first, second], [child])
        return child

    def merge_all(self, shards: list[Shard]) -> Shard:
        """Merge adjacent shards, half by half, for the same reason."""
        if len(shards) == 1:
            return shards[0]
        middle = len(shards) // 2
        return self.merge(self.merge_all(shards[:middle]), self.merge_all(shards[middle:]))

    def revision(self) -> Revision:
        shards = tuple(self._shards[index] for index in sorted(self._shards))
        stream = msgspec.structs.replace(self._stream, shards=shards, next_shard_index=self._next_index)
        return Revision(stream, create_logs=tuple(self._created), seal_logs=tuple(self._sealed))

    def _child(
        self, starting_hash_key: str, ending_hash_key: str, parent: Shard, adjacent: Shard | None = None
    ) -> Shard:
        parents = [parent] if adjacent is None else [parent, adjacent]
        child = Shard(
            index=self._next_index,
            log_id=self._new_log_id(),
            starting_hash_key=starting_hash_key,
            ending_hash_key=ending_hash_key,
            epoch_s=max(self._now_ms // 1000, *(shard.epoch_s + 1 for shard in parents)),
            opened_ms=self._now_ms,
            parent_index=parent.index,
            adjacent_parent_index=adjacent.index if adjacent else None,
        )
        self._next_index += 1
        self._created.append(child.log_id)
        return child

    def _place(self, hash_key: int) -> int:
        return bisect_right(self._open, hash_key, key=_start) - 1

    def _replace(self, parents: list[Shard], children: list[Shard]) -> None:
        at = self._place(_start(parents[0]))
        self._open[at : at + len(parents)] = children
        for parent in parents:
            self._shards[parent.index] = msgspec.structs.replace(parent, closed_ms=self._now_ms)
            self._sealed.append(parent.log_id)
        for child in children:
            self._shards[child.index] = child
