"""The engine, through many histories with faults at every call of its store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headwater.model.stream import NEVER_MS
from tests.simulation.history import History, HistoryFailed

ROOT = Path(__file__).parents[2]
EVERYDAY_HISTORIES = 30
LONG_HISTORIES = 2_000
"""A fault that one history of 300 shows is found in 999 of a thousand cases."""
LONG_SEED = 1_000_000


@pytest.mark.parametrize("tenth", range(10))
def test_the_engine_is_what_the_reference_says(tenth: int) -> None:
    for seed in range(tenth, EVERYDAY_HISTORIES, 10):
        History(seed).run()


@pytest.mark.long
@pytest.mark.parametrize("tenth", range(10))
def test_so_it_is_in_thousands_of_histories(tenth: int) -> None:
    for seed in range(LONG_SEED + tenth, LONG_SEED + LONG_HISTORIES, 10):
        History(seed).run()


def test_histories_differ() -> None:
    assert len({History(seed).run() for seed in range(10)}) == 10


def run(histories: int) -> None:
    for seed in range(histories):
        History(seed).run()


def trace_in_a_process(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--histories", "1"]
    environment = {"PYTHONHASHSEED": hash_seed}
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    return run.stdout.split()[-1]


@pytest.mark.long
def test_a_seed_is_one_history_in_every_process() -> None:
    trace = History(17).run()
    assert History(17).run() == trace
    assert [trace_in_a_process(17, hash_seed) for hash_seed in ("0", "4711")] == [trace] * 2


def test_a_failing_history_tells_how_to_run_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # A stream whose transitions never become due stays as it was created.
    monkeypatch.setattr("headwater.engine.live_stream.next_due_ms", lambda _stream: NEVER_MS)
    failures = []
    for _ in range(2):
        with pytest.raises(HistoryFailed) as failure:
            run(20)
        failures.append(str(failure.value))
    assert failures[0] == failures[1]
    command = failures[0].splitlines()[-1].split()
    assert command[:3] == ["python", "-m", "tests.simulation"]
    assert command[-1] == "1"
