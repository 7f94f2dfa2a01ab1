"""HTTP/1.1 and HTTP/2 that no client sends: an answer or an end, and nothing left behind.

First the front ends alone, with thousands of connections in memory; then a whole server,
whose log must not tell of a fault of its own.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import socket
import tracemalloc
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from headwater.model.clock import SystemClock
from headwater.server.http.connections import OpenConnections
from headwater.server.http.exchange import HttpRequest, HttpResponse, Refusal, Respond
from headwater.server.http.http1 import Http1Connection
from headwater.server.http.http2 import Http2Connection
from headwater.server.http.limits import ConnectionLimits
from headwater.server.http.protocol_detector import HTTP2_PREFACE, ConnectionFactory
from tests.conftest import started_server
from tests.fuzz.mutation import mutated
from tests.waiting import RETRY_FOR_S

SEED = 7540

BODY = b'{"StreamName":"orders","PartitionKey":"k","Data":"AAAA"}'
SIGNED = (
    (b"content-type", b"application/x-amz-json-1.1"),
    (b"x-amz-target", b"Kinesis_20131202.PutRecord"),
    (b"x-amz-date", b"20261120T000000Z"),
    (
        b"authorization",
        b"AWS4-HMAC-SHA256 Credential=A/20261120/eu-west-1/kinesis/aws4_request,SignedHeaders=a,Signature=0",
    ),
)
HEAD_1 = b"".join(name + b": " + value + b"\r\n" for name, value in SIGNED)
HTTP1_SAMPLES = [
    b"POST / HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n%b" % (HEAD_1, len(BODY), BODY),
    b"POST / HTTP/1.1\r\nHost: localhost\r\n%bTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (HEAD_1, len(BODY), BODY),
    b"GET /_headwater/health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3,
    b"OPTIONS / HTTP/1.1\r\nOrigin: http://localhost\r\nAccess-Control-Request-Method: POST\r\n\r\n",
    b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /?X-Amz-Algorithm=x&%ff HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\n\r\n",
]


# The front ends in memory


class Memory(asyncio.Transport):
    """A connection to nobody: what is written counts, and is given back slowly."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance
        self.protocol: Any = None
        self.written = b""
        self.closing = False
        self.paused = False
        self.full = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closing or not data
        self.written += bytes(data)
        if not self.full and self._chance.random() < 0.05:
            self.full = True
            self.protocol.pause_writing()

    def drain(self) -> None:
        if self.full:
            self.full = False
            self.protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return len(self.written) if self.full else 0

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True


class ByHand:
    """The part of an event loop that connections use, run by the test."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.soon: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()

    def time(self) -> float:
        return self.now_s

    def call_soon(self, callback: Callable[..., Any], *arguments: Any) -> None:
        self.soon.append((callback, arguments))

    def run(self) -> None:
        while self.soon:
            callback, arguments = self.soon.popleft()
            callback(*arguments)


class Source:
    """A streamed body that writes a little and ends now and then."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.stopped = False

    def start(self, writer: Any) -> None:
        writer.write(b"x" * self._chance.randrange(1, 50))
        if self._chance.random() < 0.5:
            writer.end()
            self.stopped = True

    def pause(self) -> None:
        assert not self.stopped

    def resume(self) -> None:
        assert not self.stopped

    def stop(self) -> None:
        assert not self.stopped
        self.stopped = True


class Whim:
    """Answers now, later, or with a body that goes on."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.later: list[Callable[[], None]] = []
        self.answered = 0

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        assert isinstance(request.body, bytes)
        self.answered += 1
        how = self._chance.random()
        response = HttpResponse(200, (), b"x" * self._chance.choice((0, 5, 300)), "id", None)
        if how < 0.1:
            respond.answer(response._replace(body=b"", source=Source(self._chance)))
        elif how < 0.3:
            self.later.append(lambda: respond.answer(response))
        else:
            respond.answer(response)

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        respond.answer(HttpResponse(refusal.status, (), b"no", "id", None))


def converse(chance: Random, data: bytes) -> int:
    """One connection that says `data` in parts; tells how many requests were understood."""
    loop, whim = ByHand(), Whim(chance)
    limits = ConnectionLimits(header_bytes=2000, body_bytes=2000)
    connections = OpenConnections(SystemClock())
    some_loop: Any = loop
    doorway = ConnectionFactory(
        lambda: Http1Connection(whim, limits, connections, some_loop),
        lambda: Http2Connection(whim, limits, connections, some_loop),
        None,
        limits=limits,
        connections=connections,
        loop=some_loop,
        warn=lambda text: None,
    )
    transport = Memory(chance)
    transport.protocol = doorway.connection()
    transport.protocol.connection_made(transport)
    while data and not transport.closing:
        size = chance.choice((1, 10, 100, 10_000, len(data)))
        part, data = data[:size], data[size:]
        if not transport.paused:
            transport.protocol.data_received(part)
        loop.run()
        if chance.random() < 0.3:
            transport.drain()
        if whim.later and chance.random() < 0.5:
            whim.later.pop()()
            loop.run()
        if chance.random() < 0.02:
            loop.now_s += 1
            transport.protocol.sweep(loop.now_s)
    if chance.random() < 0.3:
        transport.protocol.eof_received()
    if chance.random() < 0.3:
        transport.protocol.shut_down()
    loop.run()
    assert b" 500 " not in transport.written
    loop.now_s += 1000
    transport.drain()
    transport.protocol.sweep(loop.now_s)
    transport.protocol.connection_lost(None)
    for respond in whim.later:
        respond()
    loop.run()
    assert not len(connections)
    return whim.answered


def http2_frames(chance: Random) -> list[Frame]:
    """What a client might say after its preface, if it wanted to see what happens."""
    client = H2Connection(H2Configuration(client_side=True))
    frames: list[Frame] = [SettingsFrame(0, settings={4: chance.choice((0, 10, 65_535, 2**31 - 1))})]
    for number in range(chance.randrange(1, 8)):
        stream_id = 2 * number + 1
        block = client.encoder.encode(
            [
                (b":method", chance.choice((b"POST", b"GET", b"HEAD"))),
                (b":scheme", b"http"),
                (b":authority", b"localhost"),
                (b":path", chance.choice((b"/", b"/_headwater/health"))),
                *chance.sample(SIGNED, chance.randrange(len(SIGNED) + 1)),
            ]
        )
        cut = chance.randrange(len(block))
        if chance.random() < 0.2:
            frames.append(HeadersFrame(stream_id, data=block[:cut]))
            frames.append(ContinuationFrame(stream_id, data=block[cut:], flags=["END_HEADERS"]))
        else:
            frames.append(HeadersFrame(stream_id, data=block, flags=["END_HEADERS"]))
        ends = ["END_STREAM"] if chance.random() < 0.8 else []
        frames.append(DataFrame(stream_id, data=BODY * chance.choice((0, 1, 50)), flags=ends))
    for _ in range(chance.randrange(6)):
        frames.insert(chance.randrange(len(frames) + 1), chance.choice(ODDITIES)(chance))
    if chance.random() < 0.1:
        chance.shuffle(frames)
    return frames


ODDITIES: tuple[Callable[[Random], Frame], ...] = (
    lambda chance: PingFrame(0, opaque_data=chance.randbytes(8)),
    lambda chance: PriorityFrame(chance.randrange(1, 20), depends_on=0, stream_weight=3),
    lambda chance: RstStreamFrame(chance.randrange(1, 20), error_code=chance.randrange(20)),
    lambda chance: WindowUpdateFrame(chance.randrange(0, 20), window_increment=chance.choice((1, 2**31 - 1))),
    lambda chance: SettingsFrame(0, settings={chance.randrange(8): chance.choice((0, 1, 100, 2**31 - 1))}),
    lambda chance: SettingsFrame(0, flags=["ACK"]),
    lambda chance: GoAwayFrame(0, last_stream_id=0, error_code=0),
    lambda chance: PushPromiseFrame(1, promised_stream_id=2, data=b"\x82", flags=["END_HEADERS"]),
    lambda chance: ContinuationFrame(chance.randrange(1, 20), data=b"\x82"),
    lambda chance: DataFrame(chance.randrange(1, 20), data=b"", flags=[]),
    lambda chance: DataFrame(chance.randrange(1, 20), data=b"x" * 10, pad_length=5, flags=["PADDED"]),
    lambda chance: HeadersFrame(5, data=b"\x00\x01x\x01y", flags=["END_HEADERS", "END_STREAM"]),
    lambda chance: ExtensionFrame(chance.randrange(10, 255), 0, body=chance.randbytes(10)),
)


def http2_bytes(chance: Random) -> bytes:
    """A conversation in HTTP/2, in order or damaged."""
    said = b"".join(frame.serialize() for frame in http2_frames(chance))
    if chance.random() < 0.5:
        said = mutated(chance, [said])
    return HTTP2_PREFACE + said


def http1_bytes(chance: Random) -> bytes:
    """A conversation in HTTP/1.1, in order or damaged."""
    said = b"".join(chance.choices(HTTP1_SAMPLES, k=chance.randrange(1, 4)))
    return mutated(chance, [said]) if chance.random() < 0.8 else said


def throw(seed: int, count: int) -> int:
    """Hold so many conversations; tells how many requests were understood."""
    chance = Random(seed)
    return sum(converse(chance, chance.choice((http1_bytes, http2_bytes))(chance)) for _ in range(count))


def test_senseless_conversations_come_to_an_end() -> None:
    assert throw(SEED, 2_000) > 1_200


@pytest.mark.long
def test_many_senseless_conversations_come_to_an_end() -> None:
    assert throw(SEED + 1, 75_000) > 45_000


@pytest.mark.long
def test_many_senseless_conversations_leave_nothing_behind() -> None:
    throw(SEED + 2, 2_000)
    tracemalloc.start()
    try:
        throw(SEED + 3, 1_500)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        throw(SEED + 4, 3_000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 250_000
    finally:
        tracemalloc.stop()


# A whole server


def visit(address: tuple[str, int], chance: Random) -> None:
    """One conversation over a socket."""
    with suppress(OSError), socket.create_connection(address, timeout=5) as peer:
        peer.sendall(chance.choice((http1_bytes, http2_bytes))(chance))
        if chance.random() < 0.7:
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65_536):
                pass


def bother(log: Path, seed: int, count: int) -> None:
    """Hold so many conversations with a server; it must answer afterwards, and find no fault in itself."""
    chance = Random(seed)
    with started_server(log, "--log-level", "warning", "--request-timeout-s", "1") as running:
        url = urlsplit(running.endpoint_url)
        assert url.hostname
        assert url.port
        for _ in range(count):
            visit((url.hostname, url.port), chance)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=RETRY_FOR_S)
        connection.request("GET", "/_headwater/health")
        assert connection.getresponse().status == 200
        connection.close()
    told = log.read_text()
    assert " => 500" not in told  # 501 names a service that nobody offers
    assert " ERROR " not in told
    assert "Traceback" not in told


def test_a_server_survives_senseless_clients(tmp_path: Path) -> None:
    bother(tmp_path / "log", SEED + 5, 150)


@pytest.mark.long
def test_a_server_survives_many_senseless_clients(tmp_path: Path) -> None:
    bother(tmp_path / "log", SEED + 6, 25_000)
