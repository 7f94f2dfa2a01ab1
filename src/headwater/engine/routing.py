"""Which open shard a record goes to. Built once for each change of a stream's shards.

Ranges are inclusive at both ends and partition all hash keys, so the shard is
the one with the largest start that is not above the key.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from headwater.model.sequence_number import sequence_base
from headwater.model.stream import Stream


class Route(NamedTuple):
    """What appending to one open shard needs."""

    log_id: int
    shard_id: str
    sequence_base: int
    epoch_s: int


class Routes:
    """The open shards of a stream in the order of their hash keys."""

    __slots__ = ("_next", "_routes", "_starts")

    def __init__(self, stream: Stream) -> None:
        shards = sorted(stream.open_shards, key=lambda shard: int(shard.starting_hash_key))
        self._starts = [int(shard.starting_hash_key) for shard in shards]
        self._routes = [
            Route(shard.log_id, shard.shard_id, sequence_base(shard.epoch_s, shard.index), shard.epoch_s)
            for shard in shards
        ]
        self._next = 0

    def by_hash_key(self, hash_key: int) -> Route:
        """The shard whose range holds the key."""
        return self._routes[bisect_right(self._starts, hash_key) - 1]

    def in_turn(self) -> Route:
        """The shard whose turn it is: records spread evenly, whatever their keys."""
        self._next = (self._next + 1) % len(self._routes)
        return self._routes[self._next]
