"""Where there is no uvloop, no fork, no Unix socket and no signal handler of a loop: what holds on Windows.

It is imitated (`other_system.py`): that files are locked and processes ended there is not shown.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.tutorials.started_server import plain_environment
from tests.waiting import RETRY_FOR_S

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import os, sys
from pathlib import Path
from headwater.client import KinesisConsumer, KinesisProducer
from headwater.testing import Headwater

with Headwater(transition_ms=0, data_dir=Path(sys.argv[1])) as server:
    os.environ.update(server.environment)
    server.client().create_stream(StreamName="orders", ShardCount=1)
    with KinesisProducer("orders") as producer:
        producer.put(b"3 apples", partition_key="alice")
    with KinesisConsumer("orders", start="TRIM_HORIZON") as consumer:
        print(next(iter(consumer)).data)
"""


def on_windows(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A program that runs there, as nearly as that can be had."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.other_system", *arguments],
        cwd=ROOT,
        env=plain_environment(folder) | {"LOCALAPPDATA": str(folder), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_server_in_a_test_and_the_client_library_work(tmp_path: Path) -> None:
    with on_windows(tmp_path, PROGRAM, str(tmp_path / "data")) as program:
        out, err = program.communicate(timeout=RETRY_FOR_S)
    assert (out, program.returncode) == ("b'3 apples'\n", 0), err


def test_a_server_starts_says_where_it_is_and_ends_by_an_interrupt(tmp_path: Path) -> None:
    file = tmp_path / "server.json"
    with on_windows(tmp_path, "command", "start", "--port", "0", "--pid-file", str(file)) as server:
        assert server.stdout is not None
        assert "is ready at" in server.stdout.readline()
        told = json.loads(file.read_text())
        with urlopen(f"{told['endpoints'][0]}/_headwater/health", timeout=RETRY_FOR_S) as answer:
            assert json.load(answer)["status"] == "running"
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=RETRY_FOR_S)
    assert (server.returncode, file.exists()) == (130, False), err  # as who is interrupted says


@pytest.mark.parametrize("command", ["start --detach", "status --pid-file server.json"])
def test_what_needs_locks_or_processes_of_posix_is_refused_in_words(command: str, tmp_path: Path) -> None:
    with on_windows(tmp_path, "command", *command.split()) as refused:
        _, err = refused.communicate(timeout=RETRY_FOR_S)
    assert refused.returncode == 2
    assert "needs a system with POSIX's" in err
