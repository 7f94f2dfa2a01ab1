"""What a worker takes and asks for."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headwater.client.leases.balancing import BalancingDecision, BalancingSettings, Observation, decide
from headwater.client.leases.checkpoint import TRIM_HORIZON, Checkpoint
from headwater.client.leases.lease import Lease

RULES = BalancingSettings(lease_duration_ms=10_000, hand_off_timeout_ms=30_000)


def lease(
    key: int, owner: str | None = None, kbps: float | None = None, *, asked_from: str | None = None
) -> Lease:
    return Lease(
        str(key), Checkpoint(TRIM_HORIZON), owner=owner, checkpoint_owner=asked_from, throughput_kbps=kbps
    )


def decided(
    worker: str,
    leases: list[Lease],
    *,
    ages_ms: dict[int, float] | None = None,
    asked_ms: float = 0.0,
    rules: BalancingSettings = RULES,
) -> BalancingDecision:
    seen = {
        item.key: Observation((ages_ms or {}).get(int(item.key), 0.0), asked_ms, item.holder == worker)
        for item in leases
    }
    return decide(worker, leases, seen, rules, random.Random(1))


def test_the_first_worker_takes_everything() -> None:
    assert len(decided("a", [lease(number) for number in range(5)]).take) == 5


def test_a_worker_takes_no_more_than_its_share_of_what_is_free() -> None:
    leases = [lease(0, "b"), lease(1, "b"), *(lease(number) for number in range(2, 6))]
    assert len(decided("a", leases).take) == 3


def test_a_lease_whose_counter_stands_still_is_taken() -> None:
    leases = [lease(0, "dead"), lease(1, "a")]
    assert decided("a", leases, ages_ms={0: 9_999}).take == []
    assert decided("a", leases, ages_ms={0: 10_001}).take == [leases[0]]


def test_what_nobody_took_for_long_is_taken_beyond_the_share() -> None:
    leases = [lease(0, "a"), lease(1, "b"), lease(2, "dead")]
    leases += [lease(3, "a")]
    assert decided("a", leases, ages_ms={2: 20_000}).take == []
    assert decided("a", leases, ages_ms={2: 30_001}).take == [leases[2]]


def test_a_worker_never_has_more_than_it_may() -> None:
    rules = replace(RULES, max_leases=2)
    leases = [lease(number) for number in range(5)]
    assert len(decided("a", leases, rules=rules).take) == 2
    full = [lease(0, "a"), lease(1, "a"), *(lease(number, "b") for number in range(2, 9))]
    assert decided("a", full, rules=rules).steals == []


def test_a_newcomer_asks_the_busiest_for_as_many_as_it_may_at_a_time() -> None:
    leases = [*(lease(number, "b") for number in range(6)), *(lease(number, "c") for number in range(6, 9))]
    asked = decided("a", leases).steals
    assert [item.owner for item in asked] == ["b", "b"]
    assert decided("a", leases, rules=replace(RULES, max_steals=0)).steals == []


def test_what_was_asked_for_counts_and_is_not_asked_for_again() -> None:
    leases = [
        lease(0, "a", asked_from="b"),
        lease(1, "a", asked_from="b"),
        *(lease(n, "b") for n in range(2, 9)),
    ]
    assert decided("a", leases).steals == []


def test_what_was_let_go_is_taken_and_what_is_not_let_go_in_time_too() -> None:
    assert decided("a", [lease(0, "a"), lease(1, "b")]).take == []  # it reads that one already
    let_go = [lease(0, "a"), lease(1, "b")]
    seen = {item.key: Observation() for item in let_go}
    assert decide("a", let_go, seen, RULES, random.Random(1)).take == [let_go[0]]
    held_back = [lease(0, "a", asked_from="b"), lease(1, "b")]
    assert decided("a", held_back, asked_ms=29_999).take == []
    assert decided("a", held_back, asked_ms=30_001).take == [held_back[0]]


def test_between_even_counts_a_heavy_lease_moves_to_the_lighter_worker() -> None:
    leases = [lease(0, "a", 10), lease(1, "a", 10), lease(2, "b", 500), lease(3, "b", 400)]
    assert decided("a", leases).steals == [leases[3]]
    assert decided("b", leases).steals == []


def test_small_differences_of_load_move_nothing() -> None:
    leases = [lease(0, "a", 100), lease(1, "a", 100), lease(2, "b", 105), lease(3, "b", 100)]
    assert decided("a", leases).steals == decided("b", leases).steals == []


@example(loads=[0.0, 0.0, 3.0], workers=4, seed=0)
@settings(max_examples=200, deadline=None)
@given(
    loads=st.lists(st.floats(0, 2000), min_size=1, max_size=24),
    workers=st.integers(1, 6),
    seed=st.integers(0, 1000),
)
def test_workers_that_take_turns_come_to_rest_within_one_of_even(
    loads: list[float], workers: int, seed: int
) -> None:
    chance = random.Random(seed)
    names = [f"worker-{number}" for number in range(workers)]
    leases = [lease(number, chance.choice(names), load) for number, load in enumerate(loads)]
    moves = 0
    for _ in range(200):
        before = list(leases)
        for name in names:
            for asked in decided(name, leases).steals:
                index = leases.index(asked)
                leases[index] = replace(asked, owner=name)
                moves += 1
        if leases == before:
            break
    else:
        pytest.fail(f"after {moves} moves it still moves")
    counts = Counter(item.owner for item in leases)
    assert all(abs(counts[name] - len(loads) / workers) <= 1 for name in names)
