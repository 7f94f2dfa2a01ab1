"""Headwater where it cannot be tested: on Windows and macOS, as far as `simulated` has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_tree import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can play the others")

ENDED = {"win32": "ended with 130", "darwin": "ended with 0"}
"""On Windows Ctrl-C is an exception, and on other systems a signal that is handled."""


def printed(platform: str, program: str, folder: Path) -> list[str]:
    """What a program prints on a platform, without what the server says at its start."""
    run = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-m", "tests.platforms.programs", platform, program],
        env=os.environ | {"HEADWATER_TEST_FOLDER": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return [line for line in run.stdout.splitlines() if not line.startswith(("Headwater 0", "  "))]


PLATFORMS = [pytest.param("win32"), pytest.param("darwin", marks=pytest.mark.long)]  # everyday: one of them


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_server_lives_twice_and_its_data_are_backed_up_checked_and_restored(
    platform: str, tmp_path: Path
) -> None:
    lines = printed(platform, "server", tmp_path)
    assert lines == [
        "read [b'3 apples\\n']",
        f"{tmp_path}/one.backup: {(tmp_path / 'one.backup').stat().st_size} bytes",
        "put shardId-000000000000",
        "running ['pid.json']",
        ENDED[platform],
        "read [b'3 apples\\n']",
        ENDED[platform],
        "left ['data', 'one.backup']",
        f"{tmp_path}/data: all is well",
        f"{tmp_path}/restored: all is well",
        f"{tmp_path}/restored: all is well",
    ]


@pytest.mark.long  # everyday: the server's life, which has most of what a platform can lack
def test_the_client_library_puts_and_consumes_on_windows(tmp_path: Path) -> None:
    assert printed("win32", "library", tmp_path) == ["consumed b'3 apples'"]


@pytest.mark.long
def test_the_neighbours_are_kept_on_windows(tmp_path: Path) -> None:
    items = "items [{'id': {'S': 'line\\nend'}}]"
    assert printed("win32", "neighbours", tmp_path) == [items, ENDED["win32"]] * 2


@pytest.mark.long
def test_every_module_can_be_imported_on_windows(tmp_path: Path) -> None:
    assert printed("win32", "everything", tmp_path) == ["imported"]


@pytest.mark.long
def test_functions_are_refused_by_name_on_windows(tmp_path: Path) -> None:
    refusal = "Headwater runs functions on Linux and macOS only."
    assert printed("win32", "function_on_windows", tmp_path) == [refusal, ENDED["win32"]]


@pytest.mark.long
def test_functions_run_on_macos(tmp_path: Path) -> None:
    assert printed("darwin", "function_on_macos", tmp_path) == ['{"a": 1}', ENDED["darwin"]]


def simulated(code: str, folder: Path) -> str:
    """What code prints on a simulated Windows, or the error that ends it."""
    run = subprocess.run(
        [sys.executable, "-c", f"from tests.platforms import simulated; simulated.enter_windows()\n{code}"],
        env=os.environ | {"HEADWATER_TEST_FOLDER": str(folder), "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout.strip() or run.stderr.strip().splitlines()[-1].partition(":")[0]


WRITTEN = """
import os
file = os.open('c', os.O_WRONLY | os.O_CREAT | {})
os.write(file, b'a\\n')
print(os.stat('c').st_size)
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("import fcntl", "ModuleNotFoundError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "AttributeError"),
        ("f = open('a', 'w'); import os; os.unlink('a')", "PermissionError"),
        ("f = open('a', 'w'); import os; open('b', 'w'); os.replace('b', 'a')", "PermissionError"),
        ("open('a:b', 'w')", "OSError"),
        (WRITTEN.format("0"), "3"),
        (WRITTEN.format("os.O_BINARY"), "2"),
    ],
)  # fmt: skip
def test_the_simulation_refuses_what_windows_does(code: str, outcome: str, tmp_path: Path) -> None:
    assert simulated(code, tmp_path) == outcome
