"""The listing of a stream's shards, for the tree of shards."""

from __future__ import annotations

from headwater.client.calls.errors import ClientError, MalformedAnswer, ServiceError, is_transient
from headwater.client.calls.kinesis_calls import KinesisCalls, ListedShard
from headwater.client.leases.shard_tree import ShardNode

NOT_FOUND = "ResourceNotFoundException"


async def list_shards(calls: KinesisCalls, stream: str) -> list[ShardNode]:
    """All listed shards, open and closed. Raises `ClientError`."""
    return [_shard_of(listed) for listed in await calls.list_shards(stream)]


async def has_left_retention(calls: KinesisCalls, stream: str, shard_id: str, error: ClientError) -> bool:
    """Whether an error of reading means that the shard has left retention, while its stream exists.

    False when the call may succeed later, or when this cannot be found out now. Raises `ClientError`
    when it is not transient.
    """
    if _may_pass(error):
        return False
    if not isinstance(error, ServiceError) or error.code != NOT_FOUND:
        raise error
    try:
        listed = await calls.list_shards(stream)
    except ClientError as failure:
        if _may_pass(failure):
            return False
        raise
    if shard_id in {shard.shard_id for shard in listed}:
        raise error
    return True


def _may_pass(error: ClientError) -> bool:
    """Whether a retry of reading may succeed. A malformed answer counts: it may be a proxy's page."""
    return is_transient(error) or isinstance(error, MalformedAnswer)


def _shard_of(listed: ListedShard) -> ShardNode:
    parents = (listed.parent_shard_id, listed.adjacent_parent_shard_id)
    return ShardNode(
        listed.shard_id,
        tuple(sorted(parent for parent in parents if parent is not None)),
        listed.is_open,
        listed.hash_key_range.starting_hash_key,
        listed.hash_key_range.ending_hash_key,
        listed.sequence_number_range.starting_sequence_number,
    )
