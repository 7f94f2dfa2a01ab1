"""A lease of this worker: renewed, checkpointed, released.

Rules:
- writes follow one another, each knowing the counter that the one before it left;
- a write that was refused means that the lease is lost, unless what is stored is just
  what was to be written: then an earlier attempt got through and its answer did not;
- when the worker's own clock says that a lease period has passed since the last renewal,
  somebody else may read the shard: `is_fresh` is then False, and no further record may
  be given to the application until a renewal has succeeded;
- failures that may pass are tried again until the lease would be lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import ClientError, is_transient
from headwater.client.calls.timing import Timing
from headwater.client.leases.checkpoint import SHARD_END, Checkpoint
from headwater.client.leases.lease import (
    Lease,
    LeaseChange,
    beginning,
    completion,
    progress,
    release,
    renewal,
)
from headwater.client.leases.store import LeaseLost, StreamLeases


class OwnedLease:
    """One lease that this worker owns."""

    def __init__(
        self,
        lease: Lease,
        worker: str,
        leases: StreamLeases,
        timing: Timing,
        duration_s: float,
        taken_at_s: float,
    ) -> None:
        self.lease = lease
        self.lost = asyncio.Event()
        """Set when another worker has the lease, or may have it: no more work on its shard."""
        self.asked = asyncio.Event()
        """Set when another worker waits for the lease: finish the batch and release it."""
        self._worker = worker
        self._leases = leases
        self._timing = timing
        self._duration_s = duration_s
        self._renewed_at_s = taken_at_s
        self._writing = asyncio.Lock()

    @property
    def key(self) -> str:
        """The shard's id."""
        return self.lease.key

    @property
    def is_fresh(self) -> bool:
        """Whether the last renewal is recent enough that no other worker can have the lease."""
        return not self.lost.is_set() and self._timing.now_s() - self._renewed_at_s < self._duration_s

    async def renew(self, throughput_kbps: float | None = None) -> None:
        """Renew the lease, and see whether another worker waits for it. Raises `LeaseLost`."""
        async with self._writing:
            await self._write(renewal(self.lease, throughput_kbps))

    async def advance(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; one that is no step forward changes nothing. Raises `LeaseLost`."""
        async with self._writing:
            if self.lease.checkpoint.is_before(checkpoint):
                await self._write(progress(self.lease, checkpoint))
            elif self.lost.is_set():
                raise LeaseLost(f"another worker has {self.key}")

    async def begin_at_latest(self) -> int:
        """The time when reading from LATEST first began, in epoch ms. Raises `LeaseLost`."""
        async with self._writing:
            if self.lease.latest_since_ms is None:
                await self._write(beginning(self.lease, self._timing.wall_ms()))
            return self.lease.latest_since_ms or 0

    async def complete(self, child_ids: Iterable[str]) -> None:
        """Mark the shard as read to its end, and give the lease up. Raises `LeaseLost`."""
        async with self._writing:
            await self._write(completion(self.lease, Checkpoint(SHARD_END), child_ids))
            self.lost.set()

    async def release(self) -> None:
        """Release the lease, unless it is lost."""
        async with self._writing:
            if not self.lost.is_set():
                try:
                    await self._write(release(self.lease))
                except LeaseLost:
                    return
                self.lost.set()

    async def _write(self, change: LeaseChange) -> None:
        if self.lost.is_set():
            raise LeaseLost(f"another worker has {self.key}")
        began_at_s = self._timing.now_s()
        changed = await self._written(change)
        if changed is None:
            self.lost.set()
            raise LeaseLost(f"another worker has {self.key}")
        self.lease = changed
        self._renewed_at_s = began_at_s
        if changed.is_in_hand_off and changed.owner != self._worker:
            self.asked.set()

    async def _written(self, change: LeaseChange) -> Lease | None:
        """The lease after a change; None when it is lost."""
        backoff = Backoff("lease write", self._timing.rng)
        while True:
            try:
                return await self._leases.change(change) or await self._stored_already(change)
            except ClientError as error:
                if not is_transient(error):
                    raise
                if not self.is_fresh:
                    return None
            await self._timing.sleep(backoff.delay_s())

    async def _stored_already(self, change: LeaseChange) -> Lease | None:
        stored = await self._leases.lease(change.key)
        if stored is None or stored.counter != self.lease.counter + 1:
            return None
        is_ours = stored.holder == self._worker or "owner" in change.sets or "checkpoint_owner" in change.sets
        return stored if is_ours and _has_all(stored, change) else None


def _has_all(lease: Lease, change: LeaseChange) -> bool:
    return all(getattr(lease, name) == value for name, value in change.sets.items())
