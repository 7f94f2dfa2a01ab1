"""A lease: who reads a shard, how far it has been read, and the changes that it can undergo.

The counter is the fence. Whoever holds a lease knows its counter, and every write of the
holder's asks that it is still the same, and raises it by one. Who takes a lease away
raises it too, so that nothing which its former holder still writes can succeed, however
long that one slept.

A change says what must be so, and what is then set; a lease store applies it
in one step or not at all. There is no other way to change a lease.

Rules:
- the owner is who is to read the shard. During a hand-off that is the new worker, while
  the old one, named by `checkpoint_owner`, still reads and writes: `holder` is who does;
- to ask for a hand-off does not raise the counter: the holder goes on renewing, sees in
  the answer that it is asked, finishes its batch and lets go;
- a checkpoint is a renewal as well.

Refuses to know where leases are kept, and the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from headwater.client.leases.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease of one shard, as it is stored."""

    key: str
    """The shard's id."""
    checkpoint: Checkpoint
    counter: int = 0
    owner: str | None = None
    checkpoint_owner: str | None = None
    """The worker that still reads, while a hand-off to `owner` is under way."""
    owner_switches: int = 0
    """The number of changes of owner since the last checkpoint."""
    parent_ids: tuple[str, ...] = ()
    child_ids: tuple[str, ...] = ()
    """The ids of the shard's children, once its end was reached."""
    starting_hash_key: str | None = None
    ending_hash_key: str | None = None
    throughput_kbps: float | None = None
    """The throughput of its holder, in KiB a second."""
    latest_since_ms: int | None = None
    """The time when reading from LATEST began, in epoch ms: no later record may be skipped."""

    @property
    def holder(self) -> str | None:
        """The worker that reads the shard now."""
        return self.checkpoint_owner or self.owner

    @property
    def is_complete(self) -> bool:
        """Whether the shard has been read to its end."""
        return self.checkpoint.is_shard_end

    @property
    def is_in_hand_off(self) -> bool:
        """Whether another worker waits for its holder to release it."""
        return self.checkpoint_owner is not None


@dataclass(frozen=True, slots=True)
class LeaseChange:
    """A conditional write of one lease."""

    key: str
    sets: Mapping[str, Any]
    """New values of fields of `Lease`; None clears one."""
    counter: int | None = None
    """The counter that the lease must have; it is then raised by one."""
    owners: tuple[str | None, str | None] | None = None
    """The `owner` and `checkpoint_owner` that the lease must have."""

    def is_allowed(self, lease: Lease) -> bool:
        """Whether the lease meets the condition."""
        if self.counter is not None and lease.counter != self.counter:
            return False
        return self.owners is None or (lease.owner, lease.checkpoint_owner) == self.owners

    def applied(self, lease: Lease) -> Lease:
        """The lease after the change."""
        counter = lease.counter if self.counter is None else self.counter + 1
        return replace(lease, **{**self.sets, "counter": counter})


def renewal(lease: Lease, throughput_kbps: float | None = None) -> LeaseChange:
    """A renewal: the holder is alive."""
    sets = {} if throughput_kbps is None else {"throughput_kbps": throughput_kbps}
    return LeaseChange(lease.key, sets, lease.counter)


def progress(lease: Lease, checkpoint: Checkpoint) -> LeaseChange:
    """A checkpoint of the holder. The caller makes sure that it is a step forward."""
    return LeaseChange(lease.key, {"checkpoint": checkpoint, "owner_switches": 0}, lease.counter)


def beginning(lease: Lease, now_ms: int) -> LeaseChange:
    """The start of reading at LATEST."""
    return LeaseChange(lease.key, {"latest_since_ms": now_ms}, lease.counter)


def completion(lease: Lease, end: Checkpoint, child_ids: Iterable[str]) -> LeaseChange:
    """The end of the shard: the holder has read everything, and gives the lease up."""
    sets = {
        "checkpoint": end,
        "owner_switches": 0,
        "child_ids": tuple(sorted(child_ids)),
        "owner": None,
        "checkpoint_owner": None,
    }
    return LeaseChange(lease.key, sets, lease.counter)


def taking(lease: Lease, worker: str) -> LeaseChange:
    """The taking of a lease that has no holder any more, whoever is named in it."""
    is_switch = lease.holder is not None and lease.holder != worker
    sets = {
        "owner": worker,
        "checkpoint_owner": None,
        "owner_switches": lease.owner_switches + is_switch,
    }
    return LeaseChange(lease.key, sets, lease.counter)


def hand_off_request(lease: Lease, worker: str) -> LeaseChange:
    """A worker's request that the holder hands a lease off to it."""
    sets = {"owner": worker, "checkpoint_owner": lease.owner}
    return LeaseChange(lease.key, sets, owners=(lease.owner, None))


def release(lease: Lease) -> LeaseChange:
    """A release: the lease goes to the worker that asked for it, if one is known.

    A worker whose request was not seen yet finds a lease without a holder.
    """
    if lease.is_in_hand_off:
        sets: dict[str, Any] = {"checkpoint_owner": None, "owner_switches": lease.owner_switches + 1}
    else:
        sets = {"owner": None, "checkpoint_owner": None}
    return LeaseChange(lease.key, sets, lease.counter)
