"""The tree of shards: which may be read now, and where a new lease begins. Pure decisions.

Rules:
- a shard is read when all its parents have been read to their end, so that the records of
  a partition key come in order. A parent without a lease has left retention, or was
  closed before the first start;
- a first start leases every shard there is, or with LATEST every open one; a shard that
  comes up later is read from its beginning;
- leases are made parents first, so that a parent without a lease is one that needs none,
  and not one whose lease is about to be made;
- a shard whose child has a lease has been read, and its lease removed: it gets no second.

Refuses to know who reads, and how listings are fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from headwater.client.leases.checkpoint import LATEST, TRIM_HORIZON, Checkpoint, StartingPosition
from headwater.client.leases.lease import Lease


class ShardNode(NamedTuple):
    """A shard in the tree, from a listing or from the end of its parent."""

    shard_id: str
    parent_ids: tuple[str, ...] = ()
    is_open: bool = True
    starting_hash_key: str | None = None
    ending_hash_key: str | None = None
    first_sequence_number: str | None = None
    """The start of its sequence numbers, from a listing."""

    def lease(self, checkpoint: Checkpoint) -> Lease:
        """The first lease of the shard."""
        return Lease(
            self.shard_id,
            checkpoint,
            parent_ids=self.parent_ids,
            starting_hash_key=self.starting_hash_key,
            ending_hash_key=self.ending_hash_key,
        )


def may_start(lease: Lease, leases: Mapping[str, Lease]) -> bool:
    """Whether a shard may be read: it is not done, and its parents are."""
    if lease.is_complete:
        return False
    return all(leases[parent].is_complete for parent in lease.parent_ids if parent in leases)


def missing_leases(
    shards: Sequence[ShardNode], leased: Iterable[str], start: StartingPosition
) -> list[Lease]:
    """The leases to create for the listed shards, parents first."""
    by_id = {shard.shard_id: shard for shard in shards}
    known = set(leased)
    has_leased_child = _ancestors(known | set(start.done), by_id)
    made: list[Lease] = []
    for shard in _parents_first(by_id):
        if shard.shard_id in known or shard.shard_id in has_leased_child:
            continue
        checkpoint = _first_checkpoint(shard, known, by_id, start)
        if checkpoint is not None:
            made.append(shard.lease(checkpoint))
    return made


def child_leases(children: Iterable[ShardNode]) -> list[Lease]:
    """The leases to create at the end of a shard, before its own is marked as done."""
    return [child.lease(Checkpoint(TRIM_HORIZON)) for child in children]


def outlived_leases(shards: Iterable[ShardNode], leases: Iterable[Lease]) -> list[Lease]:
    """The leases to remove: done, with shards that left the stream, and children that are leased or gone."""
    listed = {shard.shard_id for shard in shards}
    everything = list(leases)
    known = {lease.key for lease in everything}
    return [
        lease
        for lease in everything
        if lease.is_complete
        and lease.key not in listed
        and all(child in known or child not in listed for child in lease.child_ids)
    ]


def _first_checkpoint(
    shard: ShardNode, known: set[str], by_id: Mapping[str, ShardNode], start: StartingPosition
) -> Checkpoint | None:
    """The first checkpoint of a shard; None for a shard that is not to be read."""
    if shard.shard_id in start.done:
        return start.done[shard.shard_id]
    if start.word == LATEST:
        if _ancestors({shard.shard_id}, by_id) & known:
            return Checkpoint(TRIM_HORIZON)
        return start.checkpoint if shard.is_open else None
    return start.checkpoint


def _ancestors(shard_ids: Iterable[str], by_id: Mapping[str, ShardNode]) -> set[str]:
    found: set[str] = set()
    waiting = list(shard_ids)
    while waiting:
        shard = by_id.get(waiting.pop())
        if shard is not None:
            new = [parent for parent in shard.parent_ids if parent not in found]
            found.update(new)
            waiting += new
    return found


def _parents_first(by_id: Mapping[str, ShardNode]) -> list[ShardNode]:
    """Shards are numbered as they come to be, so the order of their ids is an order of descent."""
    return [by_id[shard_id] for shard_id in sorted(by_id)]
