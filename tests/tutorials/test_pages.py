"""The tutorials of docs/tutorials, word by word: files are written, commands run, outputs compared.

In a page, a block of Python with a title is a file, a block of sh is run, and the block of text behind it is
what it prints: an … in it stands for anything, on a line of its own for any lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import RunningServer
from tests.tutorials.started_server import FREE_PORT, plain_environment, started_server

PAGES = Path(__file__).resolve().parents[2] / "docs" / "tutorials"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
END = "-- the end of a block --"
DEFAULT_ENDPOINT = "http://127.0.0.1:4566"


def commands_and_outputs(page: str) -> list[tuple[str, str | None]]:
    """What is run, in order, each with what it prints if the page says so."""
    found: list[tuple[str, str | None]] = []
    for language, _, text in BLOCK.findall(page):
        if language == "sh":
            found.append((text, None))
        elif language == "text":
            found[-1] = found[-1][0], text
    return found


def pattern_of(output: str) -> re.Pattern[str]:
    """What matches an output of a page."""
    lines = (
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in output.splitlines()
    )
    return re.compile("".join(lines))


def run(commands: list[str], folder: Path, server: RunningServer, more: Mapping[str, str]) -> list[str]:
    """What each of them prints, run one after the other in one shell."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = plain_environment(folder) | {"PATH": path, "AWS_ENDPOINT_URL": server.endpoint_url, **more}
    script = "set -e\n" + "".join(f"{command}echo '{END}'\n" for command in commands)
    ended = subprocess.run(
        ["bash", "-c", script.replace(DEFAULT_ENDPOINT, server.endpoint_url)],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.split(f"{END}\n")[:-1]


TUTORIALS = sorted(page.name for page in PAGES.glob("*.md") if page.name != "index.md")


@pytest.mark.long  # half a minute of AWS CLIs that start; what they do is tested every day by an SDK
@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_prints_what_it_says(name: str, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with started_server(tmp_path / "server", port=FREE_PORT) as server:
        follow(name, tmp_path, server, {})


def follow(name: str, folder: Path, server: RunningServer, variables: Mapping[str, str]) -> None:
    """Do in a folder what a page says, with more variables in the shell; what is printed is what it says."""
    page = (PAGES / name).read_text()
    for _, title, text in BLOCK.findall(page):
        if title:
            (folder / title).parent.mkdir(exist_ok=True)
            (folder / title).write_text(text)
    steps = commands_and_outputs(page)
    printed = run([command for command, _ in steps], folder, server, variables)
    for (command, expected), seen in zip(steps, printed, strict=True):
        if expected is not None:
            assert pattern_of(expected).fullmatch(seen), f"{command}\n{seen}"
