"""How a client runs: in a process of its own, which learns from its environment where the server is.

A tool that is missing skips the test with a reason. With `CI=true` it fails instead:
where every change is judged, nothing is left out.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

CLIENTS = Path(__file__).resolve().parent
INSTALL_TIMEOUT_S = 1800.0
SUITE_TIMEOUT_S = 900.0

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
"""The key pair of the examples in AWS's own documentation."""


@dataclass(frozen=True)
class Endpoint:
    """Where a server is, and which certificates vouch for it."""

    url: str
    ca_path: Path | None = None
    metrics_url: str | None = None
    """Where CloudWatch is, if not there."""

    def variables(self, ca_variable: str = "AWS_CA_BUNDLE") -> dict[str, str]:
        """The environment of a client: endpoint, region, credentials, and nothing else of AWS's.

        `ca_variable` is what the client reads to trust one more certificate authority.
        """
        mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        mine |= CREDENTIALS | {
            "AWS_ENDPOINT_URL_KINESIS": self.url,
            "AWS_ENDPOINT_URL_CLOUDWATCH": self.metrics_url or self.url,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        if self.ca_path is not None:
            mine[ca_variable] = str(self.ca_path)
        return mine


def tool(name: str, purpose: str) -> str:
    """The path of a program. Without it the test ends here."""
    path = shutil.which(name)
    return path or leave_out(f"{purpose} needs {name}, which is not on this machine")


def leave_out(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"with CI=true nothing is skipped: {reason}")
    pytest.skip(reason)


def install(command: list[str], folder: Path, pinned: Path, marker: Path) -> None:
    """Run an installer in a folder, unless it has run since the pinned versions changed."""
    with alone(pinned):
        if not marker.exists() or marker.stat().st_mtime < pinned.stat().st_mtime:
            run(command, folder, os.environ, INSTALL_TIMEOUT_S)
            marker.touch()


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """While the block runs no other worker of pytest is in one for the same file."""
    import fcntl  # noqa: PLC0415 - not on Windows, where the table of clients is tested, too

    with file.open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        yield


def run(
    command: list[str], folder: Path, variables: Mapping[str, str], timeout_s: float = SUITE_TIMEOUT_S
) -> str:
    """Run a command that must succeed; what it printed. Nothing that it has started outlives it."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=timeout_s)
            outcome = f"ended with {process.returncode}"
        except BaseException as interruption:
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(interruption, subprocess.TimeoutExpired):
                raise
            printed, _ = process.communicate()
            outcome = f"was not through after {timeout_s:.0f} s"
    if process.returncode != 0:
        pytest.fail(f"{' '.join(command)} {outcome}:\n{printed}", pytrace=False)
    return printed
