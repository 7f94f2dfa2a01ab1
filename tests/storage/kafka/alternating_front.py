"""One address before several gateways, which sends each request to the next one in turn.

Over HTTP/1.1 every request of a connection goes elsewhere than the one before it, and so does every stream of
HTTP/2. Bytes are handed on as they come, so that a subscription's events arrive while it lasts.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from itertools import cycle
from typing import Any, Self, TypeVar

from tests.storage.kafka.alternating_http2 import Http2Side
from tests.waiting import RETRY_FOR_S

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
CHUNK = 64 * 1024
LOOK_EVERY_S = 0.1
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)

T = TypeVar("T")
Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _ClientGone(Exception):
    """Who would get the answer has closed the connection."""


class AlternatingFront:
    """Serves at `url`, in a thread of its own, until the block is left."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._turns = cycle(ports)
        self.url = ""
        self.requests: dict[int, int] = dict.fromkeys(ports, 0)
        """How many each has got."""

    def __enter__(self) -> Self:
        started: Future[str] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)))
        self._thread.start()
        self.url = started.result(RETRY_FOR_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._told_to_stop.set)
        self._thread.join()

    async def _serve(self, started: Future[str]) -> None:
        self._loop, self._told_to_stop = asyncio.get_running_loop(), asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**20)
        host, port = server.sockets[0].getsockname()
        started.set_result(f"http://{host}:{port}")
        await self._told_to_stop.wait()
        server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)  # what was closed is closed in the next turn of the loop

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        gateways: dict[int, Pipe] = {}
        try:
            await self._requests(reader, writer, gateways)
        except (OSError, EOFError, _ClientGone):
            pass
        finally:
            for _, gateway in gateways.values():
                gateway.close()
            writer.close()

    def _next(self) -> int:
        port = next(self._turns)
        self.requests[port] += 1
        return port

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gateways: dict[int, Pipe]
    ) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head == PREFACE:
                await Http2Side(reader, writer, lambda: _connection(self._next())).serve(head)
                return
            port = self._next()
            pipe = gateways.get(port)
            if pipe is not None and (pipe[0].at_eof() or pipe[1].is_closing()):
                pipe[1].close()  # the gateway was killed
                pipe = None
            if pipe is None:
                pipe = gateways[port] = await _connection(port)
            if not await _exchange(head, reader, writer, pipe):
                return


async def _connection(port: int) -> Pipe:
    return await asyncio.open_connection("127.0.0.1", port, limit=2**20)


async def _exchange(
    head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gateway: Pipe
) -> bool:
    """Hand on one request and its answer; whether the connection can take another one."""
    gateway_reader, gateway_writer = gateway
    gateway_writer.write(head)
    asking = asyncio.ensure_future(_hand_on_body(head, reader, gateway_writer))
    try:
        while True:
            answer = await _until_gone(gateway_reader.readuntil(b"\r\n\r\n"), reader)
            writer.write(answer)
            if not answer.startswith(b"HTTP/1.1 1"):
                break
        await asking
        has_end = _LENGTH.search(answer) or _CHUNKED.search(answer) or answer.startswith(b"HTTP/1.1 204")
        if has_end:
            await _until_gone(_hand_on_body(answer, gateway_reader, writer), reader)
        else:
            await _until_gone(_hand_on_all(gateway_reader, writer), reader)
        return bool(has_end) and _CLOSE.search(answer) is None
    finally:
        asking.cancel()


async def _hand_on_body(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what follows a head, as far as that says."""
    if _CHUNKED.search(head):
        while True:
            size = await reader.readuntil(b"\r\n")
            writer.write(size)
            count = int(size.split(b";")[0], 16)
            if not count:
                break
            await _hand_on(count + 2, reader, writer)
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            writer.write(line)
        writer.write(line)
    elif length := _LENGTH.search(head):
        await _hand_on(int(length[1]), reader, writer)
    await writer.drain()


async def _hand_on(count: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while count:
        data = await reader.read(min(count, CHUNK))
        if not data:
            raise EOFError
        writer.write(data)
        await writer.drain()
        count -= len(data)


async def _hand_on_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


async def _until_gone(answering: Coroutine[Any, Any, T], client: asyncio.StreamReader) -> T:
    """Go on with an answer while there is somebody who gets it."""
    task = asyncio.ensure_future(answering)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=LOOK_EVERY_S)
            if not task.done() and client.at_eof():
                raise _ClientGone
        return await task
    finally:
        task.cancel()
