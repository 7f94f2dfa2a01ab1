"""`GET /_headwater/requests`: each request from now on with its answer, as JSON lines.

Rules:
- while nobody listens a request pays for one look at an empty list;
- bodies are shown as JSON, whatever format carried them, up to so many bytes;
- what signs a request is not shown;
- lines gather for a moment; those that a slow reader cannot take are dropped, and counted in
  the next line.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from time import perf_counter, time
from typing import Any

import msgspec

from headwater.model.errors import SerializationException
from headwater.model.instant import Instant
from headwater.server.access.cross_origin import SAME_ORIGIN
from headwater.server.admin import RouteSet, Streamed
from headwater.server.http.exchange import BodyWriter, Fields, HttpRequest, HttpResponse, Respond

JSON_LINES: Fields = (("Content-Type", "application/x-ndjson"), ("Cache-Control", "no-store"))
SHOWN_BYTES = 16 * 1024
"""Of a body."""
GATHER_S = 0.1
LINES_MAX = 2_000
"""That wait for a reader."""


_Tell = Callable[[dict[str, Any]], None]


class RequestFeed:
    """The requests of one server, for those who listen."""

    def __init__(self) -> None:
        self.listeners: list[_Listener] = []

    def routes(self) -> RouteSet:
        """The route to listen by."""

        async def listen(_query: bytes) -> Streamed:
            return Streamed(JSON_LINES, _Listener(self.listeners))

        return RouteSet({b"requests": {b"GET": listen}})

    def overhear(self, request: HttpRequest, respond: Respond) -> Respond:
        """What answers a request, and tells those who listen."""
        return _HeardRespond(request, respond, self._tell)

    def _tell(self, line: dict[str, Any]) -> None:
        encoded = _encoder.encode(line)
        for listener in self.listeners:
            listener.tell(encoded)


class _HeardRespond:
    """A `Respond` that tells what it was given."""

    def __init__(self, request: HttpRequest, respond: Respond, tell: _Tell) -> None:
        self._request = request
        self._respond = respond
        self._tell = tell
        self._time_ms = int(time() * 1000)
        self._started_s = perf_counter()

    def answer(self, response: HttpResponse) -> None:
        """See `Respond`."""
        self._respond.answer(response)
        fields = {name.lower(): value for name, value in response.fields}
        self._tell(
            self._line()
            | {
                "status": response.status,
                "error": fields.get("x-amzn-errortype"),
                "request_id": response.request_id,
                "answer": _shown(bytes(response.body), fields.get("content-type", "")),
                "answer_bytes": None if response.source else len(response.body),
            }
        )

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """See `Respond`."""
        return self._respond.hold(on_gone)

    def cut(self) -> None:
        """See `Respond`."""
        self._respond.cut()
        self._tell(self._line() | {"status": None})

    def _line(self) -> dict[str, Any]:
        request = self._request
        headers = request.headers
        return {
            "time_ms": self._time_ms,
            "duration_ms": round((perf_counter() - self._started_s) * 1000, 2),
            "method": request.method.decode("latin-1"),
            "path": request.target.decode("latin-1"),
            "target": headers.get(b"x-amz-target", b"").decode("latin-1"),
            "of_console": headers.get(b"sec-fetch-site") == SAME_ORIGIN,
            "asked": _shown(request.body, headers.get(b"content-type", b"").decode("latin-1")),
            "asked_bytes": len(request.body),
        }


class _Listener:
    """A `BodySource`."""

    def __init__(self, listeners: list[_Listener]) -> None:
        self._listeners = listeners
        self._lines: list[bytes] = []
        self._dropped = 0
        self._writer: BodyWriter | None = None
        self._is_paused = False
        self._is_flush_due = False
        self._loop = asyncio.get_running_loop()

    def start(self, writer: BodyWriter) -> None:
        """The head has been sent."""
        self._writer = writer
        self._listeners.append(self)
        writer.write(b'{"listening":true}\n')

    def pause(self) -> None:
        """The client is slow."""
        self._is_paused = True

    def resume(self) -> None:
        """The client has caught up."""
        self._is_paused = False
        self._await_flush()

    def stop(self) -> None:
        """The client has gone."""
        self._writer = None
        if self in self._listeners:
            self._listeners.remove(self)

    def tell(self, line: bytes) -> None:
        """Take a line."""
        if len(self._lines) >= LINES_MAX:
            self._dropped += 1
        else:
            self._lines.append(line)
        self._await_flush()

    def _await_flush(self) -> None:
        if not self._is_flush_due and not self._is_paused:
            self._is_flush_due = True
            self._loop.call_later(GATHER_S, self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        if self._writer is None or self._is_paused:
            return
        lines, self._lines = self._lines, []
        if self._dropped:
            lines.append(b'{"dropped":%d}' % self._dropped)
            self._dropped = 0
        if lines:
            self._writer.write(b"\n".join((*lines, b"")))


def _shown(body: bytes, content_type: str) -> str | None:
    """A body as text; `None` where it is none."""
    if not body:
        return ""
    if "cbor" in content_type:
        if len(body) > SHOWN_BYTES:
            return None
        from headwater.wire import cbor_format  # noqa: PLC0415 - as the format of a body

        try:
            return _encoder.encode(cbor_format.decode(body)).decode()
        except SerializationException:
            return None
    text = body[:SHOWN_BYTES].decode("utf-8", "replace")
    return text if "\0" not in text else None


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    if isinstance(value, Instant):
        return value.ms / 1000
    return str(value)


_encoder = msgspec.json.Encoder(enc_hook=_plain)
