"""HTTP/1.1 (and 1.0) over one connection: bytes to requests, answers to bytes.

`RequestReader` turns bytes into requests and knows no socket; `Http1Connection`
ties it to a transport and minds order, limits and time. The parser itself is
httptools.

Rules:
- requests of one connection are handled one after another, so that a pipelined
  answer cannot overtake another and a client sees its own writes in order;
- at most `PIPELINED_REQUESTS` wait (and what one read brought with them); reading
  pauses until some are answered, and while the client does not take its answers;
- one answer is one write (a large one two), but for a streamed one, which goes out in
  chunks as they come and has the connection to itself until it ends;
- what breaks HTTP or a limit is answered after the requests that came before it,
  then the connection closes: for writing first, so that the answer is not lost to a
  reset while the client is still sending;
- time-outs are found by `sweep`, called at a steady interval; no request has a timer.

Refuses to know what is asked for and what an answer means.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

import httptools

from headwater.server.http.body_buffer import BodyBuffer
from headwater.server.http.connections import GOODBYE_S, Buffered, OpenConnections
from headwater.server.http.exchange import (
    HEADERS_READ,
    BodySource,
    Cut,
    Fields,
    HttpRequest,
    HttpResponse,
    Refusal,
    RequestHandler,
    Wait,
    says_length,
)
from headwater.server.http.limits import HEADER_COUNT_LIMIT, MALFORMED, TOO_SLOW, ConnectionLimits

PIPELINED_REQUESTS = 16
NAMES_REMEMBERED = 256
NAMES_REMEMBERED_BYTES = 2048
FEED_BYTES = 256 * 1024  # so much is parsed at once; then the body's pieces are gathered
UNREAD = b""
"""Stands for the name of a header that nobody reads."""
LINGER_S = 2.0
"""How long a refused client may go on sending before it is cut off."""
UPGRADE_HEADERS = frozenset({b"connection", b"upgrade", b"http2-settings"})
"""The offer of another protocol, which is not taken up."""
JOINED_BODY_BYTES = 64 * 1024
"""Up to this size copying head and body together is cheaper than sending two buffers."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NO_CONTENT = 204
"""An answer of this status has no body, and does not say how long that is."""
REASONS = {status.value: status.phrase for status in HTTPStatus} | {413: "Content Too Large"}
"""Python's own table, but for where it is older than the standard."""

_new_request = tuple.__new__
"""A third of the time of `HttpRequest(...)`."""

CHUNKED = "Transfer-Encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class RequestReader:
    """Bytes in, whole requests out. After a `refusal` nothing more is read.

    What comes in many pieces (headers, target, body) is given by the parser straight to
    the methods of a dict and of lists: a Python function for each piece would cost as
    much as all the rest of reading a request.
    """

    def __init__(
        self, limits: ConnectionLimits, headers_kept: frozenset[bytes] | None = HEADERS_READ
    ) -> None:
        """`headers_kept` are the headers that a request comes with; `None` is all of them."""
        self.ready: deque[tuple[HttpRequest, bool]] = deque()
        """Whole requests, each with whether the connection may stay open after it."""
        self.refusal: Refusal | None = None
        self.reading = False
        """A request has begun and is not whole yet."""
        self.continue_wanted = False
        """The request being read waits for `100 Continue` before it sends its body."""
        self._limits = limits
        self._names = None if headers_kept is None else _kept_names(headers_kept)
        self._in_head = False
        self._unfinished_head_bytes = 0
        self._headers: dict[bytes, bytes] = {}
        self._sent_headers: dict[bytes, bytes] = {}
        """As they come; after the head, those that follow the body."""
        self._target = bytearray()
        self._body = BodyBuffer()
        # What the parser calls; it looks once, when it is made.
        self.on_url = self._target.extend
        self.on_header = self._sent_headers.__setitem__ if headers_kept is not None else self._join_header
        self.on_body = self._body.add
        self._parser: Any = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        """Read what has arrived; look at `ready`, `refusal` and `continue_wanted` afterwards."""
        for start in range(0, len(data), FEED_BYTES):
            self._feed(data[start : start + FEED_BYTES])

    def _feed(self, data: bytes) -> None:
        if self.refusal is not None:
            return
        head_goes_on = self._in_head
        # The sum is an upper bound of what a head that ends in `data` can have.
        self._unfinished_head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            self._feed(self._without_upgrade() + rest)
        except httptools.HttpParserError:
            # Also what a callback below raises; it has then left its own refusal.
            self.refusal = self.refusal or MALFORMED
        if self._in_head:
            if not head_goes_on:
                self._unfinished_head_bytes = 0
            elif self._unfinished_head_bytes > self._limits.header_bytes:
                self.refusal = self.refusal or self._limits.header_too_large()
        elif self.reading:
            self._body.gather()
            self.refusal = self.refusal or self._refusal_of_rest()
        if self.refusal is not None:
            self.give_up(self.refusal)

    def give_up(self, refusal: Refusal) -> None:
        """Read nothing more."""
        self.refusal = refusal
        self.reading = self.continue_wanted = False

    def _without_upgrade(self) -> bytes:
        """The head of the request that offers another protocol, as if it did not.

        Java's own HTTP client makes the offer with every first request. httptools ends
        such a request before its body, so a new parser reads it again from its head.
        """
        self._parser = httptools.HttpRequestParser(self)
        request, _ = self.ready[-1]
        if request.method == b"CONNECT":  # the connection closes after it
            return b""
        self.ready.pop()
        kept = [header for header in request.headers.items() if header[0] not in UPGRADE_HEADERS]
        lines = [b": ".join(header) for header in kept]
        return b"\r\n".join([request.method + b" " + request.target + b" HTTP/1.1", *lines, b"", b""])

    # What httptools calls, in the order in which it calls it.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target.clear()
        self._sent_headers.clear()
        self._body.clear()
        self.reading = self._in_head = True

    def on_headers_complete(self) -> None:
        """The head is whole: refuse what is too large before its body is read."""
        self._in_head = False
        sent, names = self._sent_headers, self._names
        if len(sent) > HEADER_COUNT_LIMIT or (
            self._unfinished_head_bytes > self._limits.header_bytes
            and len(self._target) + sum(map(len, (*sent, *sent.values()))) > self._limits.header_bytes
        ):
            self._refuse(self._limits.header_too_large())
        self._unfinished_head_bytes = 0
        headers = dict(sent if names is None else zip(names[tuple(sent)], sent.values(), strict=True))
        headers.pop(UNREAD, None)
        sent.clear()
        self._headers = headers
        if (
            b"content-length" in headers
            and (size := int(headers[b"content-length"])) > self._limits.body_bytes
            and size > self._body_limit_bytes()
        ):
            self._refuse(self._body_too_large())
        if b"expect" in headers:
            self.continue_wanted = (
                headers[b"expect"].lower() == b"100-continue" and self._parser.get_http_version() == "1.1"
            )

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.reading = self.continue_wanted = False
        parser = self._parser
        if self._body.is_in_pieces() and not self._is_body_within_limit():
            self._refuse(self._body_too_large())
        method = parser.get_method()
        # After CONNECT a client believes itself in a tunnel.
        stays_open = parser.should_keep_alive() and method != b"CONNECT"
        request = _new_request(HttpRequest, (method, bytes(self._target), self._headers, self._body.take()))
        self.ready.append((request, stays_open))

    def _join_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        present = self._sent_headers.get(name)
        self._sent_headers[name] = value if present is None else present + b"," + value

    def unfinished_bytes(self) -> int:
        """Of the body that is being read."""
        return self._body.size()

    def _is_body_within_limit(self) -> bool:
        size = self.unfinished_bytes()
        return size <= self._limits.body_bytes or size <= self._body_limit_bytes()

    def _body_limit_bytes(self) -> int:
        return self._limits.body_bytes_of(bytes(self._target), self._headers)

    def _body_too_large(self) -> Refusal:
        return self._limits.body_too_large(self._body_limit_bytes())

    def _refusal_of_rest(self) -> Refusal | None:
        """What is wrong with what came after the head so far."""
        if not self._is_body_within_limit():
            return self._body_too_large()
        trailers = self._sent_headers
        if len(trailers) > HEADER_COUNT_LIMIT or (
            trailers and sum(map(len, (*trailers, *trailers.values()))) > self._limits.header_bytes
        ):
            return self._limits.header_too_large()
        return None

    def _refuse(self, refusal: Refusal) -> None:
        self.refusal = refusal
        raise ValueError(refusal.code)  # the only way to stop the parser; `feed` catches it

    def speaks_1_1(self) -> bool:
        """Whether the client does; it does not change that from one request to the next."""
        return bool(self._parser.get_http_version() == "1.1")


class _KeptNames(dict[tuple[bytes, ...], list[bytes]]):
    """The headers' names in lower case by their names as sent, which are the same again and again."""

    def __init__(self, kept: frozenset[bytes]) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, sent: tuple[bytes, ...]) -> list[bytes]:
        names = [name if (name := key.lower()) in self._kept else UNREAD for key in sent]
        if len(self) < NAMES_REMEMBERED and sum(map(len, sent)) < NAMES_REMEMBERED_BYTES:
            self[sent] = names
        return names


@lru_cache
def _kept_names(kept: frozenset[bytes]) -> _KeptNames:
    return _KeptNames(kept)


class StreamedBody:
    """The open body of a streamed answer: in chunks, or on HTTP/1.0 all that comes until the close."""

    def __init__(
        self, source: BodySource, transport: asyncio.Transport, on_end: Callable[[], None], *, chunked: bool
    ) -> None:
        self._source = source
        self._transport = transport
        self._on_end = on_end
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
            self._transport.close()

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


class Http1Connection(asyncio.Protocol):
    """One connection: feeds its requests to `handler`, one after another."""

    def __init__(
        self,
        handler: RequestHandler,
        limits: ConnectionLimits,
        connections: OpenConnections,
        loop: asyncio.AbstractEventLoop,
        headers_kept: frozenset[bytes] | None = HEADERS_READ,
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._connections = connections
        self._now_s = loop.time
        self._reader = RequestReader(limits, headers_kept)
        self._transport: asyncio.Transport | None = None
        self._current: tuple[HttpRequest, bool] | None = None
        self._streamed: StreamedBody | None = None
        """The body of the answer to the current request, if it is a streamed one."""
        self._wait: Wait | None = None
        """What was said last about an answer that is held back."""
        self._advancing = False
        self._reading_paused = False
        self._writing_paused = False
        self._half_closed = False
        self._shutting_down = False
        self._refused = False
        self._closing = False
        self._was_idle = False
        """The connection closes because nothing was going on."""
        self._since_s = 0.0
        """When the present wait began: for a request, for its rest, or for the client to read."""

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)
        self._since_s = self._now_s()
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is closed; an answer that comes later has nowhere to go."""
        self._transport = None
        self._reader.ready.clear()
        self._connections.remove(self)
        if self._streamed is not None:
            self._streamed.cut()
        if self._wait is not None:
            self._wait.stop()

    def data_received(self, data: bytes) -> None:
        """Read, and handle what has become whole."""
        reader = self._reader
        was_reading = reader.reading
        reader.feed(data)
        if reader.reading and not was_reading:
            self._since_s = self._now_s()
        self._advance()

    def eof_received(self) -> bool:
        """Stay open for writing while answers are due; over TLS that is not possible.

        The reader of a streamed answer, which has no end of its own, is taken to have left, and
        so is one whose answer is held back.
        """
        self._half_closed = True
        if self._streamed is not None or (self._wait is not None and not self._wait.is_over):
            return False
        is_waited_for = self._current is not None or bool(self._reader.ready)
        return is_waited_for and self._transport is not None and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """The client is slow to take its answers: read no more until it has."""
        self._writing_paused = True
        self._since_s = self._now_s()
        if self._streamed is not None:
            self._streamed.pause()
        self._balance_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writing_paused = False
        self._since_s = self._now_s()
        if self._streamed is not None:
            self._streamed.resume()
        self._advance()

    # What the server calls.

    def sweep(self, now_s: float) -> None:
        """Act on whatever has taken too long."""
        if self._transport is None or (self._current is not None and not self._writing_paused):
            return
        waited_s = now_s - self._since_s
        if self._writing_paused or self._closing:
            if waited_s > (GOODBYE_S if self._was_idle else self._limits.idle_timeout_s):
                self._transport.abort()
        elif self._refused:
            if waited_s > LINGER_S:
                self._transport.abort()
        elif self._reader.reading:
            if waited_s > self._limits.request_timeout_s:
                self._reader.give_up(TOO_SLOW)
                self._refuse(TOO_SLOW)
        elif waited_s > self._limits.idle_timeout_s:
            self._close_idle(self._transport)

    def shut_down(self) -> None:
        """Answer what has arrived or begun to arrive, then close."""
        self._shutting_down = True
        if self._streamed is not None:
            self._streamed.cut_short()
        if self._transport is not None and self._is_idle():
            self._close_idle(self._transport)

    def held(self) -> Buffered:
        """Of a request that is not whole, and of answers that the client does not take."""
        untaken = self._transport.get_write_buffer_size() if self._writing_paused and self._transport else 0
        return Buffered(self._since_s, untaken + self._reader.unfinished_bytes())

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    # One request after another.

    def _advance(self) -> None:
        """Hand over what is ready; then see to what the connection waits for next."""
        if self._advancing or self._closing or self._transport is None:
            return
        reader = self._reader
        ready = reader.ready
        self._advancing = True
        while ready and self._current is None and not self._writing_paused:
            self._current = ready.popleft()
            self._handler.handle(self._current[0], self._respond)
        self._advancing = False
        if self._current is None and not ready and not self._closing:
            if reader.refusal is not None:
                self._refuse(reader.refusal)
            elif reader.continue_wanted:
                reader.continue_wanted = False
                self._transport.write(CONTINUE)
        if self._reading_paused or self._writing_paused or len(ready) >= PIPELINED_REQUESTS:
            self._balance_reading()

    def _respond(self, response: HttpResponse) -> None:
        if response.source is not None:
            self._start_stream(response, response.source)
            return
        current, self._current = self._current, None
        transport = self._transport
        if transport is None or current is None:  # the client has gone: nobody to tell
            return
        request, stays_open = current
        if self._shutting_down or self._half_closed:
            stays_open = stays_open and self._may_stay_open()
        self._write(transport, response, request.method, stays_open)
        self._go_on(transport, stays_open)

    def _may_stay_open(self) -> bool:
        """Whether there may be another request."""
        if not (self._shutting_down or self._half_closed):
            return True
        return bool(self._reader.ready) or (self._reader.reading and not self._half_closed)

    def _go_on(self, transport: asyncio.Transport, stays_open: bool) -> None:
        """An answer has been given: see to the next request, or close."""
        self._since_s = self._now_s()
        if not stays_open:
            self._close(transport)
        elif not self._advancing:  # else the loop that handed this request over goes on by itself
            self._advance()

    def _start_stream(self, response: HttpResponse, source: BodySource | Cut | Wait) -> None:
        transport = self._transport
        if transport is None or self._current is None:
            source.stop()
            return
        if isinstance(source, Wait):
            self._wait = source
            return
        if isinstance(source, Cut):
            self._current = None
            self._since_s = self._now_s()
            self._close(transport)
            return
        request, stays_open = self._current
        chunked = self._reader.speaks_1_1()
        stays_open = stays_open and chunked and self._may_stay_open()

        def on_end() -> None:
            self._current = self._streamed = None
            self._go_on(transport, stays_open)

        transport.write(head_of(response, self._connections.date, stays_open, CHUNKED if chunked else ""))
        body = StreamedBody(source, transport, on_end, chunked=chunked and request.method != b"HEAD")
        self._streamed = body
        if request.method == b"HEAD" or self._shutting_down:
            body.cut_short()
            return
        source.start(body)
        if self._writing_paused:
            body.pause()

    def _write(
        self, transport: asyncio.Transport, response: HttpResponse, method: bytes, stays_open: bool
    ) -> None:
        framing = "" if method == b"HEAD" and says_length(response.fields) else None
        head = head_of(response, self._connections.date, stays_open, framing)
        body = response.body
        if not body or method == b"HEAD":
            transport.write(head)
        elif len(body) <= JOINED_BODY_BYTES:
            transport.write(head + body)
        else:
            # Not `writelines`: on asyncio's own loop it does not tell when the client is slow.
            transport.write(head)
            transport.write(body)

    def _refuse(self, refusal: Refusal) -> None:
        if not self._refused:
            self._refused = True
            self._handler.refuse(refusal, self._respond_refused)

    def _respond_refused(self, response: HttpResponse) -> None:
        if self._transport is None:
            return
        self._write(self._transport, response, b"", stays_open=False)
        self._since_s = self._now_s()
        if self._half_closed or not self._transport.can_write_eof():
            self._close(self._transport)
        else:
            self._transport.write_eof()

    def _close(self, transport: asyncio.Transport) -> None:
        """Close once what was written has left; nothing more is read or handled."""
        self._closing = True
        self._reader.ready.clear()
        transport.close()

    def _close_idle(self, transport: asyncio.Transport) -> None:
        """Close when nothing is left to be written but, over TLS, a goodbye."""
        self._was_idle = True
        self._since_s = self._now_s()
        self._close(transport)

    def _is_idle(self) -> bool:
        return self._current is None and not self._reader.ready and not self._reader.reading

    def _balance_reading(self) -> None:
        """Pause or resume reading, whichever is due."""
        pause = self._writing_paused or len(self._reader.ready) >= PIPELINED_REQUESTS
        if pause == self._reading_paused or self._transport is None or self._transport.is_closing():
            return
        self._reading_paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


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
    reason = REASONS.get(status, "Unknown")  # a status may be another server's own
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines) + "\r\n"
