"""What is kept of mappings, and what happens when it cannot be."""

from __future__ import annotations

from time import perf_counter

import pytest

from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.lambda_.mappings.store import WRITE_BYTES, LaneProgress, MappingStore, ShardProgress
from headwater.lambda_.mappings.tumbling_window import WindowState
from headwater.model.clock import ManualClock
from headwater.model.completion import Completion
from headwater.storage.interface import Change, StoreUnavailable
from headwater.storage.memory_store import MemoryStore
from tests.held_texts import held_texts
from tests.lambda_.written_records import mapping
from tests.storage.inbox import Inbox

UUID = mapping().uuid
AT_7 = ShardProgress((LaneProgress(7), LaneProgress(9)))


class Kept:
    """A store of mappings over an engine, and the callbacks that it posts."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.engine = Engine(MemoryStore(self.inbox), ManualClock(), Settings(), bytes, perf_counter)
        self.engine.open()
        self.failures: list[StoreUnavailable] = []
        self.store = self.opened()

    def opened(self) -> MappingStore:
        store = MappingStore(self.engine, self.failures.append, lambda *_: None)
        store.open()
        store.begin_work()
        return store

    def break_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_change: Change) -> Completion[bool]:
            refused = Completion[bool]()
            self.inbox(lambda: refused.fail(StoreUnavailable("disk full")))
            return refused

        monkeypatch.setattr(self.engine.store, "commit", refuse)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_mapping_and_its_progress_are_found_again(kept: Kept) -> None:
    kept.inbox.run(kept.store.add(mapping(), {5: AT_7}))
    again = kept.opened()
    assert again.mappings() == [mapping()]
    assert again.progress(UUID, 5) == AT_7
    assert again.known_logs(UUID) == [5]


def test_a_shard_is_as_far_as_its_slowest_lane() -> None:
    assert AT_7.position == 7


def test_progress_is_written_behind_and_the_last_value_wins(kept: Kept) -> None:
    kept.inbox.run(kept.store.add(mapping(), {}))
    for position in range(10):
        kept.store.keep_progress(UUID, 5, ShardProgress((LaneProgress(position),)))
    assert kept.store.progress(UUID, 5) == ShardProgress((LaneProgress(9),))
    kept.inbox.run_posted()
    assert kept.opened().progress(UUID, 5) == ShardProgress((LaneProgress(9),))
    version, _ = kept.engine.store.metadata()[f"lambda-progress/{UUID}/5"]
    assert version == 2


def test_progress_is_written_in_parts_that_a_shared_store_takes(kept: Kept) -> None:
    kept.inbox.run(kept.store.add(mapping(), {}))
    large = ShardProgress((LaneProgress(9, WindowState(0, state=b"x" * (WRITE_BYTES - 100))),))
    sizes: list[int] = []
    commit = kept.engine.store.commit

    def noted(change: Change) -> Completion[int]:
        sizes.append(sum(len(value or b"") for value in change.writes.values()))
        return commit(change)

    kept.engine.store.commit = noted  # type: ignore[method-assign]  # looked at on its way
    for log_id in range(5):
        kept.store.keep_progress(UUID, log_id, large)
    for log_id in range(5, 50):
        kept.store.keep_progress(UUID, log_id, AT_7)
    kept.inbox.run(kept.store.all_written())
    assert max(sizes) < 1.1 * WRITE_BYTES
    assert [kept.opened().progress(UUID, log_id) for log_id in (0, 4, 5, 49)] == [large, large, AT_7, AT_7]


def test_progress_of_a_mapping_that_is_gone_is_not_written(kept: Kept) -> None:
    kept.inbox.run(kept.store.add(mapping(), {}))
    kept.store.keep_progress(UUID, 5, AT_7)
    kept.store.keep_progress(UUID, 5, ShardProgress((LaneProgress(8),)))
    kept.inbox.run(kept.store.remove(UUID))
    kept.store.keep_progress(UUID, 5, AT_7)
    kept.inbox.run_posted()
    left = [key for key in kept.engine.store.metadata() if key.startswith("lambda-")]
    assert left == ["lambda-turn/mappings"]


def test_nothing_is_remembered_of_a_mapping_that_was_removed(kept: Kept) -> None:
    kept.inbox.run(kept.store.add(mapping(), {5: AT_7, 6: AT_7}))
    kept.store.keep_progress(UUID, 5, ShardProgress((LaneProgress(8),)))
    kept.inbox.run_posted()
    assert held_texts(kept.store, UUID)
    kept.inbox.run(kept.store.remove(UUID))
    assert held_texts(kept.store, UUID) == set()


def test_removing_or_replacing_what_is_gone_changes_nothing(kept: Kept) -> None:
    kept.inbox.run(kept.store.remove(UUID))
    kept.inbox.run(kept.store.replace(mapping()))
    assert kept.opened().mappings() == []


def test_what_cannot_be_written_is_as_it_was(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.inbox.run(kept.store.add(mapping(), {5: AT_7}))
    with monkeypatch.context() as broken:
        kept.break_down(broken)
        with pytest.raises(StoreUnavailable):
            kept.inbox.run(kept.store.replace(mapping(batch_size=7)))
        with pytest.raises(StoreUnavailable):
            kept.inbox.run(kept.store.remove(UUID))
        with pytest.raises(StoreUnavailable):
            kept.inbox.run(kept.store.add(mapping(uuid="another"), {}))
        assert kept.store.mappings() == [mapping()]
        assert kept.store.progress(UUID, 5) == AT_7
        kept.store.keep_progress(UUID, 5, ShardProgress((LaneProgress(8),)))
        kept.store.forget_shards(UUID, [5])
        kept.inbox.run_posted()
        assert len(kept.failures) == 1
        kept.store.write_again()
        kept.inbox.run_posted()
        assert len(kept.failures) == 2
    kept.store.keep_progress(UUID, 6, AT_7)
    kept.inbox.run_posted()
    again = kept.opened()
    assert again.progress(UUID, 6) == AT_7
    assert again.progress(UUID, 5) is None
