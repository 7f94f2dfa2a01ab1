"""Fixtures of the server's tests: real ports on loopback, their loop in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

import pytest

from headwater.model.clock import SystemClock
from headwater.server.http.connections import OpenConnections
from headwater.server.http.exchange import (
    BodyWriter,
    HttpRequest,
    HttpResponse,
    Refusal,
    RequestHandler,
    Respond,
)
from headwater.server.http.http1 import Http1Connection
from headwater.server.http.http2 import Http2Connection
from headwater.server.http.limits import ConnectionLimits
from headwater.server.http.listener import Listener
from headwater.server.http.protocol_detector import ConnectionFactory
from headwater.wire.long_body import Body
from tests.waiting import RETRY_FOR_S, wait_until

LOOPS: dict[str, type[asyncio.AbstractEventLoop]] = {"asyncio": asyncio.SelectorEventLoop}
if find_spec("uvloop"):
    LOOPS["uvloop"] = import_module("uvloop").Loop

ROUNDS = 10
"""Of a loop: more than anything takes that does not wait for a client or for time."""

T = TypeVar("T")


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Peer:
    """A client that says exactly the bytes it is told to."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=RETRY_FOR_S)
        self.unread = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reply(self, has_body: bool = True) -> Reply:
        while b"\r\n\r\n" not in self.unread:
            self._receive()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        status = int(status_line.split()[1])
        length = int(headers.get("Content-Length", 0)) if has_body else 0
        while len(self.unread) < length:
            self._receive()
        body, self.unread = self.unread[:length], self.unread[length:]
        return Reply(status, headers, body)

    def is_closed_by_server(self) -> bool:
        """Whether the server has ended the connection, without a further byte."""
        try:
            return not self.unread and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def has_heard_nothing(self) -> bool:
        """Whether nothing is there to be read now."""
        self.socket.setblocking(False)
        try:
            self.unread += self.socket.recv(1)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(RETRY_FOR_S)
        return False

    def close(self) -> None:
        self.socket.close()

    def _receive(self) -> None:
        data = self.socket.recv(1 << 20)
        if not data:
            raise EOFError(f"the connection ended after {self.unread!r}")
        self.unread += data


class ManualSource:
    """A streamed body whose parts a test writes, and that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.writer: BodyWriter | None = None

    def start(self, writer: BodyWriter) -> None:
        self.told.append("start")
        self.writer = writer
        writer.write(b"first ")

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def stop(self) -> None:
        self.told.append("stop")

    def write(self, data: bytes) -> None:
        assert self.writer is not None
        self.writer.write(data)

    def end(self) -> None:
        assert self.writer is not None
        self.writer.end()

    def break_off(self) -> None:
        assert self.writer is not None
        self.writer.break_off()


@dataclass
class Recorder:
    """Answers every request with what it asked for.

    Those under /hold are answered when they are released, those under /stream with a body
    that the test writes.
    """

    requests: list[HttpRequest] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    held: list[Callable[[], None]] = field(default_factory=list)
    sources: list[ManualSource] = field(default_factory=list)
    body: Body = b""
    fields: tuple[tuple[str, str], ...] = (("X-Test", "yes"),)

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        self.requests.append(request)
        body = self.body or request.method + b" " + request.target + b" " + request.body
        response = HttpResponse(200, self.fields, body, "request-id", "extended-id")
        if request.path == b"/hold":
            self.held.append(lambda: respond.answer(response))
        elif request.path == b"/stream":
            self.sources.append(ManualSource())
            respond.answer(response._replace(body=b"", source=self.sources[-1]))
        else:
            respond.answer(response)

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        self.refusals.append(refusal)
        respond.answer(HttpResponse(refusal.status, (), refusal.code.encode(), "request-id", "extended-id"))


def loop_with_movable_time(kind: type[asyncio.AbstractEventLoop]) -> Any:
    """An event loop whose time goes on by `passed_s`, too."""

    class Loop(kind):  # type: ignore[valid-type, misc]  # the class is chosen at run time
        passed_s = 0.0

        def time(self) -> float:
            return float(super().time()) + self.passed_s

    return Loop()


class Loopback:
    """A listener with a handler on a free port."""

    def __init__(
        self,
        handler: RequestHandler,
        limits: ConnectionLimits,
        loop: Any,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.peers: list[Peer] = []
        self.loop = loop
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.connections = OpenConnections(SystemClock())
        self.notes: list[str] = []
        doorway = ConnectionFactory(
            self._http1,
            self._http2,
            tls,
            limits=limits,
            connections=self.connections,
            loop=loop,
            warn=self.notes.append,
        )
        self.listener = Listener("127.0.0.1", [0], doorway.connection, self.connections, 0.02)
        self.run(self.listener.open())
        self.port = int(self.listener.endpoints[0].rsplit(":", 1)[1])

    def _http1(self) -> asyncio.Protocol:
        return Http1Connection(self.handler, self.limits, self.connections, self.loop)

    def _http2(self) -> asyncio.Protocol:
        return Http2Connection(self.handler, self.limits, self.connections, self.loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(RETRY_FOR_S)

    def call(self, function: Callable[[], T]) -> T:
        async def on_loop() -> T:
            return function()

        return self.run(on_loop())

    def let_time_pass(self, seconds: float) -> None:
        """What has taken longer than its time-out has been acted on afterwards."""

        def pass_and_sweep() -> None:
            self.loop.passed_s += seconds
            self.connections.sweep(self.loop.time())

        self.call(pass_and_sweep)

    def go_round(self) -> None:
        """What the server can do by now, it has done afterwards: its loop has looked at every socket."""
        for _ in range(ROUNDS):
            self.call(lambda: None)

    def is_silent_to(self, peer: Peer) -> bool:
        """Whether the server says nothing, though it has had its turns to."""
        self.go_round()
        return peer.has_heard_nothing()

    def wait_for_connections(self, count: int) -> None:
        """Until the server has taken so many, or is left with so many."""
        wait_until(lambda: self.call(lambda: len(self.connections)) == count)

    def connect(self) -> Peer:
        self.peers.append(Peer(self.port))
        return self.peers[-1]

    def ask(self, data: bytes, has_body: bool = True) -> Reply:
        peer = self.connect()
        peer.send(data)
        return peer.reply(has_body)

    def close(self) -> None:
        for peer in self.peers:
            peer.close()
        self.run(self.listener.close(0))
        self.run(asyncio.sleep(0.01))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


StartLoopback = Callable[..., Loopback]


EVERYDAY_LOOP = [*LOOPS][-1]
"""The one that serves unless it is told otherwise."""


@pytest.fixture(
    params=[pytest.param(name, marks=() if name == EVERYDAY_LOOP else pytest.mark.long) for name in LOOPS]
)
def loopback(request: pytest.FixtureRequest) -> Iterator[StartLoopback]:
    """Starts front ends; all are closed at the end. Once for each event loop that may serve."""
    started: list[Loopback] = []

    def start(handler: RequestHandler, tls: ssl.SSLContext | None = None, **limits: Any) -> Loopback:
        started.append(
            Loopback(handler, ConnectionLimits(**limits), loop_with_movable_time(LOOPS[request.param]), tls)
        )
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
