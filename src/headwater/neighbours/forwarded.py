"""The neighbouring services by another server: `--forward-to`.

A request goes on as it came: method, target, headers (`Host` and the signature, which covers it,
included) and body; so does the answer.

Rules:
- a connection serves one request at a time, and is used again; one that proves to be closed by
  then is replaced once, if nothing had been answered;
- a server that cannot be reached, or breaks off, is a 502 in the client's own protocol.

Refuses to know the services.
"""

from __future__ import annotations

import asyncio
import http.client
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from socket import SHUT_RDWR
from urllib.parse import urlsplit

from headwater.model.caller import Caller
from headwater.neighbours.requests import refusal
from headwater.server.http.exchange import Answer, HttpRequest

THREADS_MAX = 64
"""Requests under way at once; a long poll holds one for 20 s."""
TIMEOUT_S = 300.0
READ_BYTES = 256 * 1024
BAD_GATEWAY = 502
OF_ONE_CONNECTION = frozenset(
    {b"connection", b"expect", b"keep-alive", b"te", b"transfer-encoding", b"upgrade"}
)


class ForwardedServices:
    """A provider that asks another server."""

    def __init__(self, url: str) -> None:
        """`url` has a scheme and a host; a path in it is put before each request's."""
        self._url = url.rstrip("/")
        self._parts = urlsplit(self._url)
        self._threads: ThreadPoolExecutor | None = None
        self._idle: SimpleQueue[http.client.HTTPConnection] = SimpleQueue()
        self._busy: set[http.client.HTTPConnection] = set()

    async def answer(self, request: HttpRequest, service: str, caller: Caller) -> Answer:  # noqa: ARG002
        """The answer of the other server."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS_MAX, "forward")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._ask, request)
        except (OSError, http.client.HTTPException) as error:
            text = f"{self._url}, where this server forwards {service} to, did not answer: {error!r}"
            return refusal(request, service, BAD_GATEWAY, "BadGateway", text)

    async def reset(self) -> None:
        """Nothing is kept here; what the other server keeps is its own."""

    async def close(self) -> None:
        """Wait for no answer any more: the process would not end before the last one has come."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        for connection in tuple(self._busy):
            if connection.sock is not None:
                with suppress(OSError):  # it has ended meanwhile
                    connection.sock.shutdown(SHUT_RDWR)
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    def _ask(self, request: HttpRequest) -> Answer:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
        else:
            try:
                return self._exchange(connection, request)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                connection.close()
                connection = self._connect()  # it had been closed while nobody used it
        try:
            return self._exchange(connection, request)
        except BaseException:
            connection.close()
            raise

    def _connect(self) -> http.client.HTTPConnection:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)

    def _exchange(self, connection: http.client.HTTPConnection, request: HttpRequest) -> Answer:
        self._busy.add(connection)
        try:
            return self._exchanged(connection, request)
        finally:
            self._busy.discard(connection)

    def _exchanged(self, connection: http.client.HTTPConnection, request: HttpRequest) -> Answer:
        target = self._parts.path + request.target.decode("latin-1")
        connection.putrequest(
            request.method.decode("latin-1"), target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.headers.items():
            if name not in OF_ONE_CONNECTION and name != b"content-length" and not name.startswith(b":"):
                connection.putheader(name.decode("latin-1"), value)
        connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        response = connection.getresponse()
        body = bytearray()
        while part := response.read(READ_BYTES):  # at once, it would keep each chunk by itself
            body += part
        answer = Answer(response.status, tuple(response.getheaders()), bytes(body))
        if response.will_close:
            connection.close()
        else:
            self._idle.put(connection)
        return answer
