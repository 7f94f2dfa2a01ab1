"""The calls that go into one commit, worked out before anything is written.

A group takes calls in order, each seeing the effect of those before it, and
collects what the file must be told: records, log rows, metadata. The committed
state is only read, so a group that cannot be written leaves no trace, and one
that did not fit can be written again.

Refuses to know when it is written, and what a failure means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from headwater.model.completion import Completion
from headwater.model.cut_payloads import size_in_all
from headwater.storage.interface import (
    FIRST_VERSION,
    Change,
    Entry,
    Extent,
    LogPage,
    Metadata,
    Outcome,
    Placed,
    Run,
    metadata_key,
)
from headwater.storage.lmdb.file import Tables, Transaction
from headwater.storage.lmdb.record_format import (
    DELETED_ROW,
    LogRow,
    cut_payloads,
    log_key,
    pack_block,
    pack_metadata,
    pack_row,
    record_key,
)

LATEST_RUNS = 64
"""So many are looked at for what was appended last."""

_new_tuple = tuple.__new__
"""A third of the time of `Extent(...)` and `Placed(...)`, once for each entry."""


class Group:
    """One commit in the making."""

    def __init__(
        self, extents: Mapping[int, Extent], metadata: Mapping[str, Metadata], *, has_checksums: bool
    ) -> None:
        """`has_checksums` is of its blocks."""
        self._has_checksums = has_checksums
        self._extents_before = extents
        self._metadata_before = metadata
        self._runs: dict[tuple[int, int], tuple[int, list[bytes]]] = {}
        """First position and payloads of the new records, by their log and arrival."""
        self.extents: dict[int, Extent | None] = {}
        """The logs that changed; `None` for a deleted one."""
        self.rows: set[int] = set()
        """Logs whose row must be written: those with a change other than an append."""
        self.trimmed: set[int] = set()
        """Logs with records that nobody may read any more."""
        self.metadata: dict[str, Metadata | None] = {}
        """The keys that changed; `None` for a removed one."""
        self.touched: dict[int, None] = {}
        """The logs whose watchers must hear of this commit, in order."""
        self.payload_bytes = 0
        self.results: list[tuple[Completion[Any], Any]] = []
        """What each call resolves to once the commit is safe."""

    def append(self, entries: Sequence[Entry]) -> list[Outcome]:
        """See `Store.append`."""
        return [self.append_entry(*entry) for entry in entries]

    def append_entry(self, log_id: int, time_ms: int, payloads: Sequence[bytes]) -> Outcome:
        """One entry of an append."""
        extents, run_key = self.extents, (log_id, time_ms)
        extent = extents[log_id] if log_id in extents else self._extents_before.get(log_id)
        if extent is None or extent[3]:
            return None
        first, position, _, _ = extent
        count = len(payloads)
        extents[log_id] = _new_tuple(Extent, (first, position + count, time_ms, False))
        run = self._runs.get(run_key)
        if run is None:
            self._runs[run_key] = (position, list(payloads))
        else:
            run[1].extend(payloads)
        self.touched[log_id] = None
        self.payload_bytes += len(payloads[0]) if count == 1 else sum(map(len, payloads))
        return _new_tuple(Placed, (position, time_ms))

    def follow(self, extents: Mapping[int, Extent | None]) -> None:
        """Another group was committed before this one, of appends alone: logs are gone, or begin later."""
        for log_id in self.extents.keys() & extents.keys():
            extent, now = self.extents[log_id], extents[log_id]
            if extent is not None and now is not None:
                self.extents[log_id] = extent._replace(first=now.first)
                continue
            del self.extents[log_id]
            self.touched.pop(log_id, None)
            for run_key in [run_key for run_key in self._runs if run_key[0] == log_id]:
                self.payload_bytes -= sum(map(len, self._runs.pop(run_key)[1]))

    def commit(self, change: Change) -> int:
        """See `Store.commit`."""
        for key, version in change.expected.items():
            found = self._metadata_of(key)
            if (found.version if found else 0) != version:
                return 0
        for key, value in change.writes.items():
            before = self._metadata_of(key)
            version = before.version + 1 if before else FIRST_VERSION
            self.metadata[key] = None if value is None else Metadata(version, value)
        for log_id in change.create_logs:
            if self._extent_of(log_id) is None:
                self._set_extent(log_id, Extent(0, 0, 0, sealed=False))
        for log_id in change.seal_logs:
            extent = self._extent_of(log_id)
            if extent is not None:
                self._set_extent(log_id, extent._replace(sealed=True))
                self.touched[log_id] = None
        for log_id in change.delete_logs:
            if self._extent_of(log_id) is not None:
                self._set_extent(log_id, None)
                self.touched[log_id] = None
        return FIRST_VERSION

    def trim(self, cut: tuple[int, int]) -> None:
        """See `Store.trim`; takes the log and the position."""
        log_id, position = cut
        extent = self._extent_of(log_id)
        if extent is None or position <= extent.first:
            return
        self._set_extent(log_id, extent._replace(first=min(position, extent.next)))
        self.trimmed.add(log_id)

    def write(self, transaction: Transaction, tables: Tables) -> None:
        """Put everything that has changed into a transaction."""
        if self._runs:
            transaction.cursor(tables.records).putmulti(self._blocks())
        for log_id in self.rows:
            extent = self.extents[log_id]
            row = DELETED_ROW if extent is None else LogRow(*extent, deleted=False)
            key_bytes = log_key(log_id)
            transaction.put(key_bytes, pack_row(key_bytes, row), db=tables.logs)
        for key, value in self.metadata.items():
            key_bytes = metadata_key(key)
            if value is None:
                transaction.delete(key_bytes, db=tables.metadata)
            else:
                transaction.put(key_bytes, pack_metadata(key_bytes, value), db=tables.metadata)

    def _blocks(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of the new records."""
        for (log_id, time_ms), (first_position, payloads) in self._runs.items():
            position = first_position
            for block in cut_payloads(payloads) if len(payloads) > 1 else (payloads,):
                key = record_key(log_id, position)
                yield key, pack_block(key, time_ms, block, is_checked=self._has_checksums)
                position += len(block)

    def latest_page(self, log_id: int, position: int, max_records: int, max_bytes: int) -> LogPage | None:
        """All of a log from a position on, if that was appended last and is no more than was asked for."""
        extent = self.extents.get(log_id)
        if extent is None or not extent.first <= position or extent.next - position > max_records:
            return None
        runs = self._latest_runs(log_id, position) if position < extent.next else []
        if runs is None or sum([size_in_all(run.payloads) for run in runs]) > max_bytes:
            return None
        return LogPage(runs, extent.first, extent.next)

    def _latest_runs(self, log_id: int, position: int) -> list[Run] | None:
        """The new records of a log from a position on, if they are in the latest runs."""
        found: list[Run] = []
        for (run_log_id, time_ms), (begin, payloads) in islice(reversed(self._runs.items()), LATEST_RUNS):
            if run_log_id == log_id and begin <= position:
                found.append(Run(position, time_ms, payloads[position - begin :]))
                return found[::-1]
            if run_log_id == log_id:
                found.append(Run(begin, time_ms, payloads[:]))
        return None

    def _extent_of(self, log_id: int) -> Extent | None:
        return self.extents[log_id] if log_id in self.extents else self._extents_before.get(log_id)

    def _set_extent(self, log_id: int, extent: Extent | None) -> None:
        self.extents[log_id] = extent
        self.rows.add(log_id)

    def _metadata_of(self, key: str) -> Metadata | None:
        return self.metadata[key] if key in self.metadata else self._metadata_before.get(key)
