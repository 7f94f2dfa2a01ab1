"""Leases in a file of SQLite, for several processes on one machine.

The file holds the leases of any number of groups. Every change is one transaction that
takes the write lock first; SQLite is asked on a thread of its own, so that waiting for
the lock holds up nothing else.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from headwater.client.calls.errors import ClientError, ConnectionFailed
from headwater.client.leases.lease import Lease, LeaseChange
from headwater.client.leases.store import StateError

Answer = TypeVar("Answer")

LOCK_TIMEOUT_S = 5.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS lease (
    worker_group TEXT NOT NULL, key TEXT NOT NULL, lease TEXT NOT NULL,
    PRIMARY KEY (worker_group, key)
) WITHOUT ROWID
"""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Lease).decode


class SQLiteState:
    """Leases of one stream and one group of workers in a file."""

    def __init__(self, path: str | Path, *, group: str = "default") -> None:
        """`path` is created with the first lease, but not its folder. `group` names who shares leases."""
        self._path = Path(path)
        self._group = group
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file. Raises `StateError` when it cannot be, `ConnectionFailed` while it is locked."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="headwater-sqlite")
        try:
            await self._on_thread(self._open)
        except ClientError:  # whoever tries again begins anew
            await self.close()
            raise

    async def close(self) -> None:
        """Close the file."""
        if self._thread is not None:
            await self._on_thread(self._close)
            self._thread.shutdown()
            self._thread = None

    async def leases(self) -> list[Lease]:
        """All leases."""
        return await self._on_thread(self._leases)

    async def lease(self, key: str) -> Lease | None:
        """One lease; see `LeaseState`."""
        return await self._on_thread(self._lease, key)

    async def create(self, lease: Lease) -> bool:
        """Add a lease; see `LeaseState`."""
        return await self._on_thread(self._create, lease)

    async def change(self, change: LeaseChange) -> Lease | None:
        """Apply a change; see `LeaseState`."""
        return await self._on_thread(self._change, change)

    async def delete(self, lease: Lease) -> bool:
        """Remove a lease; see `LeaseState`."""
        return await self._on_thread(self._delete, lease)

    async def _on_thread(self, work: Callable[..., Answer], *arguments: Any) -> Answer:
        if self._thread is None:
            raise StateError("the state is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise ConnectionFailed(f"{self._path} is locked by another process") from error
            raise StateError(f"{self._path}: {error}") from error
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            raise StateError(f"{self._path}: {error}") from error

    @property
    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StateError("the state is not open")
        return self._connection

    def _open(self) -> None:
        self._connection = sqlite3.connect(
            self._path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(SCHEMA)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _leases(self) -> list[Lease]:
        rows = self._open_connection.execute("SELECT lease FROM lease WHERE worker_group = ?", (self._group,))
        return [_decode(text) for (text,) in rows]

    def _lease(self, key: str) -> Lease | None:
        found = self._open_connection.execute(
            "SELECT lease FROM lease WHERE worker_group = ? AND key = ?", (self._group, key)
        ).fetchone()
        return None if found is None else _decode(found[0])

    def _create(self, lease: Lease) -> bool:
        made = self._open_connection.execute(
            "INSERT OR IGNORE INTO lease VALUES (?, ?, ?)", (self._group, lease.key, _encode(lease).decode())
        )
        return made.rowcount == 1

    def _change(self, change: LeaseChange) -> Lease | None:
        with self._open_connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            lease = self._lease(change.key)
            if lease is None or not change.is_allowed(lease):
                return None
            changed = change.applied(lease)
            connection.execute(
                "UPDATE lease SET lease = ? WHERE worker_group = ? AND key = ?",
                (_encode(changed).decode(), self._group, change.key),
            )
            return changed

    def _delete(self, lease: Lease) -> bool:
        gone = self._open_connection.execute(
            "DELETE FROM lease WHERE worker_group = ? AND key = ? AND lease = ?",
            (self._group, lease.key, _encode(lease).decode()),
        )
        return gone.rowcount == 1
