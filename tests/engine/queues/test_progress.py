"""What is written of a queue: an acknowledged prefix is one number, the rest are bits and dead letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.engine.queues.progress import (
    PAGE_POSITIONS,
    DeadLetter,
    ProgressKey,
    QueueProgress,
    Settlement,
    Writes,
)


def settle(
    progress: QueueProgress,
    store: dict[str, bytes],
    acknowledged: range | list[int] = [],  # noqa: B006 - never changed
    died: list[DeadLetter] = [],  # noqa: B006 - never changed
    restored: list[int] = [],  # noqa: B006 - never changed
) -> Writes:
    settlement = Settlement(list(acknowledged), died, restored, [])
    prepared = progress.prepared(settlement)
    for key, value in prepared.writes.items():
        if value is None:
            store.pop(key, None)
        else:
            store[key] = value
    progress.apply(settlement, prepared)
    return prepared.writes


def loaded(store: dict[str, bytes]) -> QueueProgress:
    progress = QueueProgress("q", 7)
    for key, value in store.items():
        progress.load(ProgressKey.parse(key), value)
    return progress


def test_one_acknowledgement_writes_one_page() -> None:
    store: dict[str, bytes] = {}
    progress = QueueProgress("q", 7)
    writes = settle(progress, store, [5])
    assert list(writes) == ["queue/q/0000000000000007/0"]
    assert progress.is_done(5)
    assert not progress.is_done(4)


def test_an_acknowledged_prefix_is_one_number() -> None:
    store: dict[str, bytes] = {}
    progress = QueueProgress("q", 7)
    for begin in range(0, 10 * PAGE_POSITIONS, 512):
        settle(progress, store, range(begin, begin + 512))
        progress.first = begin + 512
    settle(progress, store, [10 * PAGE_POSITIONS])
    assert sorted(store) == ["queue/q/0000000000000007", "queue/q/0000000000000007/10"]
    again = loaded(store)
    assert again.first == 10 * PAGE_POSITIONS
    assert again.next_open(0) == 10 * PAGE_POSITIONS + 1


def test_a_record_that_stays_behind_costs_a_bit_for_each_that_is_acknowledged_after_it() -> None:
    store: dict[str, bytes] = {}
    progress = QueueProgress("q", 7)
    settle(progress, store, range(1, 100_000))
    assert sum(map(len, store.values())) < 100_000 // 8 + 1_000
    assert progress.next_open(0) == 0
    assert progress.next_open(1) == 100_000
    assert progress.acknowledged_count(0, 200_000) == 99_999
    assert progress.acknowledged_count(50_000, 60_000) == 10_000


def test_a_dead_letter_is_kept_with_its_count_until_it_is_acknowledged_or_restored() -> None:
    store: dict[str, bytes] = {}
    progress = QueueProgress("q", 7)
    letters = [DeadLetter(3, 1_000, 6), DeadLetter(PAGE_POSITIONS + 1, 2_000, 7)]
    settle(progress, store, died=letters)
    assert list(loaded(store).dead_letters()) == letters
    settle(progress, store, restored=[3])
    settle(progress, store, [PAGE_POSITIONS + 1])
    for each in (progress, loaded(store)):
        assert list(each.dead_letters()) == []
        assert not each.is_done(3)
        assert each.is_done(PAGE_POSITIONS + 1)


def test_what_is_not_committed_changes_nothing() -> None:
    progress = QueueProgress("q", 7)
    progress.prepared(Settlement([1], [DeadLetter(2, 0, 1)], [], []))
    assert not progress.is_done(1)
    assert list(progress.dead_letters()) == []


@pytest.mark.parametrize("key", ["queue/q", "queue/q/xyz", "queue/q/07/0/1", "stream/a/b/c", "queue/q/07/x"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|literal|no key"):
        ProgressKey.parse(key)


positions = st.integers(0, 3 * PAGE_POSITIONS)


@given(st.lists(st.tuples(st.sampled_from(["acknowledge", "die", "restore"]), positions), max_size=40))
def test_what_is_loaded_again_is_what_was_settled(steps: list[tuple[str, int]]) -> None:
    store: dict[str, bytes] = {}
    progress, done, dead = QueueProgress("q", 7), set[int](), dict[int, DeadLetter]()
    for verdict, position in steps:
        if verdict == "acknowledge":
            settle(progress, store, [position])
            done.add(position)
            dead.pop(position, None)
        elif verdict == "die" and position not in done:
            dead[position] = DeadLetter(position, position, 1)
            settle(progress, store, died=[dead[position]])
        elif position in dead:
            settle(progress, store, restored=[position])
            del dead[position]
        lowest = next(at for at in range(4 * PAGE_POSITIONS) if at not in done)
        progress.first = lowest
        again = loaded(store)
        for each in (progress, again):
            assert {letter.position: letter for letter in each.dead_letters()} == dead
            assert all(each.is_done(at) for at in done)
            assert each.next_open(0) == lowest
