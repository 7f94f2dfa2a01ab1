"""The tests of operations against two servers over the same data, each request sent to the other one in turn.

They are the tests beside this one as they are, run by a pytest of their own, each with its first parameters;
but for those of requests that are refused before anybody looks at data.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.source_tree import ROOT

pytestmark = pytest.mark.long
REFUSALS = ("validation", "test_stream_reference.py", "test_operation_table.py", "test_fault_checks.py")
DIFFERENT = (
    "test_put_record.py::test_a_stream_that_distributes_records_itself_spreads_them_evenly",
    "test_receive_queue_records.py::test_many_who_wait_share_what_comes",
)
"""Each server takes turns of its own; a receive that meets another server's may bring less."""


def test_two_servers_answer_as_one() -> None:
    left_out = [f"--ignore=tests/api/{name}" for name in REFUSALS]
    left_out += [f"--deselect=tests/api/{name}" for name in DIFFERENT]
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-m",
            "not long",
            *left_out,
            "tests/api",
        ],
        cwd=ROOT,
        env={**os.environ, "HEADWATER_TEST_SHARED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
