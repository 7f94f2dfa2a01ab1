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
from collections.abc import Callable
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
    "engine/queues": "queues: tracking, handles, acknowledgements on their way to the store",
    "engine/tokens": "sealing handles",
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


async def profile(work: Callable[[int, int], None], config: Config) -> Counts:
    """Count a server's work for `work`, which is given its port and how many turns to make."""
    server = Server(config)
    await server.start()
    port = urlsplit(server.endpoints[0]).port
    assert port is not None
    counts = Counts()
    try:
        await asyncio.to_thread(work, port, WARM_UP_TURNS)
        sys.settrace(counts.trace)
        await asyncio.to_thread(work, port, TURNS)
        sys.settrace(None)
    finally:
        await server.stop(0)
    return counts


def print_profile(work: Callable[[int, int], None], config: Config, times: float) -> None:
    """Print the table of what `work` does `times` in its turns."""
    sys.stderr, terminal = StringIO(), sys.stderr  # where the server's log goes
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        counts = runner.run(profile(work, config))
    sys.stderr = terminal
    print("| part | bytecodes | calls |\n| --- | --- | --- |")
    for part, bytecodes in counts.bytecodes.most_common():
        print(f"| {part} | {bytecodes / times:.0f} | {counts.calls[part] / times:.1f} |")
    print(f"| all | {counts.bytecodes.total() / times:.0f} | {counts.calls.total() / times:.1f} |")


def main() -> None:
    """Print the table."""
    config = Config(ports=(0,), create_streams=(InitialStream("bench", SHARDS),))
    print_profile(put, config, TURNS * CONNECTIONS)


if __name__ == "__main__":
    main()
