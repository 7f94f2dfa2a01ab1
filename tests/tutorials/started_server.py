"""A server that is started as a user starts it: `headwater start`, in a plain environment.

A tutorial's port may be taken on a machine that runs the tests: then any free port
stands in for it, and everything else stays as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import RunningServer
from tests.waiting import RETRY_FOR_S

START_TIMEOUT_S = RETRY_FOR_S
READY = re.compile(r"is ready at (https?://[\w.]+:\d+)")
FREE_PORT = ("--port", "0")


@contextmanager
def started_server(folder: Path, *options: str, port: tuple[str, ...] = ()) -> Iterator[RunningServer]:
    """`headwater start` with these options, and the option of the port: by default the default port."""
    with _started(folder, *port, *options) as endpoint_url:
        if endpoint_url is not None:
            yield RunningServer(endpoint_url)
            return
    with _started(folder, *FREE_PORT, *options) as endpoint_url:
        assert endpoint_url is not None, (folder / "log").read_text()
        yield RunningServer(endpoint_url)


def plain_environment(home: Path) -> dict[str, str]:
    """The environment of a user without a profile, and without a setting of the server."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HEADWATER_"))}
    return mine | {"HOME": str(home), "USERPROFILE": str(home), "PYTHONUTF8": "1", "TZ": "UTC"}


@contextmanager
def _started(folder: Path, *options: str) -> Iterator[str | None]:
    """The endpoint of a new server; `None` if it ended instead of starting."""
    log = folder / "log"
    command = [sys.executable, "-m", "headwater", "start", *options]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=plain_environment(folder)
        ) as process,
    ):
        try:
            yield _endpoint_url(process, log)
        finally:
            process.terminate()


def _endpoint_url(process: subprocess.Popen[bytes], log: Path) -> str | None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        ready = READY.search(log.read_text())
        if ready:
            return ready[1]
        time.sleep(0.01)
    return None
