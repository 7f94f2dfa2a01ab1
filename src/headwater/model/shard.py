"""Shards: a range of hash keys, a place in the lineage, and a log of their own.

Rules:
- the id is `shardId-` and twelve digits, counted up for the life of the stream;
- a closed shard never opens again; its children take over its whole range;
- `epoch_s` (the creation time inside sequence numbers) is later than that of
  every parent, even when a shard lives for less than a second.
"""

from __future__ import annotations

import re

import msgspec

from headwater.model.late_pattern import late_pattern
from headwater.model.sequence_number import (
    ENDING_INDEX,
    format_sequence_number,
    sequence_base,
)

_SHARD_ID = late_pattern(r"(?:[^-]*-)?(\d+)(?:-.*)?", re.ASCII)
_SHARD_INDEX_MAX = 2**31 - 1


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One shard of a stream, open or closed. Hash keys are decimal text, as on the wire."""

    index: int
    log_id: int
    starting_hash_key: str
    ending_hash_key: str
    epoch_s: int
    opened_ms: int
    closed_ms: int | None = None
    parent_index: int | None = None
    adjacent_parent_index: int | None = None

    @property
    def shard_id(self) -> str:
        """The id that clients see."""
        return shard_id_of(self.index)

    @property
    def is_open(self) -> bool:
        """Whether the shard takes records."""
        return self.closed_ms is None

    @property
    def parent_indexes(self) -> tuple[int, ...]:
        """Indexes of the shards it came from: none, one (split) or two (merge)."""
        return tuple(i for i in (self.parent_index, self.adjacent_parent_index) if i is not None)

    @property
    def starting_sequence_number(self) -> str:
        """Lower than the number of each of its records."""
        return format_sequence_number(sequence_base(self.epoch_s, self.index), 0, self.epoch_s)

    @property
    def ending_sequence_number(self) -> str | None:
        """Higher than the number of each of its records; `None` while the shard is open."""
        if self.closed_ms is None:
            return None
        closed_s = max(self.closed_ms // 1000, self.epoch_s)
        return format_sequence_number(sequence_base(self.epoch_s, self.index), ENDING_INDEX, closed_s)


def shard_id_of(index: int) -> str:
    """The id of the shard with this index."""
    return f"shardId-{index:012d}"


def encoded_shard_id(index: int) -> str:
    """The shard id that AWS reads in a sequence number, whose 32 bits it takes for a signed number.

    So what is 2^31 or more, which no shard ever has, prints as `shardId--02147483648` and so on.
    """
    return shard_id_of(index - (index >> 31 << 32))


def parse_shard_id(text: str) -> int | None:
    """The index that an id names. Short forms such as `shardId-0` and `0` are understood, as at AWS."""
    match = _SHARD_ID.fullmatch(text)
    if not match or int(match[1]) > _SHARD_INDEX_MAX:
        return None
    return int(match[1])
