"""Random histories: the LMDB store, reopened at any moment, answers as the memory store does."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from headwater.model.completion import Completion
from headwater.storage.interface import Change, Store
from headwater.storage.lmdb import reclaiming
from headwater.storage.lmdb.store import LmdbStore
from headwater.storage.memory_store import MemoryStore
from tests.storage.inbox import Inbox
from tests.storage.records import entry, records

log_ids = st.integers(0, 6)
keys = st.sampled_from(["a", "b", "c"])
sizes = st.sampled_from([0, 1, 50, 3000, 40_000])


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.inbox = Inbox()
        self.folder = Path(tempfile.mkdtemp(prefix="histories-"))
        self.synced = False
        self.memory: Store = MemoryStore(self.inbox)
        self.now_ms = 1000
        self.serial = 0
        self.ever_created: set[int] = set()
        self.waiting: list[tuple[Completion[Any], Completion[Any]]] = []
        self.step_before = reclaiming.BLOCKS_PER_STEP
        reclaiming.BLOCKS_PER_STEP = 3

    @initialize(synced=st.booleans())
    def open(self, synced: bool) -> None:
        self.synced = synced
        self.lmdb = LmdbStore(self.folder, self.inbox, synced=synced, map_bytes=64 * 4096)

    @rule(
        sent=st.lists(
            st.tuples(log_ids, st.integers(0, 3), st.lists(sizes, min_size=1, max_size=4)), max_size=8
        )
    )
    def append(self, sent: list[tuple[int, int, list[int]]]) -> None:
        entries = []
        for log_id, later_ms, record_sizes in sent:
            self.now_ms += later_ms
            payloads = []
            for size in record_sizes:
                self.serial += 1
                payloads.append(str(self.serial).encode().ljust(size, b"."))
            entries.append(entry(log_id, self.now_ms, *payloads))
        self.waiting.append((self.memory.append(entries), self.lmdb.append(entries)))

    @rule(
        writes=st.dictionaries(keys, st.none() | st.binary(max_size=5), max_size=2),
        expected=st.dictionaries(keys, st.integers(0, 2), max_size=1),
        create=st.lists(log_ids, max_size=3),
        seal=st.lists(log_ids, max_size=1),
        delete=st.lists(log_ids, max_size=1),
    )
    def commit(
        self,
        writes: dict[str, bytes | None],
        expected: dict[str, int],
        create: list[int],
        seal: list[int],
        delete: list[int],
    ) -> None:
        new = [log_id for log_id in create if log_id not in self.ever_created]
        self.ever_created.update(new)
        if new:
            expected = {}
        change = Change(writes, expected, new, seal, delete)
        self.waiting.append((self.memory.commit(change), self.lmdb.commit(change)))

    @rule(log_id=log_ids, position=st.integers(0, 40))
    def trim(self, log_id: int, position: int) -> None:
        self.waiting.append((self.memory.trim(log_id, position), self.lmdb.trim(log_id, position)))

    @rule()
    def wait(self) -> None:
        for memory, lmdb in self.waiting:
            assert self.inbox.run(memory) == self.inbox.run(lmdb)
        self.waiting.clear()
        assert self.lmdb.metadata() == self.memory.metadata()
        assert self.lmdb.check() == self.memory.check() == []

    @rule()
    def reopen(self) -> None:
        self.lmdb.close()
        self.wait_for_closed()
        self.lmdb = LmdbStore(self.folder, self.inbox, synced=self.synced, map_bytes=64 * 4096)
        assert self.lmdb.metadata() == self.memory.metadata()
        assert self.lmdb.check() == []

    @rule(
        log_id=log_ids,
        position=st.integers(0, 50),
        max_records=st.integers(0, 30),
        max_bytes=st.integers(0, 9000),
        back_ms=st.integers(-2, 60),
    )
    def read(self, log_id: int, position: int, max_records: int, max_bytes: int, back_ms: int) -> None:
        self.wait()
        bounds = (log_id, position, max_records, max_bytes)
        read = records(self.inbox.run(self.lmdb.read(*bounds)))
        assert read == records(self.inbox.run(self.memory.read(*bounds)))
        time_ms = max(0, self.now_ms - back_ms)
        found = self.inbox.run(self.lmdb.find(log_id, time_ms))
        assert found == self.inbox.run(self.memory.find(log_id, time_ms))

    @invariant()
    def logs_agree_when_nothing_waits(self) -> None:
        if not self.waiting:
            for log_id in range(7):
                assert self.lmdb.extent(log_id) == self.memory.extent(log_id)

    def wait_for_closed(self) -> None:
        for memory, lmdb in self.waiting:
            assert self.inbox.run(memory) == self.inbox.run(lmdb)
        self.waiting.clear()

    def teardown(self) -> None:
        self.lmdb.close()
        self.wait_for_closed()
        self.inbox.run_posted()
        reclaiming.BLOCKS_PER_STEP = self.step_before
        shutil.rmtree(self.folder)


TestHistories = Histories.TestCase
TestHistories.settings = settings(stateful_step_count=40, deadline=None)
