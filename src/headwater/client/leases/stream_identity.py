"""The identity of a stream, and whether a lease without one can be of it.

Shards of all streams have the same ids, so a lease without its stream's identity is any
stream's. The identity is the ARN and the time of creation: a stream that was deleted and
made again under its name is another one, whose records an old checkpoint must not skip.

A lease that names no stream, because the Kinesis Client Library or an older version of this
one made it, is held against the stream's shards. Some things cannot be so in the same stream:

- a key that is none of its shards' ids, nor was: several streams share those leases, or
  more shards were made there than here;
- another range of hash keys, or another creation in the checkpoint's sequence number;
- a shard that has been read to its end, and is open.

The leases must have been read before the shards were listed. What passes may still be of
another stream, if nothing of that one has been read.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from headwater.client.leases.lease import Lease
from headwater.client.leases.shard_tree import ShardNode
from headwater.model.sequence_number import parse_sequence_number

ListShards = Callable[[], Awaitable[list[ShardNode]]]

_SHARD_ID = re.compile(r"shardId-[0-9]{12,}")
_PRESENT_LAYOUT = 2


class StreamIdentity(NamedTuple):
    """The identity of a stream, from its creation to its deletion."""

    arn: str
    created_s: int | None
    """The time of creation in epoch seconds; None when the endpoint does not say."""

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> StreamIdentity:
        """The identity in a StreamDescriptionSummary."""
        arn = str(summary.get("StreamARN") or summary["StreamName"])
        created_s = summary.get("StreamCreationTimestamp")
        return cls(arn, int(created_s) if isinstance(created_s, int | float) else None)

    @property
    def key(self) -> str:
        """The identity as one text."""
        return self.arn if self.created_s is None else f"{self.arn}@{self.created_s}"


def contradiction(lease: Lease, shards: Mapping[str, ShardNode]) -> str | None:
    """The reason why a lease cannot be of the stream with these shards, by id; None when it can."""
    shard = shards.get(lease.key)
    if shard is None:
        return _unlisted(lease.key, shards)
    ranges = {lease.starting_hash_key: shard.starting_hash_key, lease.ending_hash_key: shard.ending_hash_key}
    if any(None not in pair and pair[0] != pair[1] for pair in ranges.items()):
        return f"{lease.key} has other hash keys there"
    if lease.is_complete and shard.is_open:
        return f"{lease.key} has been read to its end there, and is open"
    if lease.checkpoint.is_record and _are_of_two_shards(lease.checkpoint.sequence_number, shard):
        return f"{lease.key} was created at another time there"
    return None


def _unlisted(key: str, shards: Mapping[str, ShardNode]) -> str | None:
    """A shard that is not listed has left retention, if its id is of the past: they are counted up."""
    if not _SHARD_ID.fullmatch(key):
        return f"{key} is no shard's id"
    known = [shard_id for shard_id in shards if _SHARD_ID.fullmatch(shard_id)]
    if known and all(int(key[8:]) > int(shard_id[8:]) for shard_id in known):
        return f"there has been no {key} yet"
    return None


def _are_of_two_shards(number: str, shard: ShardNode) -> bool:
    """As far as sequence numbers are in the layout that says when their shard was created."""
    ours = parse_sequence_number(shard.first_sequence_number or "")
    theirs = parse_sequence_number(number)
    if ours is None or theirs is None or ours.version != _PRESENT_LAYOUT or theirs.version != _PRESENT_LAYOUT:
        return False
    return (ours.epoch_s, ours.shard_index) != (theirs.epoch_s, theirs.shard_index)
