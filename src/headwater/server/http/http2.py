"""HTTP/2 over one connection: many requests at once, each on a stream of its own.

`Http2Connection` ties the protocol to a transport and minds order, limits and time.

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
- time-outs are found by `sweep`, called at a steady interval; no request has a timer.

Refuses to know what is asked for and what an answer means.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from h2 import events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from headwater.server.http.connections import GOODBYE_S, Buffered, OpenConnections
from headwater.server.http.exchange import HEADERS_READ, HttpResponse, Refusal, RequestHandler, Wait
from headwater.server.http.frame_meter import Flood, FrameMeter, FrameTooLarge
from headwater.server.http.http2_outbox import Outbox
from headwater.server.http.http2_protocol import start_protocol
from headwater.server.http.http2_respond import NobodyLeft, RespondOnStream
from headwater.server.http.http2_stream import Stream, fields_of
from headwater.server.http.limits import HEADER_COUNT_LIMIT, MALFORMED, TOO_SLOW, ConnectionLimits

BODIES_BYTES = 64 * 1024 * 1024
"""So much may be held of requests that have not been answered yet."""
ANSWERS_BYTES = 16 * 1024 * 1024
"""With so much waiting to be sent no further request is handed over."""
UNREAD_BYTES = 1024 * 1024
"""With so much not taken by the client, acknowledgements of its frames included, it is not read from."""
LINGER_S = 2.0
"""How long a client that was refused may go on sending before it is cut off."""

CONTINUE = [(b":status", b"100")]
FLOODED = Refusal(429, "TooManyFramesException", "The client sends too many frames that ask for nothing.")


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
        self._headers_kept = headers_kept
        self._protocol = start_protocol(limits)
        self._outbox = Outbox(self._protocol, self._on_sent, loop.time)
        self._meter = FrameMeter(loop.time())
        self._transport: asyncio.Transport | None = None
        self._streams: dict[int, Stream] = {}
        """All whose answer is not sent yet."""
        self._arriving: dict[int, Stream] = {}
        """Those whose request is not whole, in the order of their beginnings."""
        self._whole: deque[Stream] = deque()
        """Those to be handed over."""
        self._refused: dict[int, float] = {}
        """Those answered before their request was whole, and when: what still comes is thrown away."""
        self._bodies_bytes = 0
        self._flush_due = False
        self._reading_paused = False
        self._going_away = False
        """A GOAWAY of ours says that no further stream is answered."""
        self._half_closed = False
        self._finishing = False
        """The connection closes once all is answered."""
        self._closing = False
        self._retry_for_s = limits.idle_timeout_s
        """How long a client that does not read, or does not go, is waited for."""
        self._since_s = loop.time()
        """When the client was last heard of, or the present wait for it to read or to go began."""
        self._reactions: dict[type[events.Event], Callable[[Any], None]] = {
            events.RequestReceived: self._on_request,
            events.DataReceived: self._on_data,
            events.StreamEnded: self._on_request_whole,
            events.WindowUpdated: self._on_window,
            events.RemoteSettingsChanged: self._on_settings,
            events.ConnectionTerminated: self._on_goaway,
        }
        """What there is to do about what the client did; trailers, for one, say nothing here."""

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = self._outbox.transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._outbox.flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is closed; an answer that comes later has nowhere to go."""
        self._transport = self._outbox.transport = None
        self._connections.remove(self)
        self._drop_all()

    def data_received(self, data: bytes) -> None:
        """Read, hand over what has become whole, and send what may now be sent."""
        transport = self._transport
        if self._closing or transport is None:
            return
        if not self._outbox.is_full:
            self._since_s = self._now_s()
        self._flush_due = True  # below, and not by every answer
        self._receive(data)
        if self._closing:
            return
        self._hand_over()
        self._flush()
        if self._outbox.is_full and transport.get_write_buffer_size() > UNREAD_BYTES:
            self._reading_paused = True
            transport.pause_reading()

    def eof_received(self) -> bool:
        """Stay open for writing while answers are due; over TLS that is not possible."""
        self._half_closed = self._finishing = True
        for stream in tuple(self._arriving.values()):
            self._forget(stream)
        for stream in tuple(self._streams.values()):
            if stream.needs_its_reader:
                self._forget(stream)
                stream.stop_source()
        self._drop_what_is_stuck()
        return bool(self._streams) and self._transport is not None and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """The client is slow to read: send no more until it has caught up."""
        self._outbox.is_full = True
        self._since_s = self._now_s()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._outbox.is_full = False
        self._since_s = self._now_s()
        if self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()
        self._outbox.send()
        self._hand_over()
        self._flush()

    # What the server calls.

    def sweep(self, now_s: float) -> None:
        """Act on whatever has taken too long."""
        transport = self._transport
        if transport is None:
            return
        waited_s = now_s - self._since_s
        if self._closing or self._outbox.is_full:
            if waited_s > self._retry_for_s:
                transport.abort()
            return
        self._meter.refill(now_s)
        gave_up = self._sweep_streams(now_s)
        if gave_up and self._whole and waited_s > self._limits.idle_timeout_s:
            # It asked for more than it reads, and is silent: what waits would meet the same end.
            self._protocol.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
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
        for stream_id, answered_s in tuple(self._refused.items()):
            if now_s - answered_s > LINGER_S:
                del self._refused[stream_id]
                self._protocol.reset_stream(stream_id, ErrorCodes.NO_ERROR)
        for stream in tuple(self._streams.values()):
            if stream.outgoing and now_s - stream.since_s > limits.idle_timeout_s:
                self._protocol.reset_stream(stream.id, ErrorCodes.CANCEL)
                self._forget(stream)
                stream.stop_source()
                gave_up = True
        return gave_up

    def shut_down(self) -> None:
        """Answer what has arrived or begun to arrive, then close."""
        if self._transport is None or self._closing:
            return
        self._finishing = True
        if not self._streams:
            self._retry_for_s = GOODBYE_S
        if not self._going_away:
            self._going_away = True
            self._protocol.close_connection()
        for stream in tuple(self._streams.values()):
            if stream.source is not None:
                stream.stop_source()
                self.send_end(stream)
        self._flush()

    def held(self) -> Buffered:
        """Of requests that are not whole or not handed over, and of answers that the client does not take."""
        untaken = self._outbox.waiting_bytes
        if self._transport is not None and self._outbox.is_full:
            untaken += self._transport.get_write_buffer_size()
        since_s = min((stream.since_s for stream in self._streams.values()), default=self._since_s)
        return Buffered(since_s, untaken + self._bodies_bytes)

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    # Reading.

    def _receive(self, data: bytes) -> None:
        self._meter.earn(self._outbox.frames_sent)
        self._outbox.frames_sent = 0
        try:
            self._meter.watch(data)
            happened = self._protocol.receive_data(data)
        except Flood:
            self._protocol.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            self._end_connection(FLOODED)
        except FrameTooLarge:
            self._protocol.close_connection(ErrorCodes.FRAME_SIZE_ERROR)
            self._end_connection(MALFORMED)
        except ProtocolError:  # its GOAWAY is on its way
            self._end_connection(MALFORMED)
        else:
            self._react(happened)

    def _react(self, happened: list[events.Event]) -> None:
        """Do something about what the client did.

        To the protocol all of it has happened already: a stream that was reset further on is
        no more, so the resets come first, and requests that were taken back are not looked at.
        """
        gone = set()
        for event in happened:
            if isinstance(event, events.StreamReset):
                gone.add(event.stream_id)
                self._on_reset(event)
        for event in happened:
            if gone and isinstance(event, events.RequestReceived) and event.stream_id in gone:
                continue
            react = self._reactions.get(type(event))
            if react is not None:
                react(event)

    def _on_request(self, event: events.RequestReceived) -> None:
        stream = Stream(self, event.stream_id, self._since_s)
        if self._going_away:
            self._protocol.reset_stream(stream.id, ErrorCodes.REFUSED_STREAM)
            return
        self._streams[stream.id] = self._arriving[stream.id] = stream
        stream.read_head(event.headers, self._headers_kept)
        if len(event.headers) > HEADER_COUNT_LIMIT:
            self._refuse(stream, self._limits.header_too_large())
        elif stream.announced_bytes > (limit_bytes := self._body_limit_bytes(stream)):
            self._refuse(stream, self._limits.body_too_large(limit_bytes))
        elif event.stream_ended is None and stream.headers.get(b"expect", b"").lower() == b"100-continue":
            self._protocol.send_headers(stream.id, CONTINUE)

    def _on_data(self, event: events.DataReceived) -> None:
        stream = self._arriving.get(event.stream_id)
        if stream is None:
            if event.flow_controlled_length:  # the connection's window is opened, the stream's is not
                self._protocol.increment_flow_control_window(event.flow_controlled_length)
            return
        if event.data:
            stream.body_parts += event.data
            stream.body_bytes += len(event.data)
            self._bodies_bytes += len(event.data)
        stream.held_bytes += event.flow_controlled_length
        if stream.body_bytes > (limit_bytes := self._body_limit_bytes(stream)):
            self._refuse(stream, self._limits.body_too_large(limit_bytes))
        elif self._bodies_bytes <= BODIES_BYTES or stream is next(iter(self._arriving.values())):
            self._open_window(stream)

    def _on_request_whole(self, event: events.StreamEnded) -> None:
        self._refused.pop(event.stream_id, None)
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        stream.is_whole = True
        if self._arriving.pop(stream.id, None) is not None:  # else its refusal is on its way
            self._open_window(stream)
            self._whole.append(stream)
            self._open_windows()

    def _on_reset(self, event: events.StreamReset) -> None:
        if not event.remote_reset:
            self._meter.spend_reset()
        self._refused.pop(event.stream_id, None)
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            self._forget(stream)
            stream.stop_source()

    def _on_window(self, event: events.WindowUpdated) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            self._outbox.reconsider(stream)
        self._outbox.send()

    def _on_settings(self, event: events.RemoteSettingsChanged) -> None:  # noqa: ARG002 - as the others
        """All windows may have been opened."""
        for stream in self._streams.values():
            self._outbox.reconsider(stream)
        self._outbox.send()

    def _on_goaway(self, event: events.ConnectionTerminated) -> None:  # noqa: ARG002 - as the others
        self._finishing = True

    def _open_window(self, stream: Stream) -> None:
        """Let the client send again as much as it has sent on a stream."""
        held, stream.held_bytes = stream.held_bytes, 0
        if held:
            self._protocol.acknowledge_received_data(held, stream.id)

    def _open_windows(self) -> None:
        """Memory was freed, or another stream is the oldest now."""
        for place, stream in enumerate(self._arriving.values()):
            if self._bodies_bytes > BODIES_BYTES and place > 0:
                return
            self._open_window(stream)

    # Handing over and answering.

    def _hand_over(self) -> None:
        while self._whole and not self._outbox.is_full and self._outbox.waiting_bytes < ANSWERS_BYTES:
            stream = self._whole.popleft()
            if stream.id in self._streams:
                self._handler.handle(stream.request(), RespondOnStream(self, stream))

    def _body_limit_bytes(self, stream: Stream) -> int:
        return self._limits.body_bytes_of(stream.target, stream.headers)

    def _refuse(self, stream: Stream, refusal: Refusal) -> None:
        """Answer a request that will not become whole."""
        if self._arriving.pop(stream.id, None) is not None:
            stream.body_parts.clear()
            self._handler.refuse(refusal, RespondOnStream(self, stream))

    def answer(self, stream: Stream, response: HttpResponse) -> None:
        """Answer the request of a stream."""
        source = response.source
        if self._streams.get(stream.id) is not stream:  # it was reset, or the connection is gone
            if source is not None:
                source.stop()
            return
        is_bodiless = stream.method == b"HEAD" or (source is None and not response.body)
        fields = fields_of(response, self._connections.date)
        self._protocol.send_headers(stream.id, fields, end_stream=is_bodiless)
        self._flush_soon()
        if is_bodiless:
            if source is not None:
                source.stop()
            self._on_sent(stream)
        elif source is None:
            stream.ended = True
            self._outbox.add(stream, response.body)
        elif self._going_away:
            source.stop()
            self.send_end(stream)
        else:
            stream.source = source
            source.start(stream)

    def hold(self, stream: Stream, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer of a stream is held back."""
        stream.wait = wait = Wait(on_gone)
        if self._streams.get(stream.id) is not stream:
            wait.stop()
        return wait.end

    def cut(self, stream: Stream) -> None:
        """The request of a stream is never answered."""
        if self._streams.get(stream.id) is stream:
            self.break_off(stream)

    def break_off(self, stream: Stream) -> None:
        """Reset a stream as if something had failed."""
        self._protocol.reset_stream(stream.id, ErrorCodes.INTERNAL_ERROR)
        self._forget(stream)
        self._flush_soon()

    def send(self, stream: Stream, data: bytes) -> None:
        """Send a part of a streamed body."""
        self._outbox.add(stream, data)
        self._flush_soon()

    def send_end(self, stream: Stream) -> None:
        """End a streamed body."""
        stream.ended = True
        if not stream.outgoing:
            self._protocol.end_stream(stream.id)
            self._on_sent(stream)
        self._flush_soon()

    def _on_sent(self, stream: Stream) -> None:
        """A stream's answer has been sent to its end."""
        if not stream.is_whole:  # not reset at once: there are clients that would not read the answer then
            self._refused[stream.id] = self._now_s()
        self._forget(stream)

    def _forget(self, stream: Stream) -> None:
        """A stream has ended, in whatever way."""
        del self._streams[stream.id]
        self._arriving.pop(stream.id, None)
        self._outbox.forget(stream)
        self._bodies_bytes -= stream.body_bytes
        if self._arriving:
            self._open_windows()

    # Writing and closing.

    def _flush_soon(self) -> None:
        """Write what all answers of this moment have to say at once."""
        if not self._flush_due:
            self._flush_due = True
            self._call_soon(self._flush_if_due)

    def _flush_if_due(self) -> None:
        if self._flush_due:
            self._hand_over()
            self._flush()

    def _flush(self) -> None:
        self._flush_due = False
        self._outbox.flush()
        if self._half_closed:
            self._drop_what_is_stuck()
        if self._finishing and not self._streams and not self._closing and self._transport is not None:
            self._closing = True
            self._since_s = self._now_s()
            self._transport.close()

    def _drop_what_is_stuck(self) -> None:
        """A half-closed client opens no windows: what does not fit in them never will."""
        if not self._outbox.is_full:
            for stream in tuple(self._streams.values()):
                if stream.outgoing:
                    self._forget(stream)
                    stream.stop_source()

    def _end_connection(self, refusal: Refusal) -> None:
        """Read and answer nothing more; close for writing first, so that the GOAWAY is not lost."""
        self._handler.refuse(refusal, NobodyLeft())
        self._closing = True
        self._retry_for_s = LINGER_S
        self._since_s = self._now_s()
        self._drop_all()
        self._outbox.flush()
        if self._transport is None:
            return
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
