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


@pytest.mark.parametrize(("page", "count"), [("testing.md", 2), ("limits.md", 1)])
def test_the_suites_in_the_documentation_pass(tmp_path: Path, page: str, count: int) -> None:
    text = (ROOT / "docs" / page).read_text()
    suites: list[str] = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(suites) == count
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
