"""The soak tells growth from what comes and goes, and runs against a real server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.kinesis import CallFailed
from benchmarks.soak import Sample, verdicts_of

ROOT = Path(__file__).resolve().parent.parent


def samples(*anonymous_mib: float) -> list[Sample]:
    return [Sample(at, at, 100.0, mib, 500.0) for at, mib in enumerate(anonymous_mib)]


def flat(found: list[Sample]) -> dict[str, bool]:
    return {verdict.name: verdict.is_flat for verdict in verdicts_of(found)}


def test_a_server_that_fills_first_and_then_stays_is_flat() -> None:
    assert flat(samples(10, 20, 30, 40, 40, 44, 40, 43)) == {"memory": True, "anonymous": True, "file": True}


def test_a_server_that_goes_on_growing_is_not() -> None:
    growing = samples(*range(10, 90, 10))
    assert flat(growing) == {"memory": True, "anonymous": False, "file": True}
    assert str(verdicts_of(growing)[1]).endswith("35.0 MiB ->      75.0 MiB  GROWS")


def test_a_run_that_was_too_short_has_no_verdict() -> None:
    with pytest.raises(CallFailed, match="too short"):
        verdicts_of(samples(1, 2, 3))


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_short_run_prints_figures_and_verdicts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "--seconds", "12", "--held-s", "2"]
    ran = subprocess.run(
        [*command, "--scratch", str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ran.returncode in {0, 1}, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].split() == ["seconds", "records/s", "memory", "MiB", "anonymous", "file", "MiB"]
    assert [line.split()[0] for line in lines[-3:]] == ["memory", "anonymous", "file"]
    assert list(tmp_path.iterdir()) == []
