"""A client of the Runtime API in a process of its own, and the end that it speaks to."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.waiting import RETRY_FOR_S

POLL_S = 0.05
PREFIX = "/2018-06-01/runtime/"
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


class Said(NamedTuple):
    """What a client posted: `response`, `error` or `init`; `exit`, without a body, when its process ended."""

    kind: str
    body: bytes


class ClientProcess:
    """A running client. One event at a time."""

    def __init__(
        self, command: Sequence[str], folder: Path, handler: str, variables: Mapping[str, str]
    ) -> None:
        self._events: queue.Queue[tuple[bytes, Mapping[str, str]] | None] = queue.Queue()
        self._said: queue.Queue[Said] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "compared",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/compared",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/29/[$LATEST]1",
            "LAMBDA_TASK_ROOT": str(folder),
            "_HANDLER": handler,
            **variables,
        }
        self._log = (folder / f"log-{self._server.server_address[1]}").open("w+b")
        self._process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL
        )

    def ask(self, event: bytes, headers: Mapping[str, str] | None = None) -> Said:
        """Give it an event; what it says to that."""
        self._events.put((event, headers or {}))
        return self.next_said()

    def next_said(self) -> Said:
        """What it says next, at its start perhaps."""
        give_up_at = time.monotonic() + RETRY_FOR_S
        while time.monotonic() < give_up_at:
            has_ended = self._process.poll() is not None
            try:
                return self._said.get(timeout=POLL_S)
            except queue.Empty:
                if has_ended:
                    return Said("exit", b"")
        raise TimeoutError(f"the client said nothing; it wrote: {self.log}")

    @property
    def log(self) -> str:
        """What it has written."""
        return Path(self._log.name).read_bytes().decode()

    def end(self) -> None:
        """End the process, and the end that it speaks to."""
        self._process.kill()
        self._process.wait()
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._log.close()

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        events, said = self._events, self._said

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                event = events.get()
                if event is None:
                    self.close_connection = True
                    return
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": REQUEST_ID,
                    "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 60_000),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:0:function:compared",
                    "Content-Type": "application/json",
                    **event[1],
                }
                self.answer(200, event[0], headers)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = self.path.removeprefix(PREFIX).split("/")
                self.answer(202, b"{}", {})
                said.put(Said("init" if kind[0] == "init" else kind[-1], body))

            def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *values: Any) -> None:  # noqa: A002 - it is named so above
                pass

        return Handler


@contextmanager
def running_client(
    command: Sequence[str], folder: Path, handler: str = "app.handler", **variables: str
) -> Iterator[ClientProcess]:
    """A client that runs while the block does, with a function whose files lie in `folder`."""
    client = ClientProcess(command, folder, handler, variables)
    try:
        yield client
    finally:
        client.end()
