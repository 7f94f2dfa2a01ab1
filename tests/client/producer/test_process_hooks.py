"""What a producer holds when its process ends, is told to end, is killed, or forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.client.producer.producing_program import RECORDS
from tests.client.streams import new_stream, stored
from tests.conftest import RunningServer
from tests.waiting import RETRY_FOR_S

ALL = sorted(f"record {number}".encode() for number in range(RECORDS))


@contextmanager
def started(program: str, server: RunningServer, name: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        "tests.client.producer.producing_program",
        program,
        server.endpoint_url,
        name,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdout is not None
    for read in process.stdout:
        if read.strip() == line:
            return
    assert process.stderr is not None
    pytest.fail(process.stderr.read().decode())


def data_of(kinesis: Any, name: str) -> list[bytes]:
    return sorted(record.data for record in stored(kinesis, name))


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("end", 0),
        pytest.param("fail", 1, marks=pytest.mark.long),
        pytest.param("end_in_thread", 0, marks=pytest.mark.long),
        pytest.param("end_async", 0, marks=pytest.mark.long),
    ],
)
def test_the_end_of_the_program_puts_what_is_held(
    kinesis: Any, server: RunningServer, program: str, status: int
) -> None:
    name = new_stream(kinesis)
    with started(program, server, name) as process:
        read_until(process, b"put")
        assert process.wait(RETRY_FOR_S) == status
    assert data_of(kinesis, name) == ALL


@pytest.mark.parametrize("program", ["wait", pytest.param("wait_async", marks=pytest.mark.long)])
def test_sigterm_loses_nothing_and_ends_the_process_as_it_would_have(
    kinesis: Any, server: RunningServer, program: str
) -> None:
    name = new_stream(kinesis)
    with started(program, server, name) as process:
        read_until(process, b"put")
        process.terminate()
        assert process.wait(RETRY_FOR_S) == -signal.SIGTERM
    assert data_of(kinesis, name) == ALL


def test_sigterm_goes_on_to_the_handler_that_was_there(kinesis: Any, server: RunningServer) -> None:
    name = new_stream(kinesis)
    with started("wait_with_handler", server, name) as process:
        read_until(process, b"put")
        process.terminate()
        read_until(process, b"handled")
        assert process.wait(RETRY_FOR_S) == 7
    assert data_of(kinesis, name) == ALL


def test_a_process_that_ignores_sigterm_goes_on_doing_so(kinesis: Any, server: RunningServer) -> None:
    name = new_stream(kinesis)
    with started("wait_ignoring", server, name) as process:
        read_until(process, b"put")
        process.terminate()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(RETRY_FOR_S) == 0
    assert data_of(kinesis, name) == []


def test_sigkill_loses_only_what_had_no_resolved_future(kinesis: Any, server: RunningServer) -> None:
    name = new_stream(kinesis)
    with started("put_one_and_wait", server, name) as process:
        read_until(process, b"resolved")
        read_until(process, b"put")
        process.kill()
        assert process.wait(RETRY_FOR_S) == -signal.SIGKILL
    assert data_of(kinesis, name) == [b"resolved"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("program", [pytest.param("fork", marks=pytest.mark.long), "fork_after_use"])
def test_parent_and_child_each_put_their_own_records_once(
    kinesis: Any, server: RunningServer, program: str
) -> None:
    name = new_stream(kinesis)
    with started(program, server, name) as process:
        read_until(process, b"put")
        assert process.wait(RETRY_FOR_S) == 0, process.stderr and process.stderr.read().decode()
    flushed = [b"parent flushed"] if program == "fork_after_use" else []
    assert data_of(kinesis, name) == sorted(
        [b"before", b"parent", *flushed]
        + [f"{text} {number}".encode() for text in ("parent", "child") for number in range(RECORDS)]
    )
