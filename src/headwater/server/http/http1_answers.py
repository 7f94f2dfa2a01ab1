"""Answers of HTTP/1.1 as bytes: the head, and the body of a streamed answer.

Refuses to know requests, and when an answer is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache

from headwater.server.http.exchange import BodySource, Fields, HttpResponse

NO_CONTENT = 204
"""An answer of this status has no body, and does not say how long that is."""
REASONS = {200: "OK", 413: "Content Too Large"}
"""What needs no look into Python's own table, or is older there than in the standard."""
CHUNKED = "Transfer-Encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def head_of(response: HttpResponse, date: str, stays_open: bool, framing: str | None = None) -> bytes:
    """The status line and headers of an answer; without `framing` its body is as long as it is."""
    status, fields, body, request_id, extended_id, _ = response
    extended = f"x-amz-id-2: {extended_id}\r\n" if extended_id else ""
    if framing is None:
        framing = f"Content-Length: {len(body)}\r\n" if status != NO_CONTENT else ""
    # HTTP/1.0 clients that asked to stay connected need to be told; to others it says nothing new.
    return (
        f"{_fixed_lines(status, fields)}x-amzn-RequestId: {request_id}\r\n"
        f"{extended}Date: {date}\r\nConnection: {'keep-alive' if stays_open else 'close'}\r\n{framing}\r\n"
    ).encode("latin-1")


@lru_cache(maxsize=256)
def _fixed_lines(status: int, fields: Fields) -> str:
    reason = REASONS.get(status) or _reason(status)
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines) + "\r\n"


def _reason(status: int) -> str:
    from http import HTTPStatus  # noqa: PLC0415 - a large table, for answers that are not the usual ones

    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a status may be another server's own
        return "Unknown"


class StreamedBody:
    """The open body of a streamed answer: in chunks, or on HTTP/1.0 all that comes until the close."""

    def __init__(
        self,
        source: BodySource,
        transport: asyncio.Transport,
        on_end: Callable[[], None],
        on_break_off: Callable[[], None],
        *,
        chunked: bool,
    ) -> None:
        self._source = source
        self._transport = transport
        self._on_end = on_end
        self._on_break_off = on_break_off
        self._chunked = chunked
        self._open = True

    def write(self, data: bytes) -> None:
        """Send a part, unless the client has gone."""
        if not self._open or not data:
            return
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        """Send the end."""
        if self._open:
            self._open = False
            if self._chunked:
                self._transport.write(LAST_CHUNK)
            self._on_end()

    def break_off(self) -> None:
        """End the connection without the end of the body."""
        if self._open:
            self._open = False
            self._on_break_off()

    def pause(self) -> None:
        """The client is slow."""
        if self._open:
            self._source.pause()

    def resume(self) -> None:
        """The client has caught up."""
        if self._open:
            self._source.resume()

    def cut(self) -> None:
        """The client has gone."""
        if self._open:
            self._open = False
            self._source.stop()

    def cut_short(self) -> None:
        """The server is about to go: what was written is all there is."""
        if self._open:
            self._source.stop()
            self.end()
