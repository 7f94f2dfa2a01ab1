"""The shards of a stream as the tree of shards has them."""

from __future__ import annotations

from headwater.client.errors import ServiceError
from headwater.client.kinesis_calls import KinesisCalls, ListedShard
from headwater.client.shard_tree import Shard

NOT_FOUND = "ResourceNotFoundException"


async def list_shards(calls: KinesisCalls, stream: str) -> list[Shard]:
    """All shards that are listed, open and closed. Raises `ClientError`."""
    return [_shard_of(listed) for listed in await calls.list_shards(stream)]


async def has_left_retention(calls: KinesisCalls, stream: str, shard_id: str, error: ServiceError) -> bool:
    """Whether an error says that a shard is gone, with all its records, while its stream is not.

    Raises `ClientError` when the stream itself is gone.
    """
    if error.code != NOT_FOUND:
        return False
    return shard_id not in {listed.shard_id for listed in await calls.list_shards(stream)}


def _shard_of(listed: ListedShard) -> Shard:
    parents = (listed.parent_shard_id, listed.adjacent_parent_shard_id)
    return Shard(
        listed.shard_id,
        tuple(sorted(parent for parent in parents if parent is not None)),
        listed.is_open,
        listed.hash_key_range.starting_hash_key,
        listed.hash_key_range.ending_hash_key,
    )
