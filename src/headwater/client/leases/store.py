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
    """The leases cannot be read or written, and trying again will not help."""


class LeaseLost(ClientError):
    """Another worker has the shard now: what was to be written about it was not."""


class StreamLeases(Protocol):
    """The leases of one stream and one group of workers. Failures are `ClientError`, transient or not."""

    async def close(self) -> None:
        """Let go of what opening took; the leases stay."""

    async def leases(self) -> list[Lease]:
        """All leases, as they are or were a moment ago, in no order."""

    async def lease(self, key: str) -> Lease | None:
        """One lease, as it is now; None when there is none."""

    async def create(self, lease: Lease) -> bool:
        """Add a lease. False when there is one under its key, which stays as it is."""

    async def change(self, change: LeaseChange) -> Lease | None:
        """Apply a change in one step, and give the lease after it.

        None, and nothing is changed, when what must be so is not, or there is no such lease.
        """

    async def delete(self, lease: Lease) -> bool:
        """Remove a lease, unless it is gone or has changed."""


class LeaseStore(Protocol):
    """Where the leases of one group of workers are. One object may be opened by several consumers."""

    async def open(self, stream: StreamIdentity, list_shards: ListShards) -> StreamLeases:
        """The leases of one stream, apart from those of others; what is missing is created.

        `list_shards` is asked when there are leases that do not name their stream. Raises `StateError`
        when those that are there must be another stream's and cannot be kept apart, and other
        `ClientError`s.
        """
