"""The wheel and the source distribution, each installed into a fresh environment; the server then answers.

`make test-dist` builds dist/ and runs these.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.waiting import RETRY_FOR_S

pytestmark = pytest.mark.dist

DIST = Path(__file__).resolve().parents[2] / "dist"
BIN = Path(sys.executable).parent
READY = re.compile(rb"is ready at (http://[\w.]+:\d+)")


def built(pattern: str) -> Path:
    """The file that was built."""
    return next(DIST.glob(pattern))


def environment(folder: Path) -> dict[str, str]:
    """A user's environment, whose tools keep all that they have below a folder."""
    kept = {"PIPX_HOME": "pipx", "PIPX_BIN_DIR": "bin", "UV_TOOL_DIR": "uv", "UV_TOOL_BIN_DIR": "bin"}
    kept |= {"UV_CACHE_DIR": "cache", "HOME": "home", "PIPX_MAN_DIR": "man"}
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HEADWATER_"))}
    return mine | {name: str(folder / place) for name, place in kept.items()}


def run(folder: Path, *command: str | Path) -> None:
    """Run an installer to its end."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(folder))
    assert ended.returncode == 0, ended.stdout + ended.stderr


@contextmanager
def started(folder: Path, *command: str | Path) -> Iterator[str]:
    """The address of a server that a command starts."""
    with subprocess.Popen(
        [*command, "start", "--port", "0"], stdout=subprocess.PIPE, cwd=folder, env=environment(folder)
    ) as process:
        try:
            assert process.stdout is not None
            ready = READY.search(process.stdout.readline())
            assert ready is not None
            yield ready[1].decode()
        finally:
            process.terminate()
    assert process.returncode == 0


def check(endpoint_url: str) -> None:
    """The server is well, and has its console."""
    with urlopen(f"{endpoint_url}/_headwater/health", timeout=RETRY_FOR_S) as answer:
        assert json.load(answer)["status"] == "running"
    with urlopen(f"{endpoint_url}/_headwater/console/", timeout=RETRY_FOR_S) as answer:
        assert b"<script" in answer.read()


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_pip_installs_what_was_built(pattern: str, tmp_path: Path) -> None:
    run(tmp_path, sys.executable, "-m", "venv", tmp_path / "venv")
    run(tmp_path, tmp_path / "venv" / "bin" / "pip", "install", "--quiet", built(pattern))
    with started(tmp_path, tmp_path / "venv" / "bin" / "headwater") as endpoint_url:
        check(endpoint_url)
    assert (tmp_path / "venv" / "share" / "man" / "man1" / "headwater.1").is_file()


def test_pipx_installs_the_command(tmp_path: Path) -> None:
    run(tmp_path, BIN / "pipx", "install", built("*.whl"))
    with started(tmp_path, tmp_path / "bin" / "headwater") as endpoint_url:
        check(endpoint_url)


def test_uv_installs_the_command(tmp_path: Path) -> None:
    run(tmp_path, BIN / "uv", "tool", "install", "--python", sys.executable, built("*.whl"))
    with started(tmp_path, tmp_path / "bin" / "headwater") as endpoint_url:
        check(endpoint_url)


def test_uvx_runs_it_without_installing(tmp_path: Path) -> None:
    command = (BIN / "uvx", "--quiet", "--python", sys.executable, "--from", built("*.whl"), "headwater")
    with started(tmp_path, *command) as endpoint_url:
        check(endpoint_url)
