"""HTTP/1.1 (and 1.0) over one connection: ties the reading of requests to a transport.

`Http1Connection` minds order, limits and time; `http1_requests` reads requests, `http1_answers`
writes answers, and `http1_phases` draws the phases that a connection goes through.

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
from math import inf
from typing import cast

from headwater.server.http import http1_phases as phases
from headwater.server.http.connections import GOODBYE_S, Buffered, OpenConnections
from headwater.server.http.exchange import (
    HEADERS_READ,
    BodySource,
    HttpRequest,
    HttpResponse,
    Refusal,
    RequestHandler,
    says_length,
)
from headwater.server.http.http1_answers import CHUNKED, StreamedBody, head_of
from headwater.server.http.http1_phases import ANSWER, HAND_OVER, HANDLER_RETURNS, Flow, Intake, Phase
from headwater.server.http.http1_requests import RequestReader
from headwater.server.http.limits import TOO_SLOW, ConnectionLimits
from headwater.wire.long_body import parts_of

PIPELINED_REQUESTS = 16
LINGER_S = 2.0
"""How long a refused client may go on sending before it is cut off."""
JOINED_BODY_BYTES = 64 * 1024
"""Up to this size copying head and body together is cheaper than sending two buffers."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Http1Connection(asyncio.Protocol):
    """One connection: feeds its requests to `handler`, one after another.

    So it is itself the `Respond` of the request that is under way.
    """

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
        self._transport: asyncio.Transport
        self._phase: Phase = "ready"
        self._intake: Intake = "open"
        self._flow: Flow = "free"
        self._since_s = 0.0
        """When the present wait began: for a request, for its rest, or for the client to read."""
        # Of the request that is under way:
        self._method = b""
        self._stays_open = True
        """Whether the connection may, once it is answered."""
        self._streamed: StreamedBody | None = None
        self._on_gone: Callable[[], None] | None = None
        """Whom to tell, while the answer is held."""

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)
        self._since_s = self._now_s()
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is closed; an answer that comes later has nowhere to go."""
        self._phase = phases.LOSE[self._phase]
        self._reader.ready.clear()
        self._connections.remove(self)
        if self._streamed is not None:
            self._streamed.cut()
        on_gone, self._on_gone = self._on_gone, None
        if on_gone is not None:
            on_gone()

    def data_received(self, data: bytes) -> None:
        """Read, and handle what has become whole."""
        reader = self._reader
        request = reader.remembered(data)
        if request is not None and self._phase == "ready" and self._flow == "free":
            self._hand_over(request, stays_open=True)  # nothing waits before it, or after it
            return
        if request is not None:
            reader.ready.append((request, True))
        else:
            was_reading = reader.reading
            reader.feed(data)
            if reader.reading and not was_reading:
                self._since_s = self._now_s()
        self._advance()

    def eof_received(self) -> bool:
        """Stay open for writing while answers are due; over TLS that is not possible."""
        self._intake = phases.EOF[self._intake]
        is_waited_for = self._phase in phases.ANSWER_DUE or (
            self._phase == "ready" and bool(self._reader.ready)
        )
        return is_waited_for and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """The client is slow to take its answers: read no more until it has."""
        was, self._flow = self._flow, phases.SLOW[self._flow]
        self._since_s = self._now_s()
        if self._streamed is not None:
            self._streamed.pause()
        if was == "free" and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._flow = phases.CATCH_UP[self._flow]
        self._since_s = self._now_s()
        if self._streamed is not None:
            self._streamed.resume()
        self._advance()

    # What the server calls.

    def sweep(self, now_s: float) -> None:
        """Act on whatever has taken too long."""
        awaited = phases.waits_for(self._phase, self._flow, is_reading=self._reader.reading)
        if now_s - self._since_s <= self._patience_s(awaited):
            return
        if awaited == "request":
            self._leave()
        elif awaited == "rest of request":
            self._reader.give_up(TOO_SLOW)
            self._refuse(TOO_SLOW)
        else:
            self._transport.abort()

    def _patience_s(self, awaited: phases.Awaited) -> float:
        match awaited:
            case "request" | "client to read":
                return self._limits.idle_timeout_s
            case "rest of request":
                return self._limits.request_timeout_s
            case "client to stop":
                return LINGER_S
            case "goodbye":
                return GOODBYE_S
            case "nothing":
                return inf

    def shut_down(self) -> None:
        """Answer what has arrived or begun to arrive, then close."""
        self._intake = phases.SHUT_DOWN[self._intake]
        if self._streamed is not None:
            self._streamed.cut_short()
        if self._phase in phases.IDLE and not self._reader.ready and not self._reader.reading:
            self._leave()

    def buffered(self) -> Buffered:
        """Of a request that is not whole, and of answers that the client does not take."""
        untaken = 0
        if self._flow == "slow" and self._phase != "gone":
            untaken = self._transport.get_write_buffer_size()
        return Buffered(self._since_s, untaken + self._reader.unfinished_bytes())

    def abort(self) -> None:
        """Close now."""
        if self._phase != "gone":
            self._transport.abort()

    # What the handler calls: the `Respond` of the request that is under way.

    def answer(self, response: HttpResponse) -> None:
        """Answer, and see to the next request, or close."""
        before = self._phase
        _, _, body, _, _, source = response
        if before == "gone":  # nobody to tell
            if source is not None:
                source.stop()
            return
        if source is not None:
            self._open_stream(response, source)
            return
        self._phase = ANSWER[before]
        self._on_gone = None
        if self._intake != "open":
            self._settle_whether_to_stay()
        if self._method == b"HEAD" or len(body) > JOINED_BODY_BYTES:
            self._write_apart(response)
        else:
            head = head_of(response, self._connections.date, self._stays_open)
            self._transport.write(head + body)  # type: ignore[operator]  # a `LongBody` is longer
        self._since_s = self._now_s()
        if before == "refusing":
            self._end_writing()
        elif not self._stays_open:
            self._close()
        elif before != "handed over":  # else what handed it over goes on by itself
            reader = self._reader
            if reader.ready or not reader.is_between_requests or self._flow != "free":
                self._advance()

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer is held back."""

        def release() -> None:
            if self._on_gone is on_gone:
                self._phase = phases.RELEASE[self._phase]
                self._on_gone = None

        if self._phase == "gone":
            on_gone()
        else:
            self._phase = phases.HOLD[self._phase]
            self._on_gone = on_gone
        return release

    def cut(self) -> None:
        """Give no answer."""
        if self._phase != "gone":
            self._phase = phases.CUT[self._phase]
            self._on_gone = None
            self._end_connection()

    # One request after another.

    def _advance(self) -> None:
        """Hand over what is ready; then see to what the connection waits for next."""
        reader = self._reader
        ready = reader.ready
        while ready and self._phase == "ready" and self._flow != "slow":
            request, stays_open = ready.popleft()
            self._hand_over(request, stays_open=stays_open)
        if self._phase == "ready" and not ready:
            if reader.refusal is not None:
                self._refuse(reader.refusal)
            elif reader.continue_wanted:
                reader.continue_wanted = False
                self._transport.write(CONTINUE)
        if self._flow != "free" or len(ready) >= PIPELINED_REQUESTS:
            self._balance_reading()

    def _hand_over(self, request: HttpRequest, *, stays_open: bool) -> None:
        self._phase = HAND_OVER["ready"]
        self._stays_open = stays_open
        self._method = request.method
        self._handler.handle(request, self)
        if self._phase == "handed over":
            self._phase = HANDLER_RETURNS["handed over"]

    def _settle_whether_to_stay(self) -> None:
        """An answer is about to be given: look at what may follow it by now."""
        follows = phases.FOLLOWS_AN_ANSWER[self._intake]
        if follows != "any":
            has_next = bool(self._reader.ready) or (follows == "begun" and self._reader.reading)
            self._stays_open = self._stays_open and has_next

    def _open_stream(self, response: HttpResponse, source: BodySource) -> None:
        before, self._phase = self._phase, phases.OPEN_STREAM[self._phase]
        self._on_gone = None
        chunked = self._reader.speaks_1_1()
        is_bodiless = self._method == b"HEAD"
        self._stays_open = self._stays_open and chunked
        self._settle_whether_to_stay()
        head = head_of(response, self._connections.date, self._stays_open, CHUNKED if chunked else "")
        self._transport.write(head)
        self._streamed = body = StreamedBody(
            source,
            self._transport,
            self._on_stream_end,
            self._on_break_off,
            chunked=chunked and not is_bodiless,
        )
        if is_bodiless or self._intake in ("finishing", "ended and finishing"):
            body.cut_short()
        else:
            source.start(body)
            if self._flow == "slow":
                body.pause()
        if self._phase == "opening":
            self._phase = phases.OPENED["opening"]
        elif self._phase == "ready" and before != "handed over":
            self._advance()

    def _on_stream_end(self) -> None:
        before, self._phase = self._phase, phases.END_STREAM[self._phase]
        self._streamed = None
        self._since_s = self._now_s()
        if not self._stays_open:
            self._close()
        elif before == "streaming":  # else `_open_stream` goes on
            self._advance()

    def _on_break_off(self) -> None:
        self._phase = phases.BREAK_OFF[self._phase]
        self._streamed = None
        self._end_connection()

    def _write_apart(self, response: HttpResponse) -> None:
        """Send the head, and then the body, unless the client asked for the head alone."""
        is_bodiless = self._method == b"HEAD"
        framing = "" if is_bodiless and says_length(response.fields) else None
        # Not `writelines`: on asyncio's own loop it does not tell when the client is slow.
        self._transport.write(head_of(response, self._connections.date, self._stays_open, framing))
        if is_bodiless:
            return
        for part in parts_of(response.body):
            self._transport.write(part)

    def _balance_reading(self) -> None:
        """Pause or resume reading, whichever is due."""
        is_crowded = len(self._reader.ready) >= PIPELINED_REQUESTS
        if self._transport.is_closing():
            return
        if is_crowded and self._flow == "free":
            self._flow = phases.FILL[self._flow]
            self._transport.pause_reading()
        elif not is_crowded and self._flow == "crowded":
            self._flow = phases.DRAIN[self._flow]
            self._transport.resume_reading()

    # Ends.

    def _refuse(self, refusal: Refusal) -> None:
        self._phase = phases.REFUSE[self._phase]
        self._method, self._stays_open = b"", False
        self._handler.refuse(refusal, self)

    def _end_writing(self) -> None:
        """A refusal has been answered: close for writing first, if the client can still be sending."""
        if self._intake in ("ended", "ended and finishing") or not self._transport.can_write_eof():
            self._close()
        else:
            self._transport.write_eof()

    def _close(self) -> None:
        self._phase = phases.CLOSE[self._phase]
        self._end_connection()

    def _leave(self) -> None:
        """Close when nothing is left to be written."""
        self._phase = phases.LEAVE[self._phase]
        self._end_connection()

    def _end_connection(self) -> None:
        self._since_s = self._now_s()
        self._reader.ready.clear()
        self._transport.close()
