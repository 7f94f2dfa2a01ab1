"""A lease store in a file of SQLite, for several processes on one machine.

The file holds the leases of any number of streams and groups. Every change is one
transaction that takes the write lock first; SQLite is asked on a thread of its own, so
that waiting for the lock holds up nothing else.

An older layout had no stream in it. Its leases are taken over one by one, by the first
stream that they fit (`stream_identity`); what fits none stays where it is.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from headwater.client.calls.errors import ConnectionFailed
from headwater.client.leases.lease import Lease, LeaseChange
from headwater.client.leases.store import StateError
from headwater.client.leases.stream_identity import ListShards, StreamIdentity, contradiction

_log = logging.getLogger("headwater.client")

Answer = TypeVar("Answer")

LOCK_TIMEOUT_S = 5.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS stream_lease (
    stream TEXT NOT NULL, worker_group TEXT NOT NULL, key TEXT NOT NULL, lease TEXT NOT NULL,
    PRIMARY KEY (stream, worker_group, key)
) WITHOUT ROWID
"""
HAS_OLD_TABLE = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'lease'"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Lease).decode


def _read(text: str) -> Lease:
    try:
        return _decode(text)
    except msgspec.DecodeError as error:
        raise StateError(f"a lease cannot be read: {error}") from error


class SQLiteState:
    """A lease store in a file of SQLite, for one group of workers."""

    def __init__(self, path: str | Path, *, group: str = "default") -> None:
        """`path` is created with the first lease; its folder must exist. `group` names the workers."""
        self._path = Path(path)
        self._group = group

    async def open(self, stream: StreamIdentity, list_shards: ListShards) -> SQLiteLeases:
        """The leases of one stream; see `LeaseStore`.

        Raises `StateError` when the file cannot be opened, `ConnectionFailed` while it is locked.
        """
        leases = SQLiteLeases(self._path, stream.key, self._group)
        try:
            await leases.open(list_shards)
        except BaseException:  # whoever tries again begins anew
            await leases.close()
            raise
        return leases


class SQLiteLeases:
    """The leases of one stream and one group of workers: a `StreamLeases`."""

    def __init__(self, path: Path, stream: str, group: str) -> None:
        """The leases in a file that `open` opens."""
        self._path = path
        self._at = (stream, group)
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self, list_shards: ListShards) -> None:
        """Open the file, and take over leases without a stream. Raises `ClientError`."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="headwater-sqlite")
        old = await self._on_thread(self._open)
        if old:
            shards = {shard.shard_id: shard for shard in await list_shards()}
            fitting = {
                key: text
                for key, text in old.items()
                if key in shards and contradiction(_read(text), shards) is None
            }
            count = await self._on_thread(self._take_over, fitting)
            _log.info("%s has taken over %d leases that named no stream", self._at[0], count)

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
        """One lease; see `StreamLeases`."""
        return await self._on_thread(self._lease, key)

    async def create(self, lease: Lease) -> bool:
        """Add a lease; see `StreamLeases`."""
        return await self._on_thread(self._create, lease)

    async def change(self, change: LeaseChange) -> Lease | None:
        """Apply a change; see `StreamLeases`."""
        return await self._on_thread(self._change, change)

    async def delete(self, lease: Lease) -> bool:
        """Remove a lease; see `StreamLeases`."""
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

    def _open(self) -> dict[str, str]:
        """The leases of this group in the older layout, by their keys."""
        self._connection = sqlite3.connect(
            self._path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        with self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(SCHEMA)
            if connection.execute(HAS_OLD_TABLE).fetchone() is None:
                return {}
            rows = connection.execute("SELECT key, lease FROM lease WHERE worker_group = ?", (self._at[1],))
            return dict(rows)

    def _take_over(self, leases: dict[str, str]) -> int:
        """The number of leases moved from the older layout; changed and newer ones stay."""
        count = 0
        with self._open_connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute(HAS_OLD_TABLE).fetchone() is None:  # another worker was first
                return 0
            for key, text in leases.items():
                if self._lease(key) is None:
                    gone = connection.execute(
                        "DELETE FROM lease WHERE worker_group = ? AND key = ? AND lease = ?",
                        (self._at[1], key, text),
                    )
                    count += gone.rowcount
                    if gone.rowcount:
                        self._create(_decode(text))
            if connection.execute("SELECT 1 FROM lease LIMIT 1").fetchone() is None:
                connection.execute("DROP TABLE lease")
        return count

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _leases(self) -> list[Lease]:
        rows = self._open_connection.execute(
            "SELECT lease FROM stream_lease WHERE stream = ? AND worker_group = ?", self._at
        )
        return [_decode(text) for (text,) in rows]

    def _lease(self, key: str) -> Lease | None:
        found = self._open_connection.execute(
            "SELECT lease FROM stream_lease WHERE stream = ? AND worker_group = ? AND key = ?",
            (*self._at, key),
        ).fetchone()
        return None if found is None else _decode(found[0])

    def _create(self, lease: Lease) -> bool:
        made = self._open_connection.execute(
            "INSERT OR IGNORE INTO stream_lease VALUES (?, ?, ?, ?)",
            (*self._at, lease.key, _encode(lease).decode()),
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
                "UPDATE stream_lease SET lease = ? WHERE stream = ? AND worker_group = ? AND key = ?",
                (_encode(changed).decode(), *self._at, change.key),
            )
            return changed

    def _delete(self, lease: Lease) -> bool:
        gone = self._open_connection.execute(
            "DELETE FROM stream_lease WHERE stream = ? AND worker_group = ? AND key = ? AND lease = ?",
            (*self._at, lease.key, _encode(lease).decode()),
        )
        return gone.rowcount == 1
