"""A lease: who reads a shard, how far it has been read, and the changes that this can undergo.

The counter is the fence. Whoever holds a lease knows its counter, and every write of the
holder's asks that it is still the same, and raises it by one. Who takes a lease away
raises it too, so that nothing which its former holder still writes can succeed, however
long that one slept.

A change says what must be so, and what is then set; a state (`lease_state`) applies it
in one step or not at all. There is no other way to change a lease.

Rules:
- the owner is who is to read the shard. During a hand-over that is the new worker, while
  the old one, named by `checkpoint_owner`, still reads and writes: `holder` is who does;
- to ask for a hand-over does not raise the counter: the holder goes on renewing, sees in
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
    """Who still reads, while a hand-over to `owner` is under way."""
    owner_switches: int = 0
    """How often the shard changed hands since the last checkpoint."""
    parent_ids: tuple[str, ...] = ()
    child_ids: tuple[str, ...] = ()
    """Known when the shard's end was reached."""
    starting_hash_key: str | None = None
    ending_hash_key: str | None = None
    throughput_kbps: float | None = None
    """KiB a second that its holder read lately."""
    latest_since_ms: int | None = None
    """When reading from LATEST began: no record that arrived later may be skipped."""

    @property
    def holder(self) -> str | None:
        """Who reads the shard now."""
        return self.checkpoint_owner or self.owner

    @property
    def is_complete(self) -> bool:
        """Whether the shard has been read to its end."""
        return self.checkpoint.is_shard_end

    @property
    def is_in_hand_off(self) -> bool:
        """Whether its holder has been asked to let go."""
        return self.checkpoint_owner is not None


@dataclass(frozen=True, slots=True)
class LeaseChange:
    """One conditional write."""

    key: str
    sets: Mapping[str, Any]
    """Fields of `Lease`, None to clear one."""
    counter: int | None = None
    """What the counter must be, in which case it is raised by one."""
    owners: tuple[str | None, str | None] | None = None
    """What `owner` and `checkpoint_owner` must be."""

    def is_allowed(self, lease: Lease) -> bool:
        """Whether what must be so is so."""
        if self.counter is not None and lease.counter != self.counter:
            return False
        return self.owners is None or (lease.owner, lease.checkpoint_owner) == self.owners

    def applied(self, lease: Lease) -> Lease:
        """The lease after it."""
        counter = lease.counter if self.counter is None else self.counter + 1
        return replace(lease, **{**self.sets, "counter": counter})


def renewal(lease: Lease, throughput_kbps: float | None = None) -> LeaseChange:
    """The holder is alive."""
    sets = {} if throughput_kbps is None else {"throughput_kbps": throughput_kbps}
    return LeaseChange(lease.key, sets, lease.counter)


def progress(lease: Lease, checkpoint: Checkpoint) -> LeaseChange:
    """The holder has read so far. The caller sees to it that this is a step forward."""
    return LeaseChange(lease.key, {"checkpoint": checkpoint, "owner_switches": 0}, lease.counter)


def beginning(lease: Lease, now_ms: int) -> LeaseChange:
    """The holder begins to read at LATEST."""
    return LeaseChange(lease.key, {"latest_since_ms": now_ms}, lease.counter)


def completion(lease: Lease, end: Checkpoint, child_ids: Iterable[str]) -> LeaseChange:
    """The holder has read everything, and needs the lease no more."""
    sets = {
        "checkpoint": end,
        "owner_switches": 0,
        "child_ids": tuple(sorted(child_ids)),
        "owner": None,
        "checkpoint_owner": None,
    }
    return LeaseChange(lease.key, sets, lease.counter)


def taking(lease: Lease, worker: str) -> LeaseChange:
    """A worker takes a lease that nobody holds any more, whoever is named in it."""
    is_switch = lease.holder is not None and lease.holder != worker
    sets = {
        "owner": worker,
        "checkpoint_owner": None,
        "owner_switches": lease.owner_switches + is_switch,
    }
    return LeaseChange(lease.key, sets, lease.counter)


def hand_off_request(lease: Lease, worker: str) -> LeaseChange:
    """A worker asks the holder to let go of a lease for it."""
    sets = {"owner": worker, "checkpoint_owner": lease.owner}
    return LeaseChange(lease.key, sets, owners=(lease.owner, None))


def release(lease: Lease) -> LeaseChange:
    """The holder lets go, in favour of the one who asked for the lease, if somebody is known to have.

    Who asked a moment ago, unseen, finds a lease that nobody holds.
    """
    if lease.is_in_hand_off:
        sets: dict[str, Any] = {"checkpoint_owner": None, "owner_switches": lease.owner_switches + 1}
    else:
        sets = {"owner": None, "checkpoint_owner": None}
    return LeaseChange(lease.key, sets, lease.counter)
