"""The store of a server without a data directory: its file is for room, not for safety.

Nobody opens the file of a temporary store again, so what is in it is no safer than what is in memory. Small
appends are therefore taken at once and gathered, and written when there are many of them or somebody wants
to read them: one commit in place of hundreds.

Rules:
- an append that is gathered has its place for good when the call returns, and is in its log's `extent`;
- every other call finds the file as if each append had been written when it was made;
- a log's watchers hear of what is gathered at the end of the turn. Who reads what was appended last to a log
  that is watched, as they do, has it without a commit; all else is written first, and read from the file;
- what cannot be written stays, and is written when there is room; until then no further append is taken.
  Changes that do not depend on it are made: those of other logs and of metadata, and what gives space back;
- records have no checksum: it would find what a disk did to them while nobody looked. A backup adds it;
- large appends, and those that come while other calls wait or are told, go the way of `LmdbStore`.

Refuses to know what a commit consists of, and what makes one fail.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from headwater.model.completion import Completion, Resolved
from headwater.storage.interface import (
    Change,
    Entry,
    Extent,
    LogPage,
    Outcome,
    Post,
    StoreUnavailable,
)
from headwater.storage.lmdb.group import Group
from headwater.storage.lmdb.store import MAP_BYTES, LmdbStore

if TYPE_CHECKING:
    from headwater.storage.lmdb.backup_copy import BackupCopy

T = TypeVar("T")

LARGE_BYTES = 128 * 1024
"""An append of so much payload is not gathered: a commit costs less than it does."""
GATHERED_BYTES = 256 * 1024
"""With so much payload what is gathered is written at the end of the turn."""


class TemporaryStore(LmdbStore):
    """See `interface.Store`, and the module's text for what is different here."""

    _has_checksums = False

    def __init__(
        self,
        folder: Path,
        post: Post,
        *,
        map_bytes: int = MAP_BYTES,
        on_close: Callable[[], None],
        log_error: Callable[[str], None],
        post_from_thread: Post | None = None,
    ) -> None:
        """As `LmdbStore`. Raises `StoreUnreadable`."""
        self._gathered: Group | None = None
        """The appends that are to be written."""
        self._write_is_posted = False
        self._tell_is_posted = False
        self._is_stuck = False
        """They could not be written the last time."""
        self._is_telling = False
        """An append that is made now comes after all that is about to be told."""
        super().__init__(
            folder,
            post,
            synced=False,
            map_bytes=map_bytes,
            on_close=on_close,
            log_error=log_error,
            post_from_thread=post_from_thread,
        )

    def append(self, entries: Sequence[Entry], _waited_s: float = 0.0) -> Completion[list[Outcome]]:
        """See `Store.append`; what is gathered has its place when this returns."""
        size = 0
        for _, _, payloads in entries:
            size += len(payloads[0]) if len(payloads) == 1 else sum(map(len, payloads))
        if (
            size >= LARGE_BYTES
            or self._pending
            or self._is_telling
            or self._is_stuck
            or self._refusal is not None
        ):
            return self._after_gathered(partial(super().append, entries))
        gathered = self._gathered
        if gathered is None:
            gathered = self._gathered = Group(
                self._extents, self._metadata, has_checksums=self._has_checksums
            )
        outcomes = [gathered.append_entry(*entries[0])] if len(entries) == 1 else gathered.append(entries)
        watched = self._watchers.watched
        if gathered.payload_bytes >= GATHERED_BYTES:
            self._write_soon()
        elif watched and not self._tell_is_posted and not watched.keys().isdisjoint(gathered.touched):
            self._tell_is_posted = True
            self._post(self._tell_posted)
        return Resolved(outcomes)

    def commit(self, change: Change) -> Completion[int]:
        """See `Store.commit`. Raises `ValueError` for a key over 511 bytes, or empty."""
        logs = {*change.create_logs, *change.seal_logs}
        return self._after_gathered(partial(super().commit, change), logs)

    def trim(self, log_id: int, position: int) -> Completion[None]:
        """Forget the records before `position`."""
        return self._after_gathered(partial(super().trim, log_id, position), ())

    def extent(self, log_id: int) -> Extent | None:
        """The present extent of the log."""
        extent = super().extent(log_id)
        return extent if self._gathered is None else self._gathered.extents.get(log_id, extent)

    async def read(self, log_id: int, position: int, max_records: int, max_bytes: int) -> LogPage | None:
        """Records from `position` on. Never suspends. Raises StoreUnavailable."""
        if self._gathered is not None and log_id in self._gathered.extents:
            if log_id in self._watchers.watched and not self._is_stuck:
                page = self._gathered.latest_page(log_id, position, max_records, max_bytes)
                if page is not None:
                    return page
            self._write_before_reading(log_id, position)
        return await super().read(log_id, position, max_records, max_bytes)

    def _write_before_reading(self, log_id: int, position: int) -> None:
        """What is in the file already can be read even if it takes no more."""
        try:
            self._write_before_call()
        except StoreUnavailable:
            extent = super().extent(log_id)
            if extent is None or position >= extent.next:
                raise

    async def find(self, log_id: int, time_ms: int) -> int:
        """Position of the first kept record that arrived at `time_ms` or later. Never suspends.

        Raises StoreUnavailable.
        """
        if self._gathered is not None and log_id in self._gathered.extents:
            self._write_before_call()
        return await super().find(log_id, time_ms)

    def check(self) -> list[str]:
        """Every broken promise found. Reads every record. Raises StoreUnavailable."""
        self._write_before_call()
        return super().check()

    def begin_copy(self) -> BackupCopy:
        """A copy of all that was appended and committed by now. Raises StoreUnavailable."""
        self._write_before_call()
        return super().begin_copy()

    def close(self) -> None:
        """Finish what was called before, release the file; later calls fail."""
        with suppress(StoreUnavailable):  # nobody will ask for it
            self._write_before_call()
        super().close()

    def _give_up(self, reason: str) -> None:
        self._forget_gathered()
        super()._give_up(reason)

    def _take_over(self, group: Group) -> None:
        super()._take_over(group)
        if self._gathered is not None and group is not self._gathered:
            self._gathered.follow(group.extents)

    def _tell(self) -> None:
        self._is_telling = True
        try:
            super()._tell()
        finally:
            self._is_telling = False

    def _after_gathered(
        self, call: Callable[[], Completion[T]], depends_on: Collection[int] | None = None
    ) -> Completion[T]:
        """Make a call that finds written what was gathered.

        Where that cannot be written a call fails if it depends on it: on that of some logs, or on all.
        """
        try:
            self._write_before_call()
        except StoreUnavailable as error:
            gathered = self._gathered.extents.keys() if self._gathered else ()
            if self._refusal is None and (depends_on is None or not set(depends_on).isdisjoint(gathered)):
                failed: Completion[T] = Completion()
                self._post(partial(failed.fail, error))
                return failed
        return call()

    def _tell_posted(self) -> None:
        """Tell the watchers of what is gathered; a commit tells them of the rest."""
        self._tell_is_posted = False
        if self._gathered is not None:
            self._news.append(self._watchers.calls(tuple(self._gathered.touched)))
            self._gathered.touched.clear()
        self._tell()

    def _write_soon(self) -> None:
        if not self._write_is_posted:
            self._write_is_posted = True
            self._post(self._write_posted)

    def _write_posted(self) -> None:
        self._write_is_posted = False
        with suppress(StoreUnavailable):  # who comes next tries again, and is told
            self._write()
        self._tell()

    def _write_before_call(self) -> None:
        """The same inside a call, in which nobody is told of anything. Raises StoreUnavailable."""
        if self._gathered is not None:
            self._post(self._tell)
            self._write()

    def _write(self) -> None:
        """Commit what is gathered. Raises StoreUnavailable; it stays gathered then."""
        gathered = self._gathered
        if gathered is None:
            return
        if not (self._is_stuck and self._has_landed(gathered)):
            if self._refusal is not None:
                raise StoreUnavailable(self._refusal)
            self._is_stuck = True
            error = self._commit_now(gathered)
            self._finish(gathered, error)
            if error is not None:
                raise StoreUnavailable(f"Nothing was stored: {error}")
        self._forget_gathered()

    def _has_landed(self, gathered: Group) -> bool:
        """Whether a commit that seemed to fail is found in the file, which was opened again: all of it is."""
        return all(self._extents.get(log_id) == extent for log_id, extent in gathered.extents.items())

    def _forget_gathered(self) -> None:
        self._gathered = None
        self._is_stuck = False
