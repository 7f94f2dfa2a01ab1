"""A lease store in memory, for one process: the reference for every other store.

Several consumers in one process share the leases by sharing the object; those of
different streams do not see each other's.
"""

from __future__ import annotations

from headwater.client.leases.lease import Lease, LeaseChange
from headwater.client.leases.stream_identity import ListShards, StreamIdentity


class MemoryState:
    """A lease store in memory, which ends with the process."""

    def __init__(self) -> None:
        self._streams: dict[str, MemoryLeases] = {}

    async def open(self, stream: StreamIdentity, _list_shards: ListShards) -> MemoryLeases:
        """The leases of one stream; see `LeaseStore`."""
        return self._streams.setdefault(stream.key, MemoryLeases())


class MemoryLeases:
    """The leases of one stream: a `StreamLeases`."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}

    async def close(self) -> None:
        """Keep the leases, for a consumer that comes later."""

    async def leases(self) -> list[Lease]:
        """All leases."""
        return list(self._leases.values())

    async def lease(self, key: str) -> Lease | None:
        """One lease; see `StreamLeases`."""
        return self._leases.get(key)

    async def create(self, lease: Lease) -> bool:
        """Add a lease; see `StreamLeases`."""
        return self._leases.setdefault(lease.key, lease) is lease

    async def change(self, change: LeaseChange) -> Lease | None:
        """Apply a change; see `StreamLeases`."""
        lease = self._leases.get(change.key)
        if lease is None or not change.is_allowed(lease):
            return None
        self._leases[change.key] = changed = change.applied(lease)
        return changed

    async def delete(self, lease: Lease) -> bool:
        """Remove a lease; see `StreamLeases`."""
        if self._leases.get(lease.key) != lease:
            return False
        del self._leases[lease.key]
        return True
