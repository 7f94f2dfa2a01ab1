"""The tools of a tutorial, run as processes: a script, and the AWS CLI."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tutorials.started_server import plain_environment

COMMAND_TIMEOUT_S = 120.0
DUMMY_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    exit_code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """What the AWS CLI printed; `None` for nothing. Fails with what it said when it failed."""
        assert self.exit_code == 0, self.err
        return json.loads(self.out) if self.out else None


Aws = Callable[..., Ended]
"""Runs a Kinesis command of the AWS CLI: `aws("list-streams", "--limit", "2")`."""


def aws_for(endpoint_url: str, home: Path) -> Aws:
    """The AWS CLI of a user who has put dummy credentials in the environment."""

    def aws(*arguments: str) -> Ended:
        command = [sys.executable, "-m", "awscli", "--endpoint-url", endpoint_url, "kinesis", *arguments]
        return _run(command, home, DUMMY_CREDENTIALS)

    return aws


def run_script(script: Path, *arguments: str, home: Path) -> Ended:
    """Run a Python script in an environment without credentials."""
    return _run([sys.executable, str(script), *arguments], home, {})


def _run(command: list[str], home: Path, variables: dict[str, str]) -> Ended:
    ended = subprocess.run(
        command,
        capture_output=True,
        env=plain_environment(home) | variables,
        cwd=home,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
