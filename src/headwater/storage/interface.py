"""The contract of a store: a log for each shard, and a small key-value space.

A store knows records and positions. It refuses to know Kinesis: no streams, no
statuses, no iterators. Every implementation passes the one suite in
`tests/storage/store_contract.py`. A `BackEnd` opens such a store, as one value with what belongs to it.

A store may be **shared**: several engines, each with a store of its own in front of the same data,
append to the same logs and change the same keys. What only an unshared store promises says so.

Rules that hold for every store:
- A **log** is named by a number that the engine chose and never uses again. Its
  records have growing positions, in the order in which they were stored. The records of
  one entry follow one another without a gap; between entries a shared store may leave some.
- Calls of `append` take effect in the order in which they were called, for each log,
  and so do those of `commit`; their completion resolves only after the change is as
  safe as the store promises (on disk, for a synced one). Each entry, and each change, is stored
  wholly or not at all. Reads see what is safe only.
- An unshared store makes one order of all calls, and all entries of one call are stored, or none.
- Completions resolve, and watchers run, through the `post` function that the
  store was opened with, never inside the call that started them; but a store that is no safer later than
  now may take an append at once: its completion is resolved when the call returns.
- When a commit fails for want of room every completion in it fails with
  `StoreUnavailable` and nothing of it is visible, now or after a restart. What was taken at once stays.
- What makes a call come to nothing (an append no position, a commit False) is in
  `metadata()`, and has been told to those who watch it, before the call resolves.
- When the disk itself fails, completions fail with `StoreInDoubt`, and every later
  change is refused until the store has opened its file again, which it tries by
  itself. Reads go on. What the file then holds is what was committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, NamedTuple, Protocol

import msgspec

from headwater.model.completion import Completion
from headwater.model.durations import Durations
from headwater.model.record import Payload

Post = Callable[[Callable[[], None]], None]
"""Runs a callback soon, on the thread that runs the engine. Callable from any thread."""

ANSWER_WITHIN_S = 20.0
"""So long a request waits for a shared store, for all that it asks of it together."""
IN_TIME_S = ANSWER_WITHIN_S - 0.5
"""Who has waited so long is told that it is not known what was done, so that its answer is there in time."""
FIRST_VERSION = 1
"""Of a key, in a store that one server has for itself."""
METADATA_KEY_BYTES_MAX = 511
END_MS = 2**63 - 1
"""For `find`: behind every record."""
FUNCTIONS_FOLDER = "functions"
"""In an open store's folder and no concern of the store: the code of functions."""


class StoreError(Exception):
    """Base of everything that a store raises."""


class StoreUnavailable(StoreError):
    """The change could not be made safe: disk full, I/O error, store closed. Nothing was changed."""


class StoreInDoubt(StoreUnavailable):
    """A disk or broker failed under the change: only a look at what is stored tells whether it was made."""


class StoreLocked(StoreError):
    """Another process has the data directory open."""


class StoreUnreadable(StoreError):
    """The data directory is not one of ours, of an unknown version, or damaged."""


class Entry(NamedTuple):
    """Records to append to one log, one after another: one payload each, at least one.

    `time_ms` must not be below that of an earlier record in the same log. It is a wish: a shared
    store has a clock of its own, and says what it has written.
    """

    log_id: int
    time_ms: int
    payloads: Sequence[bytes]


class Placed(NamedTuple):
    """Where an entry's first record is, and the arrival that is stored with all of them."""

    position: int
    time_ms: int


Outcome = Placed | None | StoreUnavailable
"""What became of an entry; see `Store.append`."""


class Run(NamedTuple):
    """Records read back that follow one another and arrived at the same time."""

    position: int
    """The position of the first record; the others follow it."""
    time_ms: int
    payloads: Sequence[Payload]


class LogPage(NamedTuple):
    """What was read of a log, and where the log began and ended at that moment."""

    runs: list[Run]
    """In order, none of them empty."""
    first: int
    next: int
    """Of a sealed log this is its end for good, from the seal on."""


class Extent(NamedTuple):
    """The extent of a log: positions `first` up to, not including, `next`."""

    first: int
    next: int
    last_time_ms: int
    """Arrival of the newest record ever appended, trimmed or not; 0 when none is known."""
    sealed: bool


class Change(msgspec.Struct, frozen=True):
    """A change of metadata and of the set of logs, made in one commit or not at all."""

    writes: Mapping[str, bytes | None]
    """New values by key; `None` removes the key."""
    expected: Mapping[str, int] = MappingProxyType({})
    """The version that each named key must have at the commit; 0 means: no such key."""
    create_logs: Sequence[int] = ()
    seal_logs: Sequence[int] = ()
    """Logs closed for good: a later append gets no position. Sealing twice is harmless."""
    delete_logs: Sequence[int] = ()
    """Logs gone at once for readers; their space is given back in small steps afterwards."""
    keep_ms: Mapping[int, int] = MappingProxyType({})
    """How long the records of a log are needed at least: for a store that trims by itself."""


class Metadata(NamedTuple):
    """One key's value and its version: 1 when created, one more with each write."""

    version: int
    value: bytes


def metadata_key(key: str) -> bytes:
    """The key's bytes. Raises `ValueError` for one that no store can keep."""
    packed = key.encode()
    if not 0 < len(packed) <= METADATA_KEY_BYTES_MAX:
        raise ValueError(f"a metadata key has 1 to {METADATA_KEY_BYTES_MAX} bytes, not {len(packed)}")
    return packed


class CommitTimes:
    """The commits of one store since it was opened: how long each took, and how many failed."""

    __slots__ = ("durations", "failures", "retries", "under_way", "waiting_bytes")

    def __init__(self) -> None:
        self.durations = Durations()
        """Of the write alone, with the wait for the disk where there is one; of failed ones, too."""
        self.failures = 0
        self.under_way = 0
        """Of a shared store: how many are sent, or waited for, and not answered yet."""
        self.retries = 0
        """Of a shared store: how often one was tried again."""
        self.waiting_bytes = 0
        """Of a shared store: of records that wait to be sent, or are sent and not answered for yet."""


class Store(Protocol):
    """See the module's text for the rules that hold for every method."""

    commit_times: CommitTimes
    """Every commit that was tried since the store was opened."""
    is_shared: bool
    """Whether others change the same data."""
    trims_itself: bool
    """Whether what is older than `Change.keep_ms` goes by itself, sooner or later."""

    def metadata(self) -> dict[str, Metadata]:
        """Every committed key, as far as it is known here. Called when the engine starts."""

    def metadata_of(self, key: str) -> Metadata | None:
        """One of them."""

    def catch_up(self) -> Awaitable[None]:
        """Wait until `metadata()` has every change that anybody was told of before this call."""

    def behind_s(self) -> float:
        """For how long it has not been known whether `metadata()` has everything."""

    def extent(self, log_id: int) -> Extent | None:
        """The extent of the log as far as it is known, of what was committed or taken at once.

        `None`: there is no such log.

        Of a shared log, others may have appended more since: `find`, `find_extents` and `read` know.
        """

    def find_extents(self, log_ids: Sequence[int]) -> Awaitable[list[Extent | None]]:
        """The extents of logs as of now, whoever appended, in the order of `log_ids`.

        Raises `StoreUnavailable`.
        """

    def append(self, entries: Sequence[Entry], waited_s: float = 0.0) -> Completion[list[Outcome]]:
        """Append records to any number of logs.

        `waited_s`: for how long whoever asks has waited for the same records before. A shared store is
        silent for so long only in all.

        Resolves to where each entry is; `None` where the log is sealed or gone: nothing of that
        entry was stored, the others were. In a shared store each entry can fail for itself: its
        place has the error, a `StoreInDoubt` when it may still be stored.
        """

    def commit(self, change: Change) -> Completion[int]:
        """Apply `change`, or resolve to 0 and change nothing when `expected` does not hold.

        Else it resolves to the version of the keys that it has made; each other one has its last version
        and one more. That of a key that is made anew may be any: where several servers share the data, it
        is higher than all that the key has had, so that a server that has slept does not take what is
        there for what was removed.
        """

    def read(self, log_id: int, position: int, max_records: int, max_bytes: int) -> Awaitable[LogPage | None]:
        """Records from `position` (or the first one kept) on; `None` for a log that does not exist.

        At most `max_records` of them, and at most `max_bytes` of payload, but the
        first one always: a record larger than `max_bytes` must not block its
        readers. None exactly at the end of a log.
        """

    def find(self, log_id: int, time_ms: int) -> Awaitable[int]:
        """Position of the first kept record that arrived at `time_ms` or later; else the log's next.

        The one for `END_MS` is where the next record goes, as of now, whoever appends.
        """

    def trim(self, log_id: int, position: int) -> Completion[None]:
        """Forget the records before `position` (never past the end).

        They are gone for readers once this resolves; their space is given back in
        small steps, so that a large trim never stalls the appends.
        """

    def watch(self, log_id: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each commit that appended to, sealed or deleted the log.

        Returns the function that ends the watch.
        """

    def watch_metadata(self, callback: Callable[[Collection[str]], None]) -> None:
        """Call `callback` with the keys that have changed otherwise than by a commit that resolved here.

        That is what others have changed, and what a commit has that failed with `StoreInDoubt`.
        Changes are told in the order in which they were made, those of commits by resolving these.
        """

    def check(self) -> list[str]:
        """Every broken promise found in the store, in plain words; empty when all is well."""

    def close(self) -> None:
        """Finish what was called before, release the files. Later calls fail with `StoreUnavailable`."""


class StoreCopy(Protocol):
    """A consistent copy of an open store, of the moment when it began, taken in small parts."""

    def next_part(self) -> bytes:
        """The next part; empty at the end. Raises `StoreUnavailable`."""

    def close(self) -> None:
        """No more is wanted. Harmless when called again."""


class StoreFilling(Protocol):
    """A store that nobody has used yet, while it takes what another one holds, as it is.

    The store is there once `finish` has returned; one that was given up before can be filled from the
    beginning.
    """

    async def add_log(self, log_id: int, extent: Extent, keep_ms: int, runs: AsyncIterator[Run]) -> None:
        """Take a log with its records. Several may be taken at the same time.

        `runs` are in order, and may have gaps; nobody may read a gap as a record. Raises `StoreError`.
        """

    async def finish(self, metadata: Mapping[str, Metadata]) -> None:
        """All logs are there: take the metadata, and be a store. Raises `StoreError`."""

    async def close(self) -> None:
        """No more comes. What is not finished is given up."""


class OpenedStore(msgspec.Struct, frozen=True):
    """An open store and what belongs to it. Whoever has it closes the `store`."""

    store: Store
    folder: Path
    """For what is kept beside the records, as `FUNCTIONS_FOLDER`; gone with a temporary store."""
    begin_copy: Callable[[], StoreCopy] | None
    """Begins a copy of what is committed now, for a backup; `None` where there is no such thing."""


class BackEnd(Protocol):
    """A kind of store: how one is opened, and what can be done with its data while it is closed."""

    def open(
        self,
        data_dir: Path | None,
        post: Post,
        *,
        log_error: Callable[[str], None],
        post_from_thread: Post | None,
    ) -> OpenedStore:
        """Open the store of a directory, or a temporary one; an empty one is made if there is none.

        `log_error` is told of what went wrong with the file and was no call's fault; `post_from_thread`
        takes the place of `post` on other threads. Raises `StoreLocked`, `StoreUnreadable`,
        `StoreUnavailable`.
        """

    def temporary_folder(self) -> tuple[Path, Callable[[], None]]:
        """A new folder for one server alone, gone when the process is, and what removes it before.

        To remove it again is harmless.
        """

    def has_data(self, data_dir: Path) -> bool:
        """Whether the directory has data of this kind, whole or not."""

    def require_whole_backup(self, backup: IO[bytes]) -> None:
        """Read a backup to its end. Raises `StoreUnreadable` for one that is damaged or cut short."""

    def restore(self, backup: IO[bytes], data_dir: Path) -> None:
        """Make a directory's data from a backup. Raises `StoreUnreadable`, `StoreLocked`."""

    def fill(self, data_dir: Path) -> StoreFilling:
        """Begin to make a directory's data from another store's. Raises `StoreUnreadable`."""

    def remove(self, data_dir: Path) -> None:
        """Remove a directory's data, which nobody has open, and nothing else."""
