"""HTTP/1.1 (and 1.0) over one connection: ties the reading of requests to a transport.

`Http1Connection` minds order, limits and time; `http1_requests` reads requests, `http1_answers`
writes answers.

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
from collections.abc import Callable
from typing import cast

from headwater.server.http.connections import GOODBYE_S, Buffered, OpenConnections
from headwater.server.http.exchange import (
    HEADERS_READ,
    BodySource,
    HttpRequest,
    HttpResponse,
    Refusal,
    RequestHandler,
    Wait,
    says_length,
)
from headwater.server.http.http1_answers import CHUNKED, StreamedBody, head_of
from headwater.server.http.http1_requests import RequestReader
from headwater.server.http.limits import TOO_SLOW, ConnectionLimits

PIPELINED_REQUESTS = 16
LINGER_S = 2.0
"""How long a refused client may go on sending before it is cut off."""
JOINED_BODY_BYTES = 64 * 1024
"""Up to this size copying head and body together is cheaper than sending two buffers."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


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
            self._handler.handle(self._current[0], self)
        self._advancing = False
        if self._current is None and not ready and not self._closing:
            if reader.refusal is not None:
                self._refuse(reader.refusal)
            elif reader.continue_wanted:
                reader.continue_wanted = False
                self._transport.write(CONTINUE)
        if self._reading_paused or self._writing_paused or len(ready) >= PIPELINED_REQUESTS:
            self._balance_reading()

    def answer(self, response: HttpResponse) -> None:
        """Answer the request that is under way."""
        if self._refused:
            self._respond_refused(response)
            return
        self._wait = None
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

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer is held back."""
        self._wait = wait = Wait(on_gone)
        if self._transport is None:
            wait.stop()
        return wait.end

    def cut(self) -> None:
        """Give no answer."""
        self._current = self._wait = None
        if self._transport is not None:
            self._since_s = self._now_s()
            self._close(self._transport)

    def _start_stream(self, response: HttpResponse, source: BodySource) -> None:
        transport = self._transport
        if transport is None or self._current is None:
            source.stop()
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
            self._handler.refuse(refusal, self)

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
