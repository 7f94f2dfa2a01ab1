"""Servers that run in the background: started, found and stopped by the files that they hold.

Refuses to know how commands show them.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from headwater.app.pid_file import is_free
from headwater.config import run_folder

ENDING = ".json"
ASK_TIMEOUT_S = 5.0
LOOK_AGAIN_S = 0.05
LOG_TAIL_CHARACTERS = 2_000


class BackgroundServer(NamedTuple):
    """A server that runs in the background."""

    file: Path
    pid: int
    endpoints: list[str]
    version: str
    data: str | None

    @property
    def port(self) -> int:
        """Its first port."""
        return urlsplit(self.endpoints[0]).port or 0

    @property
    def log(self) -> Path:
        """What it writes."""
        return self.file.with_suffix(".log")

    def shown(self) -> dict[str, Any]:
        """As a line of JSON has it."""
        told = {"pid": self.pid, "port": self.port, "endpoints": self.endpoints, "data": self.data}
        return {**told, "version": self.version, "log": str(self.log)}


class StartFailed(Exception):
    """A server ended before it was ready; the text is what it said. Or another one has its port."""


def start_server(arguments: Sequence[str], port: int) -> BackgroundServer:
    """Start a server that goes on when this process ends; returns once it is ready. Raises `StartFailed`."""
    folder = run_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{port or secrets.token_hex(4)}{ENDING}"
    there = server_of(file)
    if there is not None:
        raise StartFailed(
            f"headwater: process {there.pid} runs at port {port} in the background already: "
            f"`headwater stop --port {port}` ends it"
        )
    command = [sys.executable, "-m", "headwater", "start", *arguments, "--pid-file", str(file)]
    with file.with_suffix(".log").open("ab") as log:
        began_at = log.tell()
        process = subprocess.Popen(  # noqa: S603 - this very program, with the user's own options
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    assert process.stdout is not None
    with process.stdout as announced:
        is_ready = bool(announced.readline())
    if not is_ready:
        process.wait()
        raise StartFailed(_tail(file.with_suffix(".log"), began_at))
    started = server_of(file)
    if started is None:
        raise StartFailed(f"{file} does not say where it is")
    process.returncode = 0  # it goes on: nobody here waits for its end
    return started


def servers(folder: Path | None = None) -> list[BackgroundServer]:
    """Those that run, by their ports. What servers have left that were killed is removed."""
    folder = folder or run_folder()
    files = sorted(folder.glob(f"*{ENDING}")) if folder.is_dir() else []
    found = [server for server in map(server_of, files) if server is not None]
    return sorted(found, key=lambda server: server.port)


def absence(port: int | None) -> str:
    """That none runs, in words; where one was looked for at a port, with the ports of others."""
    others = ", ".join(str(server.port) for server in servers())
    if port is None or not others:
        return "No server runs in the background."
    return f"No server runs in the background at port {port}; there is one at {others}."


def stop_server(server: BackgroundServer, timeout_s: float) -> bool:
    """Tell a server to stop; whether it has ended in time."""
    with suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGTERM)
    ends_s = time.monotonic() + timeout_s
    while server_of(server.file) is not None:
        if time.monotonic() > ends_s:
            return False
        time.sleep(LOOK_AGAIN_S)
    return True


def health_at(endpoint_url: str) -> str:
    """What a server says of itself: `running`, or why not."""
    url = urlsplit(endpoint_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=ASK_TIMEOUT_S)
    try:
        connection.request("GET", "/_headwater/health")
        answer = json.loads(connection.getresponse().read())
        return str(answer.get("status") or answer.get("message"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"does not answer: {error}"
    finally:
        connection.close()


def server_of(file: Path) -> BackgroundServer | None:
    """The server that holds a file; `None` when nobody does, and then the file is removed."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except OSError:
        return None
    is_stale = is_free(descriptor)
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        told = json.loads(os.read(descriptor, os.fstat(descriptor).st_size) or b"{}")
    except ValueError:
        told = {}
    if is_stale:
        _remove(file, descriptor)
        return None
    os.close(descriptor)
    if not told:
        return None  # it is about to start
    return BackgroundServer(file, told["pid"], told["endpoints"], told["version"], told["data"])


def _remove(file: Path, descriptor: int) -> None:
    """Remove a file that this process holds, and close it."""
    if sys.platform == "win32":  # which removes no file that is open
        os.close(descriptor)
        file.unlink(missing_ok=True)
        return
    file.unlink(missing_ok=True)
    os.close(descriptor)


def _tail(log: Path, began_at: int) -> str:
    text = log.read_bytes()[began_at:].decode("utf-8", "replace").strip()
    return text[-LOG_TAIL_CHARACTERS:] or "it said nothing"
