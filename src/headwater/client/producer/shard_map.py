"""The map from hash keys to open shards, as last listed.

Rules:
- what is known may be old: a stream is resharded behind the map's back, and the one who
  finds that out asks for a refresh;
- while a refresh goes on, all who want one wait for the same;
- a refresh that fails leaves the map as it was.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from headwater.client.calls.kinesis_calls import KinesisCalls, ListedShard
from headwater.model.hash_key import hash_key_of


class OpenShard(NamedTuple):
    """An open shard and its hash key range, ends inclusive."""

    shard_id: str
    first_hash_key: int
    last_hash_key: int

    def takes(self, hash_key: int) -> bool:
        """Whether a hash key is in the shard's range."""
        return self.first_hash_key <= hash_key <= self.last_hash_key


class ShardMap:
    """The open shards of a stream. Empty until the first refresh."""

    def __init__(self, stream: str, calls: KinesisCalls) -> None:
        self._stream = stream
        self._calls = calls
        self._starts: list[int] = []
        self._shards: list[OpenShard] = []
        self._by_id: dict[str, OpenShard] = {}
        self._refreshing: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._shards)

    def shard_of(self, hash_key: int) -> OpenShard | None:
        """The open shard of a hash key; None before the first refresh."""
        if not self._shards:
            return None
        return self._shards[bisect_right(self._starts, hash_key) - 1]

    def shard_named(self, shard_id: str) -> OpenShard | None:
        """The open shard with this id; None if there is none."""
        return self._by_id.get(shard_id)

    async def refresh(self) -> None:
        """List the open shards again. Raises `ClientError`."""
        if self._refreshing is None:
            self._refreshing = asyncio.ensure_future(self._refresh())
            self._refreshing.add_done_callback(self._refreshed)
        await asyncio.shield(self._refreshing)

    async def _refresh(self) -> None:
        self.replace(await self._calls.list_shards(self._stream, {"Type": "AT_LATEST"}))

    def _refreshed(self, done: asyncio.Future[None]) -> None:
        self._refreshing = None
        if not done.cancelled():
            done.exception()  # it is told to those who wait, if any

    def replace(self, listed: Iterable[ListedShard]) -> None:
        """Replace the map by the open ones of these shards."""
        shards = sorted(
            (
                OpenShard(
                    shard.shard_id,
                    int(shard.hash_key_range.starting_hash_key),
                    int(shard.hash_key_range.ending_hash_key),
                )
                for shard in listed
                if shard.is_open
            ),
            key=lambda shard: shard.first_hash_key,
        )
        # In the midst of a reshard a range may be missing: its keys count for the shard before it.
        if shards:
            self._shards = shards
            self._by_id = {shard.shard_id: shard for shard in shards}
            self._starts = [0] + [shard.first_hash_key for shard in shards[1:]]


def hash_key_of_record(partition_key: str, explicit_hash_key: str | None) -> int:
    """The hash key that decides the shard of a record."""
    return hash_key_of(partition_key) if explicit_hash_key is None else int(explicit_hash_key)
