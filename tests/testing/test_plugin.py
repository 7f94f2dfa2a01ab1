"""The fixtures, as a user's test suite has them: the one in the documentation, run by a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testing.users_suites import run_tests

ROOT = Path(__file__).resolve().parents[2]
SUITES_ON_PAGES = {"testing.md": 2, "faults.md": 1, "limits.md": 1}
"""How many suites each page has."""


def suites_of(page: str) -> list[str]:
    """The examples of a page, but those for asynchronous tests, which need what is not installed here."""
    found: list[str] = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return [suite for suite in found if "async def" not in suite]


EACH_ON_ITS_OWN = """
import os
from datetime import datetime, timedelta, UTC
import boto3
import pytest

@pytest.mark.parametrize("turn", [1, 2])
def test_the_server_is_empty_and_on_time(headwater, kinesis, kinesis_stream, turn):
    assert kinesis.list_streams()["StreamNames"] == [kinesis_stream]
    assert abs(headwater.clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    headwater.clock.advance(hours=30)
    client = boto3.client("kinesis")
    assert client.list_streams()["StreamNames"] == [kinesis_stream]
    client.close()

@pytest.mark.parametrize("turn", [1, 2])
def test_no_fault_outlives_its_test(headwater, kinesis_stream, turn):
    assert len(headwater.faults) == 0
    headwater.faults.cut("PutRecord")
"""
"""Tests that would fail if anything of one were left to the next."""


@pytest.mark.long
def test_the_suites_in_the_documentation_pass_and_no_test_leaves_anything_to_the_next(tmp_path: Path) -> None:
    suites: dict[str, str] = {}
    for page, count in SUITES_ON_PAGES.items():
        found = suites_of((ROOT / "docs" / page).read_text())
        assert len(found) == count, page
        suites |= {f"{page.removesuffix('.md')}_{number}": suite for number, suite in enumerate(found)}
    expected = {name: suite.count("def test_") for name, suite in suites.items()}
    passed = run_tests(tmp_path, {**suites, "each_on_its_own": EACH_ON_ITS_OWN})
    assert passed == {**expected, "each_on_its_own": 4}


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
