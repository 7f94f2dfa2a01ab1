"""What a single put is made of: bytecodes and calls of the server for each PutRecord, by part.

    python -m benchmarks.put_profile [--http2] [--connections 16] [--streams 1]

The server runs in this thread, and another one puts over real connections. Bytecodes are counted by the
interpreter's tracing, so the figures do not depend on how busy the machine is; the time that they take
does, and what is done in C (the parser of JSON, LMDB, the loop, the kernel) does not show at all.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import headwater
from benchmarks.kinesis import HEADERS as COMMON_HEADERS
from headwater.app.run import new_event_loop
from headwater.app.server import Server
from headwater.config import Config, InitialStream
from headwater.server.http.hpack import field_bytes
from headwater.server.http.http2_frames import (
    END_HEADERS,
    END_STREAM,
    HEAD_BYTES,
    Kind,
    frame,
    read_head,
    settings,
    window_update,
)
from headwater.server.http.protocol_detector import HTTP2_PREFACE

ROOT = Path(headwater.__file__).parent
CONNECTIONS = 16
WARM_UP_TURNS = 50
TURNS = 50
SHARDS = 4
PARTS = {
    "server/http": "HTTP: bytes to a request, an answer to bytes",
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

HEADERS = COMMON_HEADERS | {"X-Amz-Target": "Kinesis_20131202.PutRecord"}


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


DATA = b64encode(b"x" * 100).decode()
BODIES = [
    f'{{"StreamName":"bench","Data":"{DATA}","PartitionKey":"key-{number:06}"}}'.encode()
    for number in range(100)
]


def put(port: int, turns: int, connections: int = CONNECTIONS) -> None:
    """Put on all connections at once, again and again."""
    with ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)
        ]
        for turn in range(turns):
            for at, connection in enumerate(opened):
                body = BODIES[(turn + at) % len(BODIES)]
                connection.sendall(HEAD.format(size=len(body)).encode() + body)
            for connection in opened:
                answer = connection.recv(65536)
                if b"SequenceNumber" not in answer:
                    raise SystemExit(f"not a put's answer: {answer!r}")


class Http2Client:
    """One connection with prior knowledge, whose requests have the same head."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._last_stream_id = -1
        self._came = b""
        names = (
            b":method",
            b":path",
            b":scheme",
            b":authority",
            *(name.lower().encode() for name in HEADERS),
        )
        values = (b"POST", b"/", b"http", b"localhost", *(value.encode() for value in HEADERS.values()))
        self._block = b"".join(map(field_bytes, names, values))
        connection.sendall(HTTP2_PREFACE + settings({}) + window_update(0, 1 << 30))

    def ask(self, bodies: list[bytes]) -> None:
        """Send so many requests in one write."""
        parts = []
        for body in bodies:
            self._last_stream_id += 2
            parts.append(frame(Kind.HEADERS, END_HEADERS, self._last_stream_id, self._block))
            parts.append(frame(Kind.DATA, END_STREAM, self._last_stream_id, body))
        self._connection.sendall(b"".join(parts))

    def take(self, count: int) -> None:
        """Wait for so many answers."""
        while count:
            self._came += self._connection.recv(65536)
            while len(self._came) >= HEAD_BYTES:
                sized, flags, _ = read_head(self._came)
                kind, size = sized & 0xFF, HEAD_BYTES + (sized >> 8)
                if len(self._came) < size:
                    break
                answer, self._came = self._came[HEAD_BYTES:size], self._came[size:]
                if kind == Kind.DATA:
                    if not flags & END_STREAM or b"SequenceNumber" not in answer:
                        raise SystemExit(f"not a put's answer: {answer!r}")
                    count -= 1


def put_on_http2(port: int, turns: int, connections: int, streams: int) -> None:
    """The same on HTTP/2: on all streams of all connections at once."""
    with ExitStack() as stack:
        clients = [
            Http2Client(stack.enter_context(socket.create_connection(("127.0.0.1", port))))
            for _ in range(connections)
        ]
        for turn in range(turns):
            for at, client in enumerate(clients):
                client.ask([BODIES[(turn + at + stream) % len(BODIES)] for stream in range(streams)])
            for client in clients:
                client.take(streams)


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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--http2", action="store_true")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--streams", type=int, default=1, help="at once on each connection of HTTP/2")
    asked = parser.parse_args()
    config = Config(ports=(0,), create_streams=(InitialStream("bench", SHARDS),))
    if asked.http2:
        work = partial(put_on_http2, connections=asked.connections, streams=asked.streams)
    else:
        work = partial(put, connections=asked.connections)
    print_profile(work, config, TURNS * asked.connections * (asked.streams if asked.http2 else 1))


if __name__ == "__main__":
    main()
