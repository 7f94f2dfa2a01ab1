"""What many tests share: a running server, and the real SDK's client for it.

`server` is one process for the whole session: a test uses a stream of its own, under a
name that no other test has.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, settings

from tests.groups import GroupScheduling, place_of
from tests.waiting import RETRY_FOR_S

START_TIMEOUT_S = RETRY_FOR_S

BUSY = [HealthCheck.too_slow]  # a machine with other work is slow, and nothing is wrong

# How many examples a property is tried with that does not say it itself: every day, and by `make test-long`.
settings.register_profile("everyday", max_examples=15, deadline=None, suppress_health_check=BUSY)
settings.register_profile("thorough", max_examples=100, deadline=None, suppress_health_check=BUSY)
if settings.get_current_profile_name() != "thorough":
    settings.load_profile("everyday")

# The tests start a hundred processes. Each would compile the whole source anew where nothing may be cached.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What a shell runs in its background ignores interrupts, and so would every process that a test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


MARK_OF_A_FILE = re.compile(rb"^pytestmark = \[?pytest\.mark\.(\w+)", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file whose mark the run leaves out is not even imported: each worker would import it."""
    if collection_path.suffix != ".py":
        return None
    mark = MARK_OF_A_FILE.search(collection_path.read_bytes())
    left_out = re.findall(r"\bnot (\w+)", config.option.markexpr)
    return True if mark and mark[1].decode() in left_out else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    items.sort(key=lambda item: place_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling | None:
    """Groups are ours; everything else is pytest-xdist's own."""
    return GroupScheduling(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays: the garbage collector looks at it once it is all there."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: the garbage collector need not look at it again and again."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """pytest has looked through all for what nobody closed, and would again; so would Python at its end."""
    gc.freeze()


@dataclass(frozen=True)
class RunningServer:
    """A server in a process of its own."""

    endpoint_url: str
    process_id: int = 0
    """0 where it is not known."""


@contextmanager
def started_server(log: Path, *options: str) -> Iterator[RunningServer]:
    """A server on a free port, until the block is left: streams are ready and consumers back at once."""
    quick = ("--transition-ms", "20", "--resubscribe-at-once")
    command = [sys.executable, "-m", "headwater", "start", "--port", "0", *quick, *options]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield RunningServer(_ready_endpoint_url(process, log), process.pid)
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The server that most tests share; another one if `HEADWATER_TEST_SERVER` is its URL."""
    url = os.environ.get("HEADWATER_TEST_SERVER")
    if url is not None:
        yield RunningServer(url)
        return
    with started_server(tmp_path_factory.mktemp("server") / "log") as running:
        yield running


def client_for(endpoint_url: str, **options: Any) -> Any:
    """A boto3 client that never retries, so that a test sees every error; takes more of its `options`."""
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
        **options,
    )


@pytest.fixture(scope="session")
def clients_by_url() -> Iterator[dict[str, Any]]:
    """One boto3 client for each server: to make one takes longer than most calls."""
    made: dict[str, Any] = {}
    yield made
    for client in made.values():
        client.close()


@pytest.fixture
def kinesis(server: RunningServer, clients_by_url: dict[str, Any]) -> Any:
    """A boto3 client for the server."""
    url = server.endpoint_url
    if url not in clients_by_url:
        clients_by_url[url] = client_for(url)
    return clients_by_url[url]


def _ready_endpoint_url(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        ready = re.search(r"https?://[\w.\-\[\]:]+:\d+", log.read_text())
        if ready:
            return ready[0]
        time.sleep(0.01)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
