"""The tools of a tutorial: a script, run as a process, and the AWS CLI.

The CLI runs in this process, which loads it once: it takes as long to load as a dozen calls. That it works as
a process, too, is shown by `tests/cli/test_aws.py`.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch
from warnings import catch_warnings

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
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with (
            patch.dict(os.environ, plain_environment(home) | DUMMY_CREDENTIALS, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
            catch_warnings(action="ignore"),
        ):
            code = _command_line().main(["--endpoint-url", endpoint_url, "kinesis", *arguments])
        return Ended(code, _written(out), _written(err))

    return aws


def _command_line() -> Any:
    """The CLI as a new process has it, which leaves a variable in the environment where its data are."""
    driver = import_module("awscli.clidriver")
    os.environ["AWS_DATA_PATH"] = str(Path(driver.__file__ or "").with_name("data"))
    return driver.create_clidriver()


def _written(text: io.TextIOWrapper) -> str:
    text.seek(0)
    return text.read()


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
