"""One open LMDB file: its tables, the readers' snapshot, transactions, and a map that grows.

Rules:
- LMDB's own locks are off: the owner of the folder is the only process, one
  transaction writes at a time, and reading happens on one thread;
- readers use a snapshot, a read transaction opened after the last commit, never
  while a commit is under way, and ended when the next one is done. LMDB keeps
  the pages of the newest snapshot even without its lock table;
- no transaction is open while the map grows or is made anew;
- every page that was touched counts as the process's memory until the map is made
  anew, though it is the system's cache: so that is done now and then.

Refuses to know what is read and written, and when.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeAlias

import lmdb
import msgspec

from headwater.storage.interface import StoreUnreadable
from headwater.storage.lmdb.data_file import DATA_FILE, MAX_DATABASES, add_checksums, fill_tail, recognise
from headwater.storage.lmdb.record_format import FORMAT_NAME, TABLE_NAMES

Transaction: TypeAlias = "lmdb.Transaction[bytes]"
Database: TypeAlias = "lmdb._Database"  # noqa: SLF001 - the type of a handle has no public name


RESIDENT_BYTES = 48 * 1024 * 1024
"""The map is made anew when so much of it has been touched."""


class Tables(msgspec.Struct, frozen=True):
    """The handles of the named databases."""

    records: Database
    logs: Database
    metadata: Database


class PendingWrite(Protocol):
    """The content of one commit."""

    def write(self, transaction: Transaction, tables: Tables) -> None:
        """Put it into the transaction; called again with another one if it did not fit."""


class MapCannotGrow(Exception):
    """No address space is left for a larger map, and the smaller one is gone: the file must be closed."""


class LmdbFile:
    """See the module's text."""

    def __init__(self, folder: Path, *, synced: bool, map_bytes: int) -> None:
        """Open a data file that was recognised as ours. Raises `StoreUnreadable`."""
        self.path = folder / DATA_FILE
        self._snapshot: Transaction | None = None
        self._touched_bytes = 0
        self._synced = synced
        self._open(map_bytes)

    def _open(self, map_bytes: int) -> None:
        try:
            self._environment = lmdb.open(
                str(self.path),
                subdir=False,
                lock=False,
                create=False,
                max_dbs=MAX_DATABASES,
                map_size=map_bytes,
                sync=self._synced,
                metasync=self._synced,
                meminit=False,
            )
        except lmdb.Error as error:
            raise StoreUnreadable(f"{self.path} cannot be opened: {error}") from error
        try:
            fill_tail(self._environment, self.path)
            self._add_checksums()
            self.tables = Tables(*(self._environment.open_db(name, create=False) for name in TABLE_NAMES))
        except (lmdb.Error, OSError) as error:
            self._environment.close()
            raise StoreUnreadable(f"{self.path} cannot be opened: {error}") from error
        self._map_bytes: int = self._environment.info()["map_size"]

    def _add_checksums(self) -> None:
        """Bring a file of the older version up to this one, with more room if need be."""
        while True:
            try:
                add_checksums(self._environment)
            except lmdb.MapFullError:
                self._environment.set_mapsize(2 * self._environment.info()["map_size"])
            else:
                return

    def snapshot(self) -> Transaction:
        """The committed state, for reading. Kept until `end_snapshot`."""
        if self._snapshot is None:
            self._snapshot = self._environment.begin()
        return self._snapshot

    def end_snapshot(self) -> None:
        """Let the next `snapshot` see what has been committed since."""
        if self._snapshot is not None:
            self._snapshot.abort()
            self._snapshot = None

    def fill(self, work: PendingWrite) -> Transaction:
        """A transaction that holds the work. Raises `lmdb.Error`, `MapCannotGrow`."""
        self.forget_touched()
        while True:
            transaction = self._environment.begin(write=True)
            try:
                work.write(transaction, self.tables)
            except lmdb.MapFullError:
                transaction.abort()
                self.grow()
            except BaseException:
                transaction.abort()
                raise
            else:
                return transaction

    def grow(self) -> None:
        """Double the room for data. Raises `MapCannotGrow`."""
        self.end_snapshot()
        self._map(self._map_bytes * 2)

    def _map(self, size: int) -> None:
        try:
            self._environment.set_mapsize(size)
        except lmdb.Error as error:
            raise MapCannotGrow(f"No room for a map of {size} bytes: {error}") from error
        self._map_bytes = size

    def touched(self, size: int) -> None:
        """Count bytes of the map that were read, or written and will be looked at again."""
        self._touched_bytes += size

    def forget_touched(self) -> None:
        """Make the map anew if much of it was touched. Not while a commit is under way.

        Raises `MapCannotGrow`.
        """
        if self._touched_bytes >= RESIDENT_BYTES:
            self._touched_bytes = 0
            self.end_snapshot()
            self._map(self._map_bytes)

    def is_given_up(self) -> bool:
        """Whether LMDB refuses all further transactions, because it does not know what the disk has."""
        try:
            self._environment.begin().abort()
        except lmdb.Error:
            return True
        return False

    def reopen(self) -> None:
        """Close the file and open it as it is on disk. Raises `StoreUnreadable`; try again then."""
        map_bytes = self._map_bytes
        self.close()
        recognise(self.path.parent)
        self._open(map_bytes)

    def prove(self) -> None:
        """Commit what changes nothing, to see that the disk does it.

        Raises `lmdb.Error`, `MapCannotGrow`.
        """
        self.snapshot()  # readers go on with it if this fails
        about = self._environment.open_db(b"about", create=False)
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    transaction.put(b"format", FORMAT_NAME, db=about)
            except lmdb.MapFullError:
                self.grow()
            else:
                break
        self.end_snapshot()

    def close(self) -> None:
        """Release the file."""
        self.end_snapshot()
        self._environment.close()
