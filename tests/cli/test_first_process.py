"""What the first process of a container does for the server and for what nobody else waits for.

Here it is no first process: the kernel is told to treat it as one, where orphans are concerned.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")

SCRIPT = """
import ctypes, os, signal, sys, time
from headwater.cli.first_process import look_after_server

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
look_after_server()
"""
"""Behind it comes what the server does."""


@contextmanager
def started(server: str) -> Iterator[subprocess.Popen[str]]:
    """A first process, whose server is a piece of Python that prints a line when it is ready."""
    command = [sys.executable, "-c", SCRIPT + server]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            for server_id in children(process) if process.poll() is None else ():
                os.kill(server_id, signal.SIGKILL)
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def children(process: subprocess.Popen[str]) -> list[int]:
    return [
        int(each) for each in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ]


@pytest.mark.parametrize(
    ("ending", "code"),
    [("sys.exit(0)", 0), ("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", 137)],
)
def test_it_ends_as_the_server_ends(ending: str, code: int) -> None:
    with started(ending) as process:
        assert process.wait() == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_server(number: signal.Signals) -> None:
    server = f"""
signal.pthread_sigmask(signal.SIG_BLOCK, [{int(number)}])
print("ready", flush=True)
print(int(signal.sigwait([{int(number)}])), flush=True)
sys.exit(7)
"""
    with started(server) as process:
        assert line(process) == "ready"
        process.send_signal(number)
        assert line(process) == str(int(number))
        assert process.wait() == 7


def test_the_server_has_the_signals_that_a_program_begins_with() -> None:
    with started(
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), os.getpgid(0) == os.getpid())"
    ) as process:
        assert line(process) == "set() True"


def test_orphans_are_waited_for() -> None:
    server = """
for _ in range(3):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.05)
        os._exit(0)
    os.wait()
print("ready", flush=True)
time.sleep(600)
"""
    with started(server) as process:
        assert line(process) == "ready"
        wait_until(lambda: len(children(process)) == 1, "only the server is left")


@pytest.mark.long  # it needs the right to make a namespace; everyday: the parts above
def test_a_server_that_is_the_first_process_serves_and_ends_cleanly() -> None:
    inside = [sys.executable, "-m", "headwater", "start", "--port", "0"]
    command = ["unshare", "--pid", "--fork", "--kill-child", *inside]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE) as process:
        ready = line(process)
        if not ready:
            pytest.skip("this user may make no namespace")
        assert "is ready at" in ready
        (first,) = children(process)
        os.kill(first, signal.SIGTERM)
        assert process.wait() == 0
