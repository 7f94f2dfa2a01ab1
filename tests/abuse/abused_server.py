"""A durable server that is abused, and somebody who goes on using it as one should.

Its limits of time are short, so that a test sees them; those of size are the default ones.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.crash.server_process import GONE, HEADERS, Connection, ServerProcess
from tests.waiting import RETRY_FOR_S, wait_until

IDLE_TIMEOUT_S = 1
REQUEST_TIMEOUT_S = 1
GROWTH_MIB_MAX = 96.0
"""What the server may hold more than before, whatever is done to it: a few of the largest requests."""
TOO_LATE = 408
SHARE_MIN = 20
"""So many calls must be answered to somebody else while it is abused."""


class AbusedServer:
    """Use it in a `with` block of `abused_server`."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._opened = ExitStack()
        wait_until(self._has_stream, "an answer")
        self._memory_mib = self.memory_mib()

    def connect(self) -> socket.socket:
        """A connection of somebody who means no good."""
        connected = socket.create_connection(("127.0.0.1", self._server.port), timeout=RETRY_FOR_S)
        return self._opened.enter_context(connected)

    def fill(self, count: int, size: int) -> str:
        """Put large records; an iterator at the first one."""
        for _ in range(count):
            wait_until(lambda: self._has_put(b"x" * size), "an answer")
        with closing(self._server.connect()) as connection:
            shard = connection.call("ListShards", StreamName="orders")["Shards"][0]["ShardId"]
            answer = connection.call(
                "GetShardIterator", StreamName="orders", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )
            return str(answer["ShardIterator"])

    def _has_put(self, data: bytes) -> bool:
        with suppress(*GONE), closing(self._server.connect()) as connection:
            put(connection, data)
            return True
        return False

    def _has_stream(self) -> bool:
        """Make it, and put a first record. Who is slow, on a busy machine, is cut off as anybody is."""
        with suppress(*GONE), closing(self._server.connect()) as connection:
            status, answer = connection.ask("CreateStream", StreamName="orders", ShardCount=1)
            assert status == 200 or answer["__type"] == "ResourceInUseException", answer
            put(connection, b"first")
            return True
        return False

    def memory_mib(self) -> float:
        """What the process holds, other than pages of files; 0 where that cannot be known."""
        if sys.platform != "linux":
            return 0.0
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        found = re.search(r"RssAnon:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    @contextmanager
    def serving_others(self, growth_mib_max: float = GROWTH_MIB_MAX) -> Iterator[None]:
        """Somebody else's calls are answered while the block runs, and memory stays bounded."""
        answered, over = [0], threading.Event()
        faults: list[Exception] = []

        def use() -> None:
            while not faults and (not over.is_set() or answered[0] < SHARE_MIN):
                since_s = time.monotonic()  # the server has heard something later than that
                try:
                    with closing(self._server.connect()) as connection:
                        while not over.is_set() or answered[0] < SHARE_MIN:
                            asked_s = time.monotonic()
                            put(connection, b"meanwhile")
                            answered[0], since_s = answered[0] + 1, asked_s
                except (*GONE, AssertionError) as fault:
                    # Who could not run for so long, on a busy machine, is cut off like all who say nothing.
                    if isinstance(fault, AssertionError) or time.monotonic() - since_s < IDLE_TIMEOUT_S:
                        faults.append(fault)

        user = threading.Thread(target=use)
        user.start()
        try:
            yield
            wait_until(lambda: answered[0] >= SHARE_MIN or bool(faults))
        finally:
            over.set()
            user.join()
        assert not faults, faults
        grown = self.memory_mib() - self._memory_mib
        assert grown < growth_mib_max, f"{grown:.0f} MiB more than before"

    def close(self) -> None:
        self._opened.close()


def put(connection: Connection, data: bytes) -> None:
    """Put a record. Raises one of `GONE` when the server had no patience."""
    text = base64.b64encode(data).decode()
    deadline = time.monotonic() + RETRY_FOR_S
    while True:
        status, answer = connection.ask("PutRecord", StreamName="orders", PartitionKey="key", Data=text)
        if status == 200:
            return
        if status == TOO_LATE:
            raise TimeoutError
        assert answer["__type"] == "ResourceNotFoundException", answer  # it is CREATING
        assert time.monotonic() < deadline


def request(operation: str, body: bytes | None = None, **members: Any) -> bytes:
    """A whole request of HTTP/1.1."""
    if body is None:
        body = json.dumps(members).encode()
    return head(operation, f"Content-Length: {len(body)}") + body


def head(operation: str, *more: str) -> bytes:
    """The head of a request of HTTP/1.1, with more lines."""
    lines = [f"{name}: {value}" for name, value in HEADERS.items()]
    lines += ["Host: localhost", f"X-Amz-Target: Kinesis_20131202.{operation}", *more]
    return "\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode()


def trickle(connection: socket.socket, data: bytes) -> bool:
    """Send a little more; whether it could be sent, as the server had not given up yet."""
    try:
        connection.sendall(data)
    except ConnectionError:
        return False
    return True


def is_given_up(connection: socket.socket) -> bool:
    """Whether the answer is that it has taken too long. What was sent after that may have taken it along."""
    try:
        return b" 408 " in connection.recv(1 << 16)
    except ConnectionError:
        return True


def is_closed(connection: socket.socket) -> bool:
    """Wait until the server has closed a connection; what it says before is dropped."""
    try:
        while connection.recv(1 << 20):
            pass
    except ConnectionError:
        pass
    return True


@contextmanager
def abused_server(
    folder: Path, idle_timeout_s: float = IDLE_TIMEOUT_S, request_timeout_s: float = REQUEST_TIMEOUT_S
) -> Iterator[AbusedServer]:
    """A server of its own; at the end it has had no fault."""
    options = ["--idle-timeout-s", str(idle_timeout_s), "--request-timeout-s", str(request_timeout_s)]
    server = ServerProcess(folder / "data", 0, folder / "log", *options)
    try:
        server.wait_until_ready()
        with closing(AbusedServer(server)) as abused:
            yield abused
    finally:
        server.kill()
    assert "Traceback" not in (folder / "log").read_text()
