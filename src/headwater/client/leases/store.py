"""The protocol of a lease store: it is opened for a stream, and has a few methods then.

Every implementation must give the same answers as `MemoryState`, under concurrent
callers in other processes too where it has such; `tests/client/leases/lease_store_contract.py`
runs over all of them.
"""

from __future__ import annotations

from typing import Protocol

from headwater.client.calls.errors import ClientError
from headwater.client.leases.lease import Lease, LeaseChange
from headwater.client.leases.stream_identity import ListShards, StreamIdentity


class StateError(ClientError):
    """A lease store that cannot be read or written, for good."""


class LeaseLost(ClientError):
    """A lease that another worker has now: what was to be written was not."""


class StreamLeases(Protocol):
    """The leases of one stream and one group of workers. Failures are `ClientError`, transient or not."""

    async def close(self) -> None:
        """Close files and connections; the leases stay."""

    async def leases(self) -> list[Lease]:
        """All leases, in no order; some may be a moment old."""

    async def lease(self, key: str) -> Lease | None:
        """The present lease with a key; None when there is none."""

    async def create(self, lease: Lease) -> bool:
        """Add a lease. False when its key has one, which stays."""

    async def change(self, change: LeaseChange) -> Lease | None:
        """Apply a change in one step; the lease after it.

        None, and nothing changed, when the condition is not met or there is no such lease.
        """

    async def delete(self, lease: Lease) -> bool:
        """Remove a lease, unless it has changed meanwhile."""


class LeaseStore(Protocol):
    """The lease store of one group of workers. Several consumers may open one object."""

    async def open(self, stream: StreamIdentity, list_shards: ListShards) -> StreamLeases:
        """The leases of one stream; a missing file or table is created.

        `list_shards` is asked when there are leases that do not name their stream. Raises `StateError`
        when those that are there must be another stream's and cannot be kept apart, and other
        `ClientError`s.
        """
