"""HTTP/2 over one connection: many requests at once, each on a stream of its own.

`Http2Connection` ties the protocol to a transport and minds order, limits and time;
`http2_phases` draws the phases that it goes through.

Rules:
- requests are handed over in the order in which they became whole; answers go out as
  they come, none waits for another;
- while answers that wait are many bytes, or the client does not read, no further
  request is handed over;
- bodies of unanswered requests may fill `BODIES_BYTES`; beyond, only the oldest
  unfinished one goes on, so that there is an end to it;
- what breaks a limit is answered on its stream; what breaks HTTP/2, or floods the
  connection, ends it with a GOAWAY;
- at shutdown, GOAWAY says which streams are still answered;
- a client that has said that it goes closes the connection itself, when it has read all;
- time-outs are found by `sweep`, called at a steady interval; no request has a timer.

Refuses to know what is asked for and what an answer means.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import ClassVar, cast

from headwater.server.http import http2_phases as phases
from headwater.server.http.connections import GOODBYE_S, Buffered, OpenConnections
from headwater.server.http.exchange import (
    HEADERS_READ,
    HttpRequest,
    HttpResponse,
    Refusal,
    RequestHandler,
)
from headwater.server.http.frame_meter import Flood
from headwater.server.http.http2_events import ConnectionFault, Event, Happening
from headwater.server.http.http2_frames import ErrorCode
from headwater.server.http.http2_heads import CONTINUE_BLOCK, answer_block
from headwater.server.http.http2_outbox import Outbox
from headwater.server.http.http2_phases import ENDING, FLUSH, GATHER, Flow, Intake, Output, Phase
from headwater.server.http.http2_protocol import Http2Protocol
from headwater.server.http.http2_respond import NobodyLeft
from headwater.server.http.http2_states import Phase as StreamPhase
from headwater.server.http.http2_stream import Hold, Http2Stream
from headwater.server.http.limits import HEADER_COUNT_LIMIT, MALFORMED, TOO_SLOW, ConnectionLimits
from headwater.wire.long_body import parts_of

BODIES_BYTES = 64 * 1024 * 1024
"""So much may be held of requests that have not been answered yet."""
ANSWERS_BYTES = 16 * 1024 * 1024
"""With so much waiting to be sent no further request is handed over."""
UNREAD_BYTES = 1024 * 1024
"""With so much not taken by the client, acknowledgements of its frames included, it is not read from."""
LINGER_S = 2.0
"""How long a client that was refused may go on sending before it is cut off."""

FLOODED = Refusal(429, "TooManyFramesException", "The client sends too many frames that ask for nothing.")


_new_request = tuple.__new__
"""A third of the time of `HttpRequest(...)`."""


class Http2Connection(asyncio.Protocol):
    """One connection: feeds its requests to `handler`."""

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
        self._call_soon = loop.call_soon
        self._now_s = loop.time
        self._protocol = Http2Protocol(limits, headers_kept, loop.time())
        self._outbox = Outbox(self._protocol, self._on_sent, loop.time)
        self._transport: asyncio.Transport
        self._phase: Phase = "open"
        self._intake: Intake = "open"
        self._flow: Flow = "free"
        self._output: Output = "written"
        self._since_s = loop.time()
        """When the client was last heard of, or the present wait for it to read or to go began."""
        self._streams: dict[int, Http2Stream] = {}
        """All whose answer is not sent yet."""
        self._arriving: dict[int, Http2Stream] = {}
        """Those whose request is not whole, in the order of their beginnings."""
        self._whole: deque[Http2Stream] = deque()
        """Those to be handed over."""
        self._refused: dict[int, tuple[Http2Stream, float]] = {}
        """Those answered before their request was whole, and when: what still comes is thrown away."""
        self._bodies_bytes = 0

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = self._outbox.transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._flush_soon()  # with the answers to what has been read already

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is closed; an answer that comes later has nowhere to go."""
        self._phase = phases.LOSE[self._phase]
        self._connections.remove(self)
        self._drop_all()
        self._outbox.close()

    def data_received(self, data: bytes) -> None:
        """Read, hand over what has become whole, and send what may now be sent."""
        if self._phase in ENDING:
            return
        if self._flow == "free":
            self._since_s = self._now_s()
        is_posted = self._output == "due"
        self._output = GATHER[self._output]  # written below, and not by every answer
        self._receive(data)
        if self._phase in ENDING:
            return
        if self._whole:
            self._hand_over()
        if not self._streams or not self._protocol.unwritten:
            self._flush()  # of nothing, as for the parts of a request before its last
        elif not is_posted:  # with the answers, if they come in this turn of the loop
            self._call_soon(self._flush_if_due)
        if self._flow == "slow" and self._transport.get_write_buffer_size() > UNREAD_BYTES:
            self._flow = phases.PILE_UP["slow"]
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Stay open for writing while answers are due; over TLS that is not possible."""
        self._intake = phases.EOF[self._intake]
        for stream in tuple(self._arriving.values()):
            self._forget(stream)
        for stream in tuple(self._streams.values()):
            if stream.needs_its_reader:
                self._forget(stream)
                stream.stop_source()
        self._drop_what_is_stuck()
        return bool(self._streams) and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """The client is slow to read: send no more until it has caught up."""
        self._flow = phases.SLOW[self._flow]
        self._outbox.is_full = True
        self._since_s = self._now_s()

    def resume_writing(self) -> None:
        """The client has caught up."""
        was, self._flow = self._flow, phases.CATCH_UP[self._flow]
        self._outbox.is_full = False
        self._since_s = self._now_s()
        if was == "unread" and not self._transport.is_closing():
            self._transport.resume_reading()
        self._outbox.send()
        self._hand_over()
        self._flush()

    # What the server calls.

    def sweep(self, now_s: float) -> None:
        """Act on whatever has taken too long."""
        if self._phase == "gone":
            return
        waited_s = now_s - self._since_s
        is_overdue = waited_s > self._patience_s()
        if self._phase == "parting" and not self._streams and is_overdue:
            self._close()
        elif self._phase not in ENDING and self._flow == "free":
            self._sweep_requests(now_s, waited_s)
        elif is_overdue:
            self._transport.abort()

    def _patience_s(self) -> float:
        match phases.PATIENCE[self._phase]:
            case "idle":
                return self._limits.idle_timeout_s
            case "linger":
                return LINGER_S
            case "goodbye":
                return GOODBYE_S

    def _sweep_requests(self, now_s: float, waited_s: float) -> None:
        self._protocol.meter.refill(now_s)
        gave_up = self._sweep_streams(now_s)
        if gave_up and self._whole and waited_s > self._limits.idle_timeout_s:
            # It asked for more than it reads, and is silent: what waits would meet the same end.
            self._protocol.go_away(ErrorCode.ENHANCE_YOUR_CALM)
            self._end_connection(TOO_SLOW)
            return
        self._hand_over()
        if not self._streams and waited_s > self._limits.idle_timeout_s:
            self.shut_down()
        self._flush()

    def _sweep_streams(self, now_s: float) -> bool:
        """Whether an answer was given up that the client did not take."""
        gave_up = False
        limits = self._limits
        for stream in tuple(self._arriving.values()):
            if now_s - stream.since_s > limits.request_timeout_s:
                self._refuse(stream, TOO_SLOW)
        for stream, answered_s in tuple(self._refused.values()):
            if now_s - answered_s > LINGER_S:
                del self._refused[stream.id]
                self._protocol.reset(stream, ErrorCode.NO_ERROR)
        for stream in tuple(self._streams.values()):
            if stream.outgoing and now_s - stream.since_s > limits.idle_timeout_s:
                self._protocol.reset(stream, ErrorCode.CANCEL)
                self._forget(stream)
                stream.stop_source()
                gave_up = True
        return gave_up

    def shut_down(self) -> None:
        """Answer what has arrived or begun to arrive, then close."""
        if self._phase in ENDING:
            return
        self._intake = phases.SHUT_DOWN[self._intake]
        is_idle = not self._streams
        if not self._protocol.is_going_away:
            self._protocol.go_away()
        for stream in tuple(self._streams.values()):
            if stream.source is not None:
                stream.stop_source()
                self.send_end(stream)
        if is_idle:
            self._leave()
        else:
            self._flush()

    def buffered(self) -> Buffered:
        """Of requests that are not whole or not handed over, and of answers that the client does not take."""
        untaken = self._outbox.waiting_bytes
        if self._flow != "free" and self._phase != "gone":
            untaken += self._transport.get_write_buffer_size()
        since_s = min((stream.since_s for stream in self._streams.values()), default=self._since_s)
        return Buffered(since_s, untaken + self._bodies_bytes)

    def abort(self) -> None:
        """Close now."""
        if self._phase != "gone":
            self._transport.abort()

    # Reading.

    def _receive(self, data: bytes) -> None:
        try:
            events = self._protocol.receive(data)
        except Flood:
            self._end_connection(FLOODED)
        except ConnectionFault:
            self._end_connection(MALFORMED)
        else:
            self._react(events)

    def _react(self, events: list[Event]) -> None:
        """Do something about what the client did.

        To the protocol all of it has happened already: of a stream that was reset further on,
        nothing else is looked at.
        """
        reactions = self._REACTIONS
        for happening, stream, data in events:
            react = reactions.get(happening)
            if react is None:
                self._on_other(happening, stream)
            elif stream is not None and not stream.was_reset:
                react(self, stream, data)

    def _on_request(self, stream: Http2Stream, _: bytes) -> None:
        stream.since_s = self._since_s
        stream.connection = self
        self._streams[stream.id] = self._arriving[stream.id] = stream
        head = stream.head
        if head.field_count > HEADER_COUNT_LIMIT:
            self._refuse(stream, self._limits.header_too_large())
        elif head.announced_bytes > self._limits.body_bytes and stream.announced_bytes > (
            limit_bytes := self._body_limit_bytes(stream)
        ):
            self._refuse(stream, self._limits.body_too_large(limit_bytes))
        elif head.expects_continue and stream.phase is StreamPhase.OPEN:
            self._protocol.send_head(stream, CONTINUE_BLOCK, ends=False)

    def _on_body(self, stream: Http2Stream, data: bytes) -> None:
        if stream.id not in self._arriving:  # the connection's window is opened, the stream's is not
            return
        if data:
            stream.add_to_body(data)
            stream.kept_bytes += len(data)
            self._bodies_bytes += len(data)
        if stream.kept_bytes > self._limits.body_bytes and stream.kept_bytes > (
            limit_bytes := self._body_limit_bytes(stream)
        ):
            self._refuse(stream, self._limits.body_too_large(limit_bytes))
        elif self._bodies_bytes <= BODIES_BYTES or stream is next(iter(self._arriving.values())):
            self._protocol.open_window(stream)

    def _on_request_whole(self, stream: Http2Stream, _: bytes) -> None:
        stream.is_whole = True
        if self._arriving.pop(stream.id, None) is not None:  # else its refusal is on its way
            self._whole.append(stream)
            if self._arriving:
                self._open_windows()
        elif self._refused:
            self._refused.pop(stream.id, None)

    def _on_request_at_once(self, stream: Http2Stream, body: bytes) -> None:
        head, size = stream.head, len(body)
        if head[4] > HEADER_COUNT_LIMIT or size > self._limits.body_bytes:
            self._on_request(stream, b"")
            self._on_body(stream, body)
            self._on_request_whole(stream, b"")
            return
        stream.since_s = self._since_s
        stream.connection = self
        stream.is_whole = True
        stream.kept_bytes = size
        self._bodies_bytes += size
        self._streams[stream.id] = stream
        if self._whole or self._flow != "free" or self._outbox.waiting_bytes >= ANSWERS_BYTES:
            stream.body_parts.append(body)
            self._whole.append(stream)
        else:  # nothing waits before it
            self._handler.handle(_new_request(HttpRequest, (head[0], head[1], head[2], body)), stream)

    _REACTIONS: ClassVar[dict[Happening, Callable[[Http2Connection, Http2Stream, bytes], None]]] = {
        Happening.BEGUN: _on_request,
        Happening.BODY: _on_body,
        Happening.WHOLE: _on_request_whole,
        Happening.REQUEST: _on_request_at_once,
    }
    """What there is to do about what comes on a stream, as long as it lasts."""

    def _on_other(self, happening: Happening, stream: Http2Stream | None) -> None:
        if happening is Happening.LEAVING:
            self._intake = phases.CLIENT_GOES[self._intake]
        elif happening in {Happening.WINDOW, Happening.WINDOWS}:
            opened = self._streams.values() if happening is Happening.WINDOWS else (stream,)
            for waiting in opened:
                if waiting is not None:
                    self._outbox.reconsider(waiting)
            self._outbox.send()
        elif stream is not None:
            self._on_reset(stream)

    def _on_reset(self, stream: Http2Stream) -> None:
        self._refused.pop(stream.id, None)
        if stream.id in self._streams:
            self._forget(stream)
            stream.stop_source()

    def _open_windows(self) -> None:
        """Memory was freed, or another stream is the oldest now."""
        for place, stream in enumerate(self._arriving.values()):
            if self._bodies_bytes > BODIES_BYTES and place > 0:
                return
            self._protocol.open_window(stream)

    # Handing over and answering.

    def _hand_over(self) -> None:
        while self._whole and self._flow == "free" and self._outbox.waiting_bytes < ANSWERS_BYTES:
            stream = self._whole.popleft()
            if stream.id in self._streams:
                self._handler.handle(stream.request(), stream)

    def _body_limit_bytes(self, stream: Http2Stream) -> int:
        return self._limits.body_bytes_of(stream.head.target, stream.head.headers)

    def _refuse(self, stream: Http2Stream, refusal: Refusal) -> None:
        """Answer a request that will not become whole."""
        if self._arriving.pop(stream.id, None) is not None:
            stream.body_parts.clear()
            self._handler.refuse(refusal, stream)

    def answer(self, stream: Http2Stream, response: HttpResponse) -> None:
        """Answer the request of a stream."""
        _, _, body, _, _, source = response
        if self._streams.get(stream.id) is not stream:  # it was reset, or the connection is gone
            if source is not None:
                source.stop()
            return
        block = answer_block(response, self._connections.date)
        if self._output == "written":
            self._flush_soon()
        if (
            type(body) is bytes
            and body
            and stream.head[0] != b"HEAD"
            and self._outbox.add_answer(stream, block, body)
        ):
            if self._arriving or not stream.is_whole:
                self._on_sent(stream)
            else:  # the same, written out
                del self._streams[stream.id]
                self._bodies_bytes -= stream.kept_bytes
        else:
            self._answer_in_parts(stream, block, response)

    def _answer_in_parts(self, stream: Http2Stream, block: bytes, response: HttpResponse) -> None:
        source = response.source
        is_bodiless = stream.head.method == b"HEAD" or (source is None and not response.body)
        self._protocol.send_head(stream, block, ends=is_bodiless)
        if is_bodiless:
            if source is not None:
                source.stop()
            self._on_sent(stream)
        elif source is None:
            parts = parts_of(response.body)
            part = next(parts)
            for following in parts:
                self._outbox.add(stream, part)
                part = following
            stream.ended = True
            self._outbox.add(stream, part)
        elif self._protocol.is_going_away:
            source.stop()
            self.send_end(stream)
        else:
            stream.source = source
            source.start(stream)

    def hold(self, stream: Http2Stream, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer of a stream is held back."""
        stream.holding = holding = Hold(on_gone)
        if self._streams.get(stream.id) is not stream:
            holding.stop()
        return holding.end

    def cut(self, stream: Http2Stream) -> None:
        """The request of a stream is never answered."""
        if self._streams.get(stream.id) is stream:
            self.break_off(stream)

    def break_off(self, stream: Http2Stream) -> None:
        """Reset a stream as if something had failed."""
        self._protocol.reset(stream, ErrorCode.INTERNAL_ERROR)
        self._forget(stream)
        self._flush_soon()

    def send(self, stream: Http2Stream, data: bytes) -> None:
        """Send a part of a streamed body."""
        self._outbox.add(stream, data)
        self._flush_soon()

    def send_end(self, stream: Http2Stream) -> None:
        """End a streamed body."""
        stream.ended = True
        if not stream.outgoing:
            self._protocol.send_data(stream, b"", ends=True)
            self._on_sent(stream)
        self._flush_soon()

    def _on_sent(self, stream: Http2Stream) -> None:
        """A stream's answer has been sent to its end."""
        if not stream.is_whole:  # not reset at once: there are clients that would not read the answer then
            self._refused[stream.id] = stream, self._now_s()
        self._forget(stream)

    def _forget(self, stream: Http2Stream) -> None:
        """A stream has ended, in whatever way."""
        del self._streams[stream.id]
        self._bodies_bytes -= stream.kept_bytes
        if stream.outgoing:
            self._outbox.forget(stream)
        if self._arriving:
            self._arriving.pop(stream.id, None)
            self._open_windows()

    # Writing and closing.

    def _flush_soon(self) -> None:
        """Write what all answers of this moment have to say at once."""
        if self._output == "written":
            self._output = GATHER["written"]
            self._call_soon(self._flush_if_due)

    def _flush_if_due(self) -> None:
        if self._output == "due":
            self._hand_over()
            self._flush()

    def _flush(self) -> None:
        self._output = FLUSH[self._output]
        self._outbox.flush()
        if self._intake != "open":
            self._settle_whether_to_stay()

    def _settle_whether_to_stay(self) -> None:
        """No more requests are wanted: end, or wait for the client to go, once all are answered."""
        if self._intake == "ended":
            self._drop_what_is_stuck()
        if self._streams or self._phase in ENDING:
            return
        if phases.AFTER_ANSWERS[self._intake] == "close":
            self._close()
        elif self._phase == "open":
            self._phase = phases.PART[self._phase]
            self._since_s = self._now_s()

    def _close(self) -> None:
        """Close when what was written has left."""
        self._phase = phases.CLOSE[self._phase]
        self._end_transport()

    def _leave(self) -> None:
        """Close when nothing is left to be written but a goodbye."""
        self._output = FLUSH[self._output]
        self._outbox.flush()
        self._phase = phases.LEAVE[self._phase]
        self._end_transport()

    def _end_transport(self) -> None:
        self._since_s = self._now_s()
        self._transport.close()

    def _drop_what_is_stuck(self) -> None:
        """A half-closed client opens no windows: what does not fit in them never will."""
        if self._flow == "free":
            for stream in tuple(self._streams.values()):
                if stream.outgoing:
                    self._forget(stream)
                    stream.stop_source()

    def _end_connection(self, refusal: Refusal) -> None:
        """Read and answer nothing more; close for writing first, so that the GOAWAY is not lost."""
        self._handler.refuse(refusal, NobodyLeft())
        self._phase = phases.END[self._phase]
        self._since_s = self._now_s()
        self._drop_all()
        self._outbox.flush()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _drop_all(self) -> None:
        streams = tuple(self._streams.values())
        self._streams.clear()
        self._arriving.clear()
        self._refused.clear()
        self._whole.clear()
        for stream in streams:
            self._outbox.forget(stream)
            stream.stop_source()
