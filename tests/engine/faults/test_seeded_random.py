"""Draws that repeat themselves."""

from __future__ import annotations

from headwater.engine.faults.seeded_random import SeededRandom

DRAWS = 20_000


def draws(seed: int, count: int = 5) -> list[float]:
    chance = SeededRandom(seed)
    return [chance.draw() for _ in range(count)]


def test_the_same_seed_gives_the_same_draws_and_another_one_others() -> None:
    assert draws(7) == draws(7)
    assert draws(7) != draws(8)
    assert draws(-1) != draws(1)


def test_the_draws_are_those_of_splitmix64() -> None:
    published = 0xE220A8397B1DCDAF  # its first output for the seed 0
    assert draws(0, 1) == [(published >> 11) / 2**53]


def test_the_draws_are_spread_evenly() -> None:
    drawn = draws(42, DRAWS)
    assert all(0 <= draw < 1 for draw in drawn)
    for tenth in range(10):
        share = sum(tenth <= draw * 10 < tenth + 1 for draw in drawn) / DRAWS
        assert 0.09 < share < 0.11
