"""A server as a user starts it, in a process that can be killed, and a plain connection to it."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from headwater.wire.event_stream import EventStreamDecoder
from tests.waiting import RETRY_FOR_S

HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Date": "20261120T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host, Signature=00",
}
"""Of every call, beside the operation's name."""

GONE = (OSError, http.client.HTTPException)
"""What a client sees of a server that was killed."""


class Refused(AssertionError):
    """An answer that is an error: a failure of the test, unless the test knows why it may be."""

    def __init__(self, operation: str, members: dict[str, Any], answer: dict[str, Any]) -> None:
        super().__init__(f"{operation} {members}: {answer}")
        self.code = answer.get("__type")


class ServerProcess:
    """A `headwater start` on a data directory."""

    def __init__(
        self,
        data_dir: Path,
        transition_ms: int,
        log: Path,
        *options: str,
        inside: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`inside` is a command that becomes the one that follows it, in the same process."""
        settings = ["--port", "0", "--data-dir", str(data_dir), "--transition-ms", str(transition_ms)]
        settings += ["--log-level", "error", *options]
        self._log = log
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [
                    *inside,
                    sys.executable,
                    "-m",
                    "headwater",
                    "start",
                    *settings,
                    "--log-level",
                    "error",
                    *options,
                ],
                env={name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
                | dict(variables or {}),
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        ready = re.search(r"https?://(\S+):(\d+)", self._process.stdout.readline())
        assert ready is not None, f"the server did not start: {self._log.read_text()}"
        self._host, self._port = ready[1], int(ready[2])

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        return self._port

    def connect(self) -> Connection:
        return Connection(self._host, self._port)

    def kill(self) -> None:
        """Harmless for a server that has ended."""
        self._process.kill()
        self._wait()

    def stop(self) -> int:
        """Stop it as a user does; returns the exit code."""
        self._process.terminate()
        return self._wait()

    def wait(self) -> int:
        """The exit code of a server that ends by itself."""
        return self._wait()

    def _wait(self) -> int:
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._process.wait(RETRY_FOR_S)


class Connection:
    """Calls operations, one at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._http = http.client.HTTPConnection(host, port, timeout=RETRY_FOR_S)

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer. Raises `Refused` for one that is not 200."""
        status, answer = self.ask(operation, **members)
        if status != 200:
            raise Refused(operation, members, answer)
        return answer

    def admin(self, method: str, route: str, **members: Any) -> dict[str, Any]:
        """The answer of a route of the server's own."""
        self._http.request(method, f"/_headwater/{route}", json.dumps(members) if members else None)
        answer = self._http.getresponse()
        text = answer.read()
        assert answer.status == 200, f"{route} {members}: {text!r}"
        read: dict[str, Any] = json.loads(text)
        return read

    def ask(self, operation: str, **members: Any) -> tuple[int, dict[str, Any]]:
        """The answer with its status, whatever it is."""
        answer = self._send(operation, members)
        text = answer.read()
        read: dict[str, Any] = json.loads(text) if text else {}
        return answer.status, read

    def events(self, **members: Any) -> Iterator[dict[str, Any]]:
        """The events of SubscribeToShard, as they come; none when it is refused. Uses up the connection."""
        answer = self._send("SubscribeToShard", members)
        decoder = EventStreamDecoder()
        while answer.status == 200 and (data := answer.read1()):
            for message in decoder.feed(data):
                if message.headers.get(":event-type") == "SubscribeToShardEvent":
                    yield json.loads(message.payload)

    def _send(self, operation: str, members: dict[str, Any]) -> http.client.HTTPResponse:
        headers = HEADERS | {"X-Amz-Target": f"Kinesis_20131202.{operation}"}
        self._http.request("POST", "/", json.dumps(members), headers)
        return self._http.getresponse()

    def close(self) -> None:
        self._http.close()
