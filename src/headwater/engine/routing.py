"""Which open shard a record goes to. Built once for each change of a stream's shards.

Ranges are inclusive at both ends and partition all hash keys, so the shard is
the one with the largest start that is not above the key.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from headwater.model.hash_key import digest_of, digests_of, hash_key_bytes
from headwater.model.sequence_number import sequence_base
from headwater.model.stream import Stream

KEYS_KNOWN = 4096
"""So many keys of a stream are remembered, of up to 256 characters each; then all are forgotten."""
KEYS_UNHEEDED = 64 * KEYS_KNOWN
"""So many are not looked up after keys that did not come again: to remember takes half of an MD5."""


class Route(NamedTuple):
    """The route to one open shard, as appending needs it."""

    log_id: int
    shard_id: str
    sequence_base: int
    epoch_s: int


class Routes(list[Route]):
    """The open shards of a stream in the order of their hash keys: `routes[at]` is one."""

    __slots__ = ("_at", "_came_again", "_known", "_starts", "_unheeded")

    def __init__(self, stream: Stream) -> None:
        shards = sorted(stream.open_shards, key=lambda shard: int(shard.starting_hash_key))
        super().__init__(
            Route(shard.log_id, shard.shard_id, sequence_base(shard.epoch_s, shard.index), shard.epoch_s)
            for shard in shards
        )
        # As bytes, as MD5 gives them: of equal length and big-endian, they compare as their numbers do.
        self._starts = [hash_key_bytes(int(shard.starting_hash_key)) for shard in shards]
        self._at = 0
        self._known: dict[str | None, int] = {}
        """The shards of keys that came in batches: many producers have few, which come again and again."""
        self._came_again = 0
        """Of what is known: so many were asked for again."""
        self._unheeded = 0
        """So many keys are not looked up before others are."""

    def by_partition_key(self, partition_key: str) -> int:
        """The shard whose range holds the hash key of a partition key."""
        return bisect_right(self._starts, digest_of(partition_key)) - 1

    def by_partition_keys(self, partition_keys: Sequence[str | None]) -> list[int]:
        """The same of many keys, none of which is `None`. Where one shard is open, it holds them all."""
        if len(self) == 1:
            return [0] * len(partition_keys)
        if self._unheeded > 0:
            self._unheeded -= len(partition_keys)
            return self._find(partition_keys)
        found: list[Any] = list(map(self._known.get, partition_keys))
        if None not in found:
            self._came_again += len(found)
            return found
        new_keys = [key for key, at in zip(partition_keys, found, strict=True) if at is None]
        found_now = self._find(new_keys)
        self._came_again += len(found) - len(new_keys)
        self._remember(new_keys, found_now)
        in_order = iter(found_now)
        return [next(in_order) if at is None else at for at in found]

    def _find(self, partition_keys: Sequence[Any]) -> list[int]:
        starts = self._starts
        return [bisect_right(starts, digest) - 1 for digest in digests_of(partition_keys)]

    def _remember(self, keys: Sequence[str | None], ats: Sequence[int]) -> None:
        if len(self._known) >= KEYS_KNOWN:
            self._known.clear()
            self._unheeded = KEYS_UNHEEDED if self._came_again < KEYS_KNOWN else 0
            self._came_again = 0
        self._known.update(zip(keys, ats, strict=True))

    def by_hash_key(self, hash_key: int) -> int:
        """The shard whose range holds the key."""
        return bisect_right(self._starts, hash_key_bytes(hash_key)) - 1

    def in_turn(self) -> int:
        """The shard whose turn it is: records spread evenly, whatever their keys."""
        self._at = (self._at + 1) % len(self)
        return self._at
