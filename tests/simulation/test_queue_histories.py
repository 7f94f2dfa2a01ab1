"""Queues, through histories with crashes, restarts, reshards and faults at every call of the store."""

from __future__ import annotations

import pytest

from tests.simulation.queue_history import QueueHistory

EVERYDAY_HISTORIES = 12
LONG_HISTORIES = 2_000
"""A fault that one history of 300 shows is found in 999 of a thousand cases."""
LONG_SEED = 1_000_000


@pytest.mark.parametrize("quarter", range(4))
def test_every_record_is_somewhere_and_nobody_has_what_another_has(quarter: int) -> None:
    for seed in range(quarter, EVERYDAY_HISTORIES, 4):
        QueueHistory(seed).run()


@pytest.mark.long
@pytest.mark.parametrize("tenth", range(10))
def test_so_it_is_in_thousands_of_histories(tenth: int) -> None:
    for seed in range(LONG_SEED + tenth, LONG_SEED + LONG_HISTORIES, 10):
        QueueHistory(seed).run()


def test_a_seed_is_one_history() -> None:
    traces = [QueueHistory(seed).run() for seed in (3, 17)]
    assert [QueueHistory(seed).run() for seed in (3, 17)] == traces
    assert traces[0] != traces[1]
