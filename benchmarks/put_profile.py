"""What a single put is made of: bytecodes and calls of the server for each PutRecord, by part.

    python -m benchmarks.put_profile

The server runs in this thread, and another one puts over real connections. Bytecodes are counted by the
interpreter's tracing, so the figures do not depend on how busy the machine is; the time that they take
does, and what is done in C (the parser of JSON, LMDB, the loop, the kernel) does not show at all.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from base64 import b64encode
from collections import Counter
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import headwater
from headwater.app.run import new_event_loop
from headwater.app.server import Server
from headwater.config import Config, InitialStream

ROOT = Path(headwater.__file__).parent
CONNECTIONS = 16
WARM_UP_TURNS = 50
TURNS = 50
SHARDS = 4
PARTS = {
    "server/http": "HTTP/1.1: bytes to a request, an answer to bytes",
    "server": "dispatch: which operation, ids, counts",
    "server/request_log.py": "the line of the log",
    "api/validation": "decoding and checking the body",
    "wire": "encoding the answer",
    "api": "the operation: its checks, its answer",
    "engine": "engine: routing, payload, sequence number",
    "model": "engine: routing, payload, sequence number",
    "model/completion.py": "waiting for the commit",
    "model/clock.py": "reading the clock",
    "engine/metrics": "metrics",
    "storage": "store: gathering and writing a commit",
}
"""By the beginning of a module's path; the longest counts."""
REST = "other"
HEAD = (
    "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 "
    "Credential=AKIDEXAMPLE/20250101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00\r\n"
    "X-Amz-Date: 20250101T000000Z\r\nX-Amz-Target: Kinesis_20131202.PutRecord\r\n"
    "Content-Type: application/x-amz-json-1.1\r\nContent-Length: {size}\r\n\r\n"
)


class Counts:
    """Bytecodes and calls by part, while tracing."""

    def __init__(self) -> None:
        self.bytecodes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._parts: dict[str, str] = {}

    def trace(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """Called for each call, as `sys.settrace` has it."""
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        part = self._part(frame.f_code.co_filename)
        self.calls[part] += 1

        def count(_frame: FrameType, event: str, _argument: object) -> Any:
            if event == "opcode":
                self.bytecodes[part] += 1
            return count

        return count

    def _part(self, file: str) -> str:
        if file not in self._parts:
            path = file.removeprefix(f"{ROOT}/")
            self._parts[file] = PARTS.get(max(filter(path.startswith, PARTS), key=len, default=""), REST)
        return self._parts[file]


def put(port: int, turns: int) -> None:
    """Put on all connections at once, again and again."""
    data = b64encode(b"x" * 100).decode()
    bodies = [
        f'{{"StreamName":"bench","Data":"{data}","PartitionKey":"key-{number:06}"}}' for number in range(100)
    ]
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)
        ]
        for turn in range(turns):
            for at, connection in enumerate(connections):
                body = bodies[(turn + at) % len(bodies)]
                connection.sendall((HEAD.format(size=len(body)) + body).encode())
            for connection in connections:
                answer = connection.recv(65536)
                if b"SequenceNumber" not in answer:
                    raise SystemExit(f"not a put's answer: {answer!r}")


async def profile() -> Counts:
    """Count a server's work for puts."""
    server = Server(Config(ports=(0,), create_streams=(InitialStream("bench", SHARDS),)))
    await server.start()
    port = urlsplit(server.endpoints[0]).port
    assert port is not None
    counts = Counts()
    try:
        await asyncio.to_thread(put, port, WARM_UP_TURNS)
        sys.settrace(counts.trace)
        await asyncio.to_thread(put, port, TURNS)
        sys.settrace(None)
    finally:
        await server.stop(0)
    return counts


def main() -> None:
    """Print the table."""
    sys.stderr, terminal = StringIO(), sys.stderr  # where the server's log goes
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        counts = runner.run(profile())
    sys.stderr = terminal
    puts = TURNS * CONNECTIONS
    print("| part | bytecodes | calls |\n| --- | --- | --- |")
    for part, bytecodes in counts.bytecodes.most_common():
        print(f"| {part} | {bytecodes / puts:.0f} | {counts.calls[part] / puts:.1f} |")
    print(f"| all | {counts.bytecodes.total() / puts:.0f} | {counts.calls.total() / puts:.1f} |")


if __name__ == "__main__":
    main()
