"""A server without functions does not pay for them, and one with functions ends with them."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.lambda_.function_server import FunctionServer, function_server, is_running
from tests.waiting import awaited

WAITING = """
import os, time
def handler(event, context):
    with open(event["pid"], "w") as file:
        file.write(f"{os.getpid()} ")
    time.sleep(event["seconds"])
    return "done"
"""
SERVER_OF_STREAMS = """
import asyncio, sys
from headwater.app.server import Server
from headwater.config import Config

async def main():
    server = Server(Config(ports=(0,), log_level="error"))
    await server.start()
    await server.stop(0)

asyncio.run(main())
loaded = [name for name in sys.modules if name.startswith("headwater.lambda_.")]
print(sorted(loaded))
"""


def test_a_server_of_streams_loads_nothing_for_functions() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SERVER_OF_STREAMS], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == str(["headwater.lambda_.lazy"])


def invoke_until_the_end(server: FunctionServer, pid: Path, seconds: float) -> list[object]:
    """Begin an invocation in a thread; what came of it is in the list, once it has ended."""
    came: list[object] = []

    def run() -> None:
        try:
            came.append(server.invoke("waiting", {"pid": str(pid), "seconds": seconds}).payload)
        except (BotoCoreError, ClientError) as error:
            came.append(error)

    threading.Thread(target=run).start()
    awaited(lambda: pid.exists() and pid.read_text().endswith(" "))
    return came


@pytest.mark.long
def test_an_invocation_under_way_ends_before_the_server_does(tmp_path: Path) -> None:
    with function_server(tmp_path, "--shutdown-grace-s", "120") as server:
        server.create_python("waiting", WAITING)
        came = invoke_until_the_end(server, tmp_path / "pid", 0.7)
    awaited(lambda: came)
    assert came == ["done"]
    assert not is_running(int((tmp_path / "pid").read_text()))


@pytest.mark.long
def test_an_invocation_that_takes_longer_than_the_grace_is_cut_off(tmp_path: Path) -> None:
    with function_server(tmp_path, "--shutdown-grace-s", "0.1") as server:
        server.create_python("waiting", WAITING, Timeout=900)
        came = invoke_until_the_end(server, tmp_path / "pid", 600)
    awaited(lambda: came)
    assert isinstance(came[0], BotoCoreError)
    awaited(lambda: not is_running(int((tmp_path / "pid").read_text())))
    log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log
    assert "never retrieved" not in log


@pytest.mark.long
def test_temporary_code_is_gone_with_the_server(tmp_path: Path) -> None:
    text = "import os\ndef handler(event, context): return os.getcwd()"
    with function_server(tmp_path) as server:
        server.create_python("here", text)
        place = Path(server.invoke("here").payload)
        assert place.is_dir()
    awaited(lambda: not place.exists())
