"""The fixtures, as a user's test suite has them: the one in the documentation, run by a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITES_ON_PAGES = {"testing.md": 2, "faults.md": 1, "limits.md": 1}
"""How many suites each page has."""


def run_tests(folder: Path, *blocks: str) -> str:
    (folder / "test_orders.py").write_text("\n\n".join(blocks))
    is_installed = any(point.name == "headwater" for point in entry_points(group="pytest11"))
    plugin = [] if is_installed else ["-p", "headwater.testing.plugin"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *plugin, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def suites_of(page: str) -> list[str]:
    """The examples of a page, but those for asynchronous tests, which need what is not installed here."""
    found: list[str] = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return [suite for suite in found if "async def" not in suite]


@pytest.mark.parametrize("page", SUITES_ON_PAGES)
def test_the_suite_in_the_documentation_passes(page: str, tmp_path: Path) -> None:
    suites = suites_of((ROOT / "docs" / page).read_text())
    assert len(suites) == SUITES_ON_PAGES[page]
    for number, suite in enumerate(suites):
        folder = tmp_path / str(number)
        folder.mkdir()
        passed = re.search(r"(\d+) passed", run_tests(folder, suite))
        assert passed
        assert int(passed[1]) == suite.count("def test_")


def test_each_test_finds_the_server_empty_and_on_time(tmp_path: Path) -> None:
    run_tests(
        tmp_path,
        """
import os
from datetime import datetime, timedelta, UTC
import boto3
import pytest

@pytest.mark.parametrize("turn", [1, 2])
def test_it(headwater, kinesis, kinesis_stream, turn):
    assert kinesis.list_streams()["StreamNames"] == [kinesis_stream]
    assert abs(headwater.clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    headwater.clock.advance(hours=30)
    client = boto3.client("kinesis")
    assert client.list_streams()["StreamNames"] == [kinesis_stream]
    client.close()
""",
    )


def test_no_fault_outlives_its_test(tmp_path: Path) -> None:
    run_tests(
        tmp_path,
        """
import pytest

@pytest.mark.parametrize("turn", [1, 2])
def test_it(headwater, kinesis_stream, turn):
    assert len(headwater.faults) == 0
    headwater.faults.cut("PutRecord")
""",
    )


def test_a_suite_that_does_not_use_the_fixtures_pays_for_nothing() -> None:
    script = (
        "import sys, headwater.testing.plugin; "
        "print([name for name in ('headwater.app', 'boto3', 'aiobotocore', 'anyio', 'pytest_asyncio') "
        "if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert ran.stdout == "[]\n"
