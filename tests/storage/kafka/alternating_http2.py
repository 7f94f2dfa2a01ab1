"""HTTP/2 for the front before several gateways: each stream of a connection is one request over HTTP/1.1.

Answers are handed on as they come, as far as the client's windows allow. What the client has ended, the
gateway sees closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
READ_BYTES = 64 * 1024
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "proxy-connection"}


class Http2Side:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connect: Connect) -> None:
        """`connect` gives a new connection to the next gateway; `reader` is behind the preface's head."""
        self._reader = reader
        self._writer = writer
        self._connect = connect
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, tuple[list[tuple[str, str]], bytearray]] = {}
        self._answers: dict[int, asyncio.Task[None]] = {}
        self._window = asyncio.Event()

    async def serve(self, preface: bytes) -> None:
        """Until the client closes it."""
        self._h2.initiate_connection()
        data = preface
        try:
            while data:
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._flush()
                data = await self._reader.read(READ_BYTES)
        except ProtocolError:
            self._flush()
        finally:
            for task in tuple(self._answers.values()):
                task.cancel()
            await asyncio.gather(*self._answers.values(), return_exceptions=True)

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=stream_id, headers=headers) if stream_id and headers:
                self._requests[stream_id] = ([(str(k), str(v)) for k, v in headers], bytearray())
            case DataReceived(stream_id=stream_id, data=data, flow_controlled_length=length) if stream_id:
                self._requests[stream_id][1].extend(data or b"")
                self._h2.acknowledge_received_data(length or 0, stream_id)
            case StreamEnded(stream_id=stream_id) if stream_id:
                head, body = self._requests.pop(stream_id)
                task = asyncio.ensure_future(self._answer(stream_id, head, bytes(body)))
                self._answers[stream_id] = task
                task.add_done_callback(lambda _task: self._answers.pop(stream_id, None))
            case StreamReset(stream_id=stream_id) if stream_id in self._answers:
                self._answers[stream_id].cancel()
            case WindowUpdated() | ConnectionTerminated():
                self._window.set()
                self._window = asyncio.Event()
            case _:
                pass

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())

    async def _answer(self, stream_id: int, headers: list[tuple[str, str]], body: bytes) -> None:
        reader, writer = await self._connect()
        try:
            writer.write(_request(headers, body))
            head = await reader.readuntil(b"\r\n\r\n")
            status, answer_headers = _parsed(head)
            kept = [(k, v) for k, v in answer_headers.items() if k not in _HOP_BY_HOP]
            self._h2.send_headers(stream_id, [(":status", status), *kept])
            self._flush()
            if "chunked" in answer_headers.get("transfer-encoding", ""):
                while count := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                    await self._send(stream_id, await reader.readexactly(count))
                    await reader.readexactly(2)
            else:
                left = int(answer_headers.get("content-length", "0"))
                while left:
                    data = await reader.readexactly(min(left, READ_BYTES))
                    left -= len(data)
                    await self._send(stream_id, data)
            self._h2.end_stream(stream_id)
            self._flush()
        except (OSError, EOFError):
            self._h2.reset_stream(stream_id)
            self._flush()
        except ProtocolError:
            pass  # the client has ended it meanwhile
        finally:
            writer.close()

    async def _send(self, stream_id: int, data: bytes) -> None:
        while data:
            room = min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)
            if not room:
                await self._window.wait()
                continue
            self._h2.send_data(stream_id, data[:room])
            self._flush()
            await self._writer.drain()
            data = data[room:]


def _request(headers: list[tuple[str, str]], body: bytes) -> bytes:
    """The request as HTTP/1.1 has it."""
    pseudo = {name: value for name, value in headers if name.startswith(":")}
    lines = [f"{pseudo[':method']} {pseudo[':path']} HTTP/1.1", f"host: {pseudo[':authority']}"]
    lines += [
        f"{name}: {value}"
        for name, value in headers
        if not name.startswith(":") and name not in {*_HOP_BY_HOP, "host", "content-length", "expect"}
    ]
    lines += [f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    """The status and the headers of an answer."""
    first, *lines = head.decode("latin-1").split("\r\n")
    named = (line.partition(":") for line in lines if line)
    return first.split()[1], {name.lower(): value.strip() for name, _, value in named}
