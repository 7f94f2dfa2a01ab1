"""The embedded store: one LMDB file, group commit, everything on disk when it says so.

How a call becomes a commit:
1. `append`, `commit` and `trim` wait in a list until a posted callback takes all
   of them into a `Group`, fills a transaction with it and starts its commit;
2. a synced store hands the commit to the `CommitThread`, while the next group
   gathers; an unsynced one commits at once, which costs microseconds, and of a large
   group less than to have another core copy it;
3. when the commit is done, the state in memory is replaced, the next commit is
   started, completions are resolved in order and watchers called.

Rules:
- all state belongs to the engine's thread; the commit thread sees one filled
  transaction and nothing else, so there is no lock in this file;
- a step of reclaiming is a commit of its own, between those of the groups, so
  that neither starves or spoils the other;
- after a commit that failed cleanly the store goes on: it reads, and tries later
  commits; after any other failure it reads only, until `Reopening` has succeeded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import lmdb

from headwater.model.completion import Completion
from headwater.model.cut_payloads import ReadBlock, size_in_all
from headwater.storage.interface import (
    Change,
    CommitTimes,
    Entry,
    Extent,
    LogPage,
    Metadata,
    Outcome,
    Post,
    Run,
    StoreInDoubt,
    StoreUnavailable,
    StoreUnreadable,
    metadata_key,
)
from headwater.storage.lmdb import data_file
from headwater.storage.lmdb.commit_thread import CommitThread, try_commit
from headwater.storage.lmdb.file import LmdbFile, MapCannotGrow
from headwater.storage.lmdb.group import Group
from headwater.storage.lmdb.loaded import load
from headwater.storage.lmdb.reclaiming import ReclaimStep
from headwater.storage.lmdb.record_format import (
    GAP,
    block_head,
    payloads_of,
    record_key,
    split_record_key,
)
from headwater.storage.lmdb.reopening import Reopening, is_clean
from headwater.storage.watchers import Watchers, deliver

if TYPE_CHECKING:
    from headwater.storage.lmdb.backup_copy import BackupCopy

K = TypeVar("K")

MAP_BYTES = 256 * 1024 * 1024
"""Room for data at first; it doubles by itself."""
GROUP_BYTES = 32 * 1024 * 1024
"""A group takes no further calls once it has this much payload."""

HELD_BYTES = 16 * 1024
"""A smaller block takes no longer to read again than to look up."""

_WriteError: TypeAlias = lmdb.Error | MapCannotGrow | MemoryError
_WRITE_ERRORS = (lmdb.Error, MapCannotGrow, MemoryError)
_READ_ERRORS = (lmdb.Error, struct.error)
"""The latter for a block that is none."""


def _nothing() -> None:
    pass


def _unheard(_text: str) -> None:
    pass


class LmdbStore:
    """See `interface.Store`."""

    is_shared = False
    trims_itself = False
    _has_checksums = True
    """The blocks of its file have."""

    def __init__(
        self,
        folder: Path,
        post: Post,
        *,
        synced: bool,
        map_bytes: int = MAP_BYTES,
        on_close: Callable[[], None] = _nothing,
        log_error: Callable[[str], None] = _unheard,
        post_from_thread: Post | None = None,
    ) -> None:
        """Open the data file in `folder`, making an empty one if there is none.

        The caller answers for it that the folder belongs to no other process, and
        that a data file in it was recognised. `on_close` runs when the file is
        closed. Raises `StoreUnreadable`.
        """
        if not (folder / data_file.DATA_FILE).exists():
            data_file.create(folder, synced=synced)
        self._file = LmdbFile(folder, synced=synced, map_bytes=map_bytes)
        try:
            self._state = load(self._file)
        except BaseException:
            self._file.close()
            raise
        self._metadata, self._extents, self._backlog = self._state
        self.commit_times = CommitTimes()
        self._post = post
        self._on_close = on_close
        self._log_error = log_error
        self._unavailable: str | None = None
        """Why every call fails, if so."""
        self._refusal: str | None = None
        """Why every change fails, if so."""
        self._held: WeakValueDictionary[bytes, ReadBlock] = WeakValueDictionary()
        """Blocks that were read, by their keys, as long as somebody has records of them."""
        self._reopening = Reopening(self._file.path, post_from_thread or post, self._reopen)
        self._watchers = Watchers()
        self._metadata_watchers: list[Callable[[Collection[str]], None]] = []
        self._pending: list[tuple[Callable[[Group, Any], Any], Any, Completion[Any]]] = []
        self._start_is_posted = False
        self._under_way: Group | ReclaimStep | None = None
        """What the commit thread is busy with."""
        self._copies = 0
        """How many are being taken: they need what is trimmed and deleted meanwhile."""
        self._may_reclaim = True
        """Not while calls wait that came before, nor right after a step has failed."""
        self._news: list[Iterator[Callable[[], None]]] = []
        self._latest: Group | None = None
        """What was committed last, while watchers are told of it: they read it at once."""
        self._thread = CommitThread(post, self.commit_times) if synced else None
        if self._backlog:
            self._post_start()

    def metadata(self) -> dict[str, Metadata]:
        """Every committed key."""
        self._require_available()
        return dict(self._metadata)

    def metadata_of(self, key: str) -> Metadata | None:
        """One committed key."""
        self._require_available()
        return self._metadata.get(key)

    async def catch_up(self) -> None:
        """Nobody else changes anything."""

    def behind_s(self) -> float:
        """It is always known."""
        return 0.0

    def extent(self, log_id: int) -> Extent | None:
        """The present extent of the log."""
        self._require_available()
        return self._extents.get(log_id)

    async def find_extents(self, log_ids: Sequence[int]) -> list[Extent | None]:
        """The present extents of logs, in the order of `log_ids`. Never suspends."""
        return [self.extent(log_id) for log_id in log_ids]

    def append(self, entries: Sequence[Entry], _waited_s: float = 0.0) -> Completion[list[Outcome]]:
        """Append in one commit; where each entry begins, or `None` where the log is sealed or gone."""
        return self._enqueue(Group.append, tuple(entries))

    def commit(self, change: Change) -> Completion[int]:
        """Apply a change, or nothing of it. Raises `ValueError` for a key over 511 bytes, or empty."""
        for key in change.writes:
            metadata_key(key)
        return self._enqueue(Group.commit, change)

    def trim(self, log_id: int, position: int) -> Completion[None]:
        """Forget the records before `position`."""
        return self._enqueue(Group.trim, (log_id, position))

    async def read(self, log_id: int, position: int, max_records: int, max_bytes: int) -> LogPage | None:
        """Records from `position` on. Never suspends. Raises StoreUnavailable."""
        self._require_available()
        extent = self._extents.get(log_id)
        if extent is None:
            return None
        position = max(position, extent.first)
        if self._latest is not None and log_id in self._watchers.watched:
            page = self._latest.latest_page(log_id, position, max_records, max_bytes)
            if page is not None:
                return page
        end = min(position + max_records, extent.next)
        runs = self._read_runs(log_id, position, end, extent.next, max_bytes) if position < end else []
        return LogPage(runs, extent.first, extent.next)

    def _read_runs(self, log_id: int, position: int, end: int, log_end: int, max_bytes: int) -> list[Run]:
        """The records of a log between two positions, as many as fit into the bytes, one at least.

        `log_end` is where the log ends now. Raises StoreUnavailable.
        """
        if self._under_way is None and self._refusal is None:
            self._forget_touched()
        runs: list[Run] = []
        try:
            # 1. Find the block of the first record, and go from block to block.
            cursor = self._file.snapshot().cursor(self._file.tables.records)
            start = _find_block(cursor, log_id, position)
            for key in cursor.iternext(values=False):
                block = self._held.get(key) or self._read_block(key, cursor)
                # 2. Pass over positions without a record.
                _, count, time_ms = block_head(block.whole)
                if time_ms >= GAP:
                    end = min(log_end, end + start + count - position)
                    position = start = start + count
                    if position == log_end:
                        break
                    continue
                # 3. Take the records in range of each block, until the bytes are used up.
                payloads = payloads_of(
                    block, count, position - start, end - start, max_bytes, at_least=0 if runs else 1
                )
                if not payloads:
                    break
                runs.append(Run(position, time_ms, payloads))
                start += count
                position += len(payloads)
                max_bytes -= size_in_all(payloads)
                if position < start or position == end:
                    break
        except _READ_ERRORS as error:
            raise StoreUnavailable(f"Records could not be read: {error}") from error
        return runs

    def _read_block(self, key: bytes, cursor: lmdb.Cursor[bytes]) -> ReadBlock:
        block = ReadBlock(cursor.value())
        size = len(block.whole)
        self._file.touched(size)
        if size >= HELD_BYTES:
            self._held[key] = block
        return block

    async def find(self, log_id: int, time_ms: int) -> int:
        """Position of the first kept record that arrived at `time_ms` or later. Never suspends.

        Raises StoreUnavailable.
        """
        self._require_available()
        low, high, last_time_ms, _ = self._extents.get(log_id, (0, 0, 0, False))
        if time_ms > last_time_ms:
            return high
        try:
            cursor = self._file.snapshot().cursor(self._file.tables.records)
            while low < high:
                start = _find_block(cursor, log_id, (low + high) // 2)
                _, count, arrival_ms = block_head(cursor.value())
                if arrival_ms & ~GAP < time_ms:
                    low = start + count
                else:
                    high = max(low, start)
        except _READ_ERRORS as error:
            raise StoreUnavailable(f"Records could not be read: {error}") from error
        return low

    def watch(self, log_id: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each commit that appended to, sealed or deleted the log."""
        self._require_available()
        return self._watchers.add(log_id, callback)

    def watch_metadata(self, callback: Callable[[Collection[str]], None]) -> None:
        """Call `callback` when keys are found changed after the file was opened again."""
        self._metadata_watchers.append(callback)

    def check(self) -> list[str]:
        """Every broken promise found. Reads every record."""
        self._require_available()
        from headwater.storage.lmdb import check as lmdb_check  # noqa: PLC0415 - as asked for

        return lmdb_check.check(self._file, self._state, has_checksums=self._has_checksums)

    def begin_copy(self) -> BackupCopy:
        """A copy of what is committed now; no space is given back until it is closed."""
        self._require_available()
        self._copies += 1
        from headwater.storage.lmdb.backup_copy import BackupCopy  # noqa: PLC0415 - as asked for

        return BackupCopy(
            self._file_to_read,
            self._metadata,
            self._extents,
            self._end_copy,
            has_checksums=self._has_checksums,
        )

    def _file_to_read(self) -> LmdbFile:
        self._require_available()
        if self._under_way is None and self._refusal is None:
            self._forget_touched()
        return self._file

    def _end_copy(self) -> None:
        self._copies -= 1
        if self._backlog and self._refusal is None:
            self._post_start()

    def close(self) -> None:
        """Finish what was called before, release the file; later calls fail."""
        if self._unavailable is not None:
            return
        if self._thread is not None:
            error = self._thread.stop()
            self._thread = None
            work, self._under_way = self._under_way, None
            if work is not None:
                did_not_fit = isinstance(error, lmdb.MapFullError)
                self._settle(work, self._commit_now(work) if did_not_fit else error)
        while self._pending and self._refusal is None:
            group = self._gather()
            self._settle(group, self._commit_now(group))
        if self._unavailable is None:
            self._give_up("The store is closed.")
        self._post(self._tell)

    def _require_available(self) -> None:
        if self._unavailable is not None:
            raise StoreUnavailable(self._unavailable)

    def _enqueue(self, call: Callable[[Group, Any], Any], argument: object) -> Completion[Any]:
        completion: Completion[Any] = Completion()
        if self._refusal is not None:
            self._post(partial(completion.fail, StoreUnavailable(self._refusal)))
            return completion
        self._pending.append((call, argument, completion))
        if self._under_way is None and not self._start_is_posted:
            self._post_start()
        return completion

    def _post_start(self) -> None:
        self._start_is_posted = True
        self._post(self._start_posted)

    def _start_posted(self) -> None:
        self._start_is_posted = False
        if self._refusal is None and self._under_way is None:
            self._start_next()
            self._tell()

    def _start_next(self) -> None:
        """Begin the next commit, if there is anything to do. An unsynced store also finishes it."""
        work: Group | ReclaimStep
        if self._backlog and self._may_reclaim and not self._copies:
            work = ReclaimStep(self._backlog, self._extents)
        elif self._pending:
            work = self._gather()
        else:
            return
        if self._thread is None:
            self._finish(work, self._commit_now(work))
        else:
            self._hand_over(work, self._thread)

    def _gather(self) -> Group:
        """Take the calls that wait into a group, up to its size."""
        group = Group(self._extents, self._metadata, has_checksums=self._has_checksums)
        taken = 0
        for call, argument, completion in self._pending:
            group.results.append((completion, call(group, argument)))
            taken += 1
            if group.payload_bytes >= GROUP_BYTES:
                break
        del self._pending[:taken]
        return group

    def _commit_now(self, work: Group | ReclaimStep) -> _WriteError | None:
        """Write the work, with a larger map if need be. Returns the error that prevented it."""
        while True:
            try:
                error = try_commit(self._file.fill(work), self.commit_times)
                if not isinstance(error, lmdb.MapFullError):
                    return error
                self._file.grow()
            except _WRITE_ERRORS as error:
                return error

    def _hand_over(self, work: Group | ReclaimStep, thread: CommitThread) -> None:
        try:
            transaction = self._file.fill(work)
            self._file.snapshot()
        except _WRITE_ERRORS as error:
            self._finish(work, error)
        else:
            self._under_way = work
            thread.commit(transaction, partial(self._commit_ended, work))

    def _commit_ended(self, work: Group | ReclaimStep, error: lmdb.Error | None) -> None:
        if self._under_way is not work or self._thread is None:
            return  # close() was there first
        self._under_way = None
        if isinstance(error, lmdb.MapFullError):
            self._grow_and_hand_over(work, self._thread)
        else:
            self._finish(work, error)
        self._tell()

    def _grow_and_hand_over(self, work: Group | ReclaimStep, thread: CommitThread) -> None:
        try:
            self._file.grow()
        except MapCannotGrow as error:
            self._finish(work, error)
        else:
            self._hand_over(work, thread)

    def _finish(self, work: Group | ReclaimStep, error: _WriteError | None) -> None:
        self._settle(work, error)
        if self._refusal is not None:
            return
        if self._thread is not None:
            self._start_next()
        elif self._pending or (self._backlog and self._may_reclaim and not self._copies):
            self._post_start()

    def _settle(self, work: Group | ReclaimStep, error: _WriteError | None) -> None:
        """Take over what was committed, or drop what was not, and collect the calls to answer."""
        # 1. A failure that may have left something on the disk suspends the store.
        if error is not None and not self._is_clean(error):
            self._suspend(work, error)
            return
        # 2. Otherwise readers may see what is committed now.
        self._file.end_snapshot()
        if isinstance(work, ReclaimStep):
            self._may_reclaim = error is None and not self._pending
            if error is None:
                for log_id in work.finished:
                    del self._backlog[log_id]
        else:
            self._may_reclaim = True
            if error is None:
                self._take_over(work)
                self._news.append(self._successes(work))
            else:
                reason = "out of memory" if isinstance(error, MemoryError) else error
                self._fail([completion for completion, _ in work.results], f"Nothing was stored: {reason}")
        # 3. A map that cannot grow ends writing for good.
        if isinstance(error, MapCannotGrow):
            self._abandon(str(error))

    def _is_clean(self, error: _WriteError) -> bool:
        """Whether nothing of the work is on disk; a file that is closed anyway need not be asked."""
        return isinstance(error, MapCannotGrow) or (is_clean(error) and not self._file.is_given_up())

    def _suspend(self, work: Group | ReclaimStep, error: _WriteError) -> None:
        """Refuse changes until the file was opened again. Readers keep their snapshot."""
        self._refusal = f"The disk has failed ({error}), and the data file is not open again yet."
        if isinstance(work, Group):
            for completion, _ in work.results:
                doubt = StoreInDoubt(f"The disk failed: it is not known what was stored: {error}")
                self._news.append(iter([partial(completion.fail, doubt)]))
        self._fail([completion for _, _, completion in self._pending], self._refusal)
        self._pending.clear()
        delay_s = self._reopening.schedule()
        self._log_error(f"{self._file.path}: {error}; no writes until it is opened again, in {delay_s} s")

    def _reopen(self, disk_error: OSError | None) -> None:
        """Open the file again, and take what is in it for what was committed."""
        if self._unavailable is not None:
            return
        try:
            if disk_error is not None:
                raise disk_error
            self._held.clear()  # the file may have less now, and other records in that place
            self._file.reopen()
            found = load(self._file)
            self._prove()
        except (OSError, StoreUnreadable, *_WRITE_ERRORS) as error:
            delay_s = self._reopening.schedule()
            self._log_error(f"{self._file.path} cannot be opened again: {error}; next attempt in {delay_s} s")
            return
        before, self._state = self._state, found
        self._metadata, self._extents, self._backlog = found
        self._reopening.succeeded()
        self._refusal = None
        self._may_reclaim = True
        self._log_error(f"{self._file.path} was opened again: it takes writes")
        keys = _changed(before.metadata, found.metadata)
        if keys:
            self._news.append(partial(watcher, keys) for watcher in self._metadata_watchers)
        self._news.append(self._watchers.calls(_changed(before.extents, found.extents)))
        self._tell()
        if self._backlog:
            self._post_start()

    def _prove(self) -> None:
        """Raise what keeps the disk from taking a commit, unless it is only full."""
        try:
            self._file.prove()
        except _WRITE_ERRORS as error:
            if not self._is_clean(error):
                raise

    def _take_over(self, group: Group) -> None:
        self._latest = group
        self._file.touched(group.payload_bytes)
        for log_id, extent in group.extents.items():
            if extent is not None:
                self._extents[log_id] = extent
            else:
                self._extents.pop(log_id, None)
                self._backlog[log_id] = None
        for log_id in group.trimmed:
            self._backlog[log_id] = None
        for key, metadata in group.metadata.items():
            if metadata is not None:
                self._metadata[key] = metadata
            else:
                self._metadata.pop(key, None)

    def _successes(self, group: Group) -> Iterator[Callable[[], None]]:
        for completion, value in group.results:
            yield partial(completion.resolve, value)
        yield from self._watchers.calls(group.touched)

    def _forget_touched(self) -> None:
        try:
            self._file.forget_touched()
        except MapCannotGrow as error:
            self._abandon(str(error))
            self._post(self._tell)
            raise StoreUnavailable(str(error)) from error

    def _fail(self, completions: Sequence[Completion[Any]], reason: str) -> None:
        self._news.append(iter([partial(c.fail, StoreUnavailable(reason)) for c in completions]))

    def _tell(self) -> None:
        news, self._news = self._news, []
        deliver(chain.from_iterable(news), self._post)
        self._latest = None

    def _abandon(self, reason: str) -> None:
        """Fail what waits, too, and give up."""
        self._fail([completion for _, _, completion in self._pending], reason)
        self._pending.clear()
        self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        """Release the file; every later call fails with `reason`."""
        self._unavailable = self._refusal = reason
        self._reopening.cancel()
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
        self._file.close()
        self._on_close()


def _changed(before: Mapping[K, object], after: Mapping[K, object]) -> list[K]:
    return [key for key in {**before, **after} if before.get(key) != after.get(key)]


def _find_block(cursor: lmdb.Cursor[bytes], log_id: int, position: int) -> int:
    """Move to the block that holds a position; returns where it starts."""
    key = record_key(log_id, position)
    found = cursor.set_range(key)
    if not (found and cursor.key() == key):
        found = cursor.prev() if found else cursor.last()
    block_log_id: int
    start: int
    block_log_id, start = split_record_key(cursor.key()) if found else (-1, 0)
    if block_log_id != log_id or position >= start + block_head(cursor.value()).size:
        raise StoreUnavailable(f"Log {log_id} is damaged: position {position} is missing.")
    return start
