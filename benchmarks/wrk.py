"""One run of wrk, with `ready_requests.lua`."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installing import version_in

SCRIPT = Path(__file__).resolve().parent / "ready_requests.lua"
ANSWER_TIMEOUT_S = 60
SHORT = 0.99
"""Answers with the same records differ by a digit of a time here and there; a missing record is more."""


class WrkFailed(Exception):
    """wrk is absent, or has ended without a result."""


@dataclass(frozen=True)
class Outcome:
    """What wrk saw."""

    seconds: float
    answers: int
    bytes: int
    not_200: int
    broken: int
    """Connections that could not be made, read or written."""
    timeouts: int

    def errors(self, answer_bytes: float) -> str:
        """Empty when every answer was good, and had a body of about so many bytes."""
        counts = {"not 200": self.not_200, "broken connections": self.broken, "timeouts": self.timeouts}
        found = [f"{count} {what}" for what, count in counts.items() if count]
        if self.bytes < SHORT * answer_bytes * self.answers:
            found.append(f"answers of {self.bytes / self.answers:,.0f} bytes instead of {answer_bytes:,.0f}")
        return ", ".join(found)


def drive(
    port: int, operation: str, bodies: Path, content_type: str, connections: int, seconds: int
) -> Outcome:
    """Keep so many connections busy for so long, from one thread, with the bodies of a file."""
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command += ["--timeout", f"{ANSWER_TIMEOUT_S}s", "--script", str(SCRIPT), f"http://127.0.0.1:{port}/"]
    command += ["--", operation, str(bodies), content_type]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            return Outcome(**json.loads(line))
    raise WrkFailed(f"wrk: {(run.stdout + run.stderr).strip()[-300:]}")


def check_installed() -> str:
    """The version of wrk. Raises WrkFailed."""
    if shutil.which("wrk") is None:
        raise WrkFailed("wrk is not on PATH: install the package `wrk` (apt, dnf or brew install wrk)")
    shown = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    return version_in(shown.stdout + shown.stderr)
