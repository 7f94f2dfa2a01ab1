"""The documentation's programs, run as they stand: each block in a folder and against a server of its own.

Shell is run by bash, Python as a script or, where it has tests, by pytest; what a console's block shows of
a server that starts is compared. Three things are not as a reader has them: what `pip install` names is there
already, a server goes into the background on a free port, and what follows for ever is looked at once.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.testing import Headwater
from tests.clients.client_process import tool
from tests.documentation.blocks import PAGES, PROGRAMS, ROOT, Block, blocks_of
from tests.ports import free_port
from tests.testing.users_suites import run_tests
from tests.tutorials.started_server import FREE_PORT, plain_environment, started_server

pytestmark = pytest.mark.long  # tens of processes; what they do is tested every day below

PORTS_OF_PAGES = re.compile(r"\b(?:4566|4599)\b")
COMMANDS_WANTED = ("bash", "curl")
BLOCK_TIMEOUT_S = 240
SHELL = """
set -euo pipefail
python() {{ {python} "$@"; }}
aws() {{ python -m awscli "$@"; }}
curl() {{ command curl --fail --silent --show-error "$@"; }}
pip() {{ [ "$1" = install ]; }}
headwater() {{
    case "$*" in
    start*--detach*) python -m headwater "$@" ;;
    start*) python -m headwater "$@" --detach --port {port} ;;
    *) python -m headwater "$@" ;;
    esac
}}
trap 'python -m headwater stop --all' EXIT
{first}
{text}
"""


def pages_with_programs() -> list[str]:
    """The pages that have something to run."""
    return [
        str(page.relative_to(ROOT))
        for page in PAGES
        if any(block.language in PROGRAMS and not block.is_left_out for block in blocks_of(page))
    ]


@pytest.mark.parametrize("name", pages_with_programs())
def test_the_programs_of_a_page_run(name: str, tmp_path: Path) -> None:
    blocks = blocks_of(ROOT / name)
    for place, block in enumerate(blocks):
        if block.language in PROGRAMS and not block.is_left_out:
            folder = tmp_path / str(place)
            folder.mkdir()
            for other in blocks:
                if other.title:
                    write(folder, other)
            RUNNERS[block.language](block, folder)


def write(folder: Path, block: Block) -> None:
    """The file that a block is; the user's home is the folder."""
    path = folder / block.title.removeprefix("~/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)


def run_shell(block: Block, folder: Path) -> None:
    """Run a block of commands."""
    for command in COMMANDS_WANTED:
        tool(command, "running the documentation's commands")
    if "headwater start" in block.first + block.text:
        execute(block, folder, free_port())
        return
    with Headwater(transition_ms=0) as server:
        execute(block, folder, int(server.endpoint_url.rpartition(":")[2]))


def execute(block: Block, folder: Path, port: int) -> None:
    """Let bash run a block; servers that it starts are at the port, and end with it."""
    text = block.text.replace(" --follow", "")
    script = SHELL.format(python=shlex.quote(sys.executable), port=port, first=block.first, text=text)
    ended = subprocess.run(
        ["bash", "-c", PORTS_OF_PAGES.sub(str(port), script)],
        cwd=folder,
        env=environment(folder, f"http://127.0.0.1:{port}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=BLOCK_TIMEOUT_S,
    )
    assert ended.returncode == 0, f"{block}\n{ended.stdout}{ended.stderr}"


def run_python(block: Block, folder: Path) -> None:
    """Run a block as a script, or its tests."""
    if "\ndef test_" in block.text:
        passed = run_tests(folder, {"page": block.text})
        assert passed == {"page": block.text.count("\ndef test_")}, str(block)
        return
    with Headwater(transition_ms=0) as server:
        ended = subprocess.run(
            [sys.executable, "-c", f"{block.first}\n{block.text}"],
            cwd=folder,
            env=environment(folder, server.endpoint_url),
            capture_output=True,
            text=True,
            check=False,
            timeout=BLOCK_TIMEOUT_S,
        )
    assert ended.returncode == 0, f"{block}\n{ended.stdout}{ended.stderr}"


def run_console(block: Block, folder: Path) -> None:
    """Start the server as a block says, and compare what it prints."""
    expected = [line for line in block.text.splitlines() if not line.startswith("$ ")]
    (options,) = re.findall(r"^\$ headwater start(.*)$", block.text, re.MULTILINE)
    with started_server(folder, *shlex.split(options), port=FREE_PORT) as server:
        printed = (folder / "log").read_text().splitlines()
    port = server.endpoint_url.rpartition(":")[2]
    told = [line.replace("/home/me", str(folder)) for line in expected]
    assert [PORTS_OF_PAGES.sub(port, line) for line in told] == printed[: len(told)], str(block)
    assert not told or len(told) == len(printed), str(block)


def environment(folder: Path, endpoint_url: str) -> dict[str, str]:
    """A user's environment with the server's address."""
    (folder / "run").mkdir(mode=0o700)
    return plain_environment(folder) | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


RUNNERS = {"console": run_console, "python": run_python, "sh": run_shell}
