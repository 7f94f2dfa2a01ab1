"""HTTP/2 as a server speaks it: bytes to events, and answers to bytes.

`Http2Protocol` is one connection without its socket: `receive` is given what was read and tells
what has happened, the other methods say something, and `take` gives the bytes to write.

Rules:
- which frame is allowed when, and what follows, is in the tables of `http2_states`;
- a fault of a stream resets it, one of the connection is said with a GOAWAY and ends it;
- a header block is read even if nobody wants its fields, so that the next one can be;
- all frames of one read are looked at in one go, a head and the frames that are its body together;
- a GOAWAY without an error ends nothing but the opening of streams: those that are open finish;
- the connection's window stays open: bodies are limited stream by stream, by who opens their windows;
- PRIORITY means nothing.

Refuses to know sockets, time, and what a request asks for.
"""

from __future__ import annotations

from collections import deque

from headwater.server.http import http2_frames as frames
from headwater.server.http.frame_meter import COSTS, OTHER, Flood, FrameMeter
from headwater.server.http.hpack import DROP_TABLE, FIELD_OVERHEAD_BYTES
from headwater.server.http.http2_blocks import BegunBlock, HeaderBlocks
from headwater.server.http.http2_events import ConnectionFault, Event, Happening, StreamFault
from headwater.server.http.http2_frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES_MAX,
    HEAD_BYTES,
    PADDED,
    PRIORITIZED,
    STREAM_ID_BITS,
    WINDOW_BYTES,
    WINDOW_BYTES_MAX,
    ErrorCode,
    Kind,
    read_head,
)
from headwater.server.http.http2_heads import MalformedHead, RequestHead, check_trailers
from headwater.server.http.http2_settings import (
    SAID_ALONE,
    SAID_ALONE_BYTES_MAX,
    ClientSettings,
    next_settings,
    opening_of,
)
from headwater.server.http.http2_states import ALLOWED, FAULTS, RECEIVED, SENT, Act, ConnectionPhase, Phase
from headwater.server.http.http2_stream import Http2Stream
from headwater.server.http.limits import HEADER_COUNT_LIMIT, ConnectionLimits
from headwater.server.http.protocol_detector import HTTP2_PREFACE

CONCURRENT_STREAMS = 1000
"""Hundreds of subscriptions may share a connection with the other calls of a program."""
STREAM_WINDOW_BYTES = 128 * 1024
STREAM_WINDOW_STEP_BYTES = STREAM_WINDOW_BYTES // 4
"""A stream's window is opened again when so much of it is used up."""
CONNECTION_WINDOW_BYTES = WINDOW_BYTES + (1 << 30)
HALF_OF_CONNECTION_WINDOW = CONNECTION_WINDOW_BYTES // 2
"""It is opened again when it is less than that."""
CONTINUATIONS_MAX = 64
"""Frames that may follow on a head; nobody needs more than two."""
RESETS_REMEMBERED = CONCURRENT_STREAMS
GAPS_REMEMBERED = 16

_new_event = tuple.__new__
_LEAVING = Event(Happening.LEAVING, None, b"")
_BODY, _WHOLE, _BEGUN, _REQUEST = Happening.BODY, Happening.WHOLE, Happening.BEGUN, Happening.REQUEST
_DATA, _HEADERS, _END, _CLOSED = Act.DATA, Act.HEADERS, Act.END, Phase.CLOSED
_READY = ConnectionPhase.READY
_RESERVED_AND_LOWEST = 1 << 31 | 1
"""Bits of a stream's number: of those that a client opens, only the second is set."""
_AFTER_REQUEST = RECEIVED[RECEIVED[RECEIVED[Phase.IDLE][_HEADERS]][_DATA]][_END]
"""The phase of a stream on which a whole request has come."""


class Http2Protocol:
    """The server's side of one connection; its first bytes are ready to be sent."""

    def __init__(self, limits: ConnectionLimits, headers_kept: frozenset[bytes] | None, now_s: float) -> None:
        self.meter = FrameMeter(now_s)
        self.streams: dict[int, Http2Stream] = {}
        """All that are neither closed nor reset."""
        self.send_window = WINDOW_BYTES
        """Of the connection."""
        self.frame_bytes = FRAME_BYTES_MAX
        """How large a frame may be that is sent."""
        self._settings = ClientSettings()
        self.is_going_away = False
        """The client was told that no further stream is answered."""
        self._header_list_bytes = limits.header_bytes + HEADER_COUNT_LIMIT * FIELD_OVERHEAD_BYTES
        self._blocks = HeaderBlocks(self._header_list_bytes, headers_kept)
        self._heads = self._blocks.heads
        self._phase = ConnectionPhase.BEGINNING
        self._preface = HTTP2_PREFACE
        """What is still to come of it."""
        self._begun = b""
        """The beginning of a frame."""
        self._block: BegunBlock | None = None
        self._events: list[Event] = []
        self._last_stream_id = 0
        self._gaps: deque[range] = deque(maxlen=GAPS_REMEMBERED)
        """Streams that were passed over."""
        self._resets: dict[int, None] = {}
        """Streams that the server has reset; frames may still come on them."""
        self._receive_window = CONNECTION_WINDOW_BYTES
        self._drops_table = False
        """The client must hear that its wish for a smaller table is heard."""
        self.unwritten: list[bytes | memoryview] = [
            frames.first_words(
                CONCURRENT_STREAMS, STREAM_WINDOW_BYTES, self._header_list_bytes, CONNECTION_WINDOW_BYTES
            )
        ]
        """What was said and is to be written."""

    # Reading.

    def receive(self, data: bytes) -> list[Event]:
        """What has happened by these bytes. Raises `ConnectionFault`, `Flood`: nothing of them happened."""
        self._events = []
        try:
            if self._preface:
                data = self._begin(data)
            if len(data) > SAID_ALONE_BYTES_MAX or not self._take_alone(data):
                self._read_frames(self._begun + data if self._begun else data)
        except ConnectionFault as fault:
            self._end(fault.code)
            raise
        except Flood:
            self._end(ErrorCode.ENHANCE_YOUR_CALM)
            raise
        return self._events

    def _begin(self, data: bytes) -> bytes:
        """Read how a connection begins, and give what follows."""
        opening = opening_of(data) if len(self._preface) == len(HTTP2_PREFACE) else None
        if opening is None:
            return self._without_preface(data)
        said, settings, count = opening
        self._preface = b""
        self._phase = _READY
        self.meter.pay(COSTS[Kind.SETTINGS] * count)
        self._take_settings(settings)
        self.unwritten.append(frames.SETTINGS_ACK * count)
        return data[len(said) :]

    def _without_preface(self, data: bytes) -> bytes:
        size = min(len(data), len(self._preface))
        if data[:size] != self._preface[:size]:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
        self._preface = self._preface[size:]
        return data[size:]

    def _take_alone(self, data: bytes) -> bool:
        """Whether these are frames of which it is known beforehand what they say, and all that has come."""
        alone = SAID_ALONE.get(data)
        if alone is None or self._begun or self._phase is not _READY:
            return False
        cost, leaves = alone
        self.meter.pay(cost)
        if leaves:
            self._events = [_LEAVING]
        return True

    def _read_frames(self, data: bytes) -> None:
        at, end = 0, len(data)
        while end - at >= HEAD_BYTES:
            sized, flags, stream_id = read_head(data, at)
            size, kind = sized >> 8, sized & 0xFF
            if size > FRAME_BYTES_MAX:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR)
            if (self._phase is not _READY or kind > 4) and kind not in ALLOWED[self._phase]:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
            begin = at + HEAD_BYTES
            after = begin + size
            if after > end:
                break
            if (
                kind == 1
                and flags == END_HEADERS
                and (request_end := self._read_request(stream_id, data, begin, after))
            ):
                at = request_end
                continue
            at = after
            react = self._REACTIONS[kind] if kind < len(self._REACTIONS) else Http2Protocol._on_other
            try:
                react(self, flags, stream_id & STREAM_ID_BITS, data[begin:after])
            except StreamFault as fault:
                self._fail_stream(fault)
        self._begun = data[at:]

    def _read_request(self, stream_id: int, data: bytes, block_at: int, at: int) -> int:
        """Read a request at once if nothing is unusual about it, as frame after frame would be read.

        Its header block ends at `at`; behind it stand the frames that are its body. Gives the position
        after what was read; 0 for none.
        """
        found = frames.body_at(data, at, stream_id)
        if (
            found is None
            or len(found[0]) > STREAM_WINDOW_BYTES
            or stream_id <= self._last_stream_id
            or stream_id & _RESERVED_AND_LOWEST != 1
            or self.is_going_away
            or len(self.streams) >= CONCURRENT_STREAMS
        ):
            return 0
        body, after = found
        size = len(body)
        block = data[block_at:at]
        head = self._heads.get(block)
        if head is not None and head[3] != size and head[3] >= 0:  # what it announces
            return 0
        if stream_id - self._last_stream_id > 2:
            self._pass_over(stream_id)
        self._last_stream_id = stream_id
        if head is None:
            try:
                head = self._blocks.head(block)
            except MalformedHead:
                self._fail_stream(StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR))
                return at
            if head[3] != size and head[3] >= 0:
                self._events.append(_new_event(Event, (_BEGUN, self._new_stream(stream_id, head), b"")))
                return at
        stream = self.streams[stream_id] = Http2Stream(
            stream_id,
            head,
            STREAM_WINDOW_BYTES - size,
            self._settings.stream_window,
            _AFTER_REQUEST,
            size,
            size,
        )
        self._receive_window -= size
        if self._receive_window < HALF_OF_CONNECTION_WINDOW:
            self._open_window()
        self._events.append(_new_event(Event, (_REQUEST, stream, body)))
        return after

    def _pass_over(self, stream_id: int) -> None:
        """The client opens a stream; those before it that it has not opened it never will."""
        self._gaps.append(range(self._last_stream_id + 1, stream_id))

    def _new_stream(self, stream_id: int, head: RequestHead) -> Http2Stream:
        stream = Http2Stream(stream_id, head, STREAM_WINDOW_BYTES, self._settings.stream_window)
        self.streams[stream_id] = stream
        return stream

    def _open_window(self) -> None:
        """The connection goes on as if it had no window."""
        self.unwritten.append(frames.window_update(0, CONNECTION_WINDOW_BYTES - self._receive_window))
        self._receive_window = CONNECTION_WINDOW_BYTES

    def _fail_stream(self, fault: StreamFault) -> None:
        self.meter.spend(Kind.RST_STREAM)
        stream = self.streams.get(fault.stream_id)
        if stream is None:
            self._say_reset(fault.stream_id, fault.code)
        else:
            self.reset(stream, fault.code)
            self._events.insert(0, Event(Happening.RESET, stream, b""))

    def _end(self, code: ErrorCode) -> None:
        self.go_away(code)
        self._phase = ConnectionPhase.ENDED
        self._events = []
        self.streams.clear()

    def _phase_of(self, stream_id: int) -> Phase:
        """The phase of a stream that is not open."""
        if stream_id in self._resets:
            return Phase.RESET
        if stream_id > self._last_stream_id or stream_id % 2 == 0:
            return Phase.IDLE
        return Phase.PASSED_OVER if any(stream_id in gap for gap in self._gaps) else Phase.CLOSED

    def _act(self, stream_id: int, act: Act) -> Http2Stream | None:
        """The client acts on a stream: its phase changes, or the act is a fault.

        Gives the stream if it was open.
        """
        stream = self.streams.get(stream_id)
        before = self._phase_of(stream_id) if stream is None else stream.phase
        after = RECEIVED[before].get(act)
        if after is None:
            fault = FAULTS[before][act]
            if fault.ends_connection:
                raise ConnectionFault(fault.code)
            raise StreamFault(stream_id, fault.code)
        if stream is not None and after is not before:
            stream.phase = after
            if after is Phase.CLOSED:
                del self.streams[stream_id]
        return stream

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._receive_window -= size
        if self._receive_window < HALF_OF_CONNECTION_WINDOW:
            self._open_window()
        if flags & PADDED:
            payload = _unpadded(payload)
        if not payload and not flags & END_STREAM:
            self.meter.spend(Kind.DATA)
        stream = self._act(stream_id, _DATA)
        if stream is None:
            return
        stream.receive_window -= size
        if stream.receive_window < 0:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR)
        if size:
            stream.held_bytes += size
            stream.body_bytes += len(payload)
            self._events.append(_new_event(Event, (_BODY, stream, payload)))
        if stream.body_bytes > stream.head.announced_bytes >= 0:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
        if flags & END_STREAM:
            self._on_end(stream)

    def _on_end(self, stream: Http2Stream) -> None:
        if stream.body_bytes < stream.head.announced_bytes:
            raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR)
        self._act(stream.id, _END)
        self._events.append(_new_event(Event, (_WHOLE, stream, b"")))

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if flags & PADDED:
            payload = _unpadded(payload)
        depends_on_itself = False
        if flags & PRIORITIZED:
            if len(payload) < 5:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
            depends_on_itself = _number(payload) & STREAM_ID_BITS == stream_id
            payload = payload[5:]
        if not flags & END_HEADERS:
            self._block = BegunBlock(flags, stream_id, [payload])
            self._phase = ConnectionPhase.IN_BLOCK
            return
        self._on_block(flags, stream_id, payload)
        if depends_on_itself:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        block = self._block
        if block is None or stream_id != block.stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
        block.parts.append(payload)
        if len(block.parts) > CONTINUATIONS_MAX or sum(map(len, block.parts)) > self._header_list_bytes:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM)
        if flags & END_HEADERS:
            self._block = None
            self._phase = ConnectionPhase.READY
            self._on_block(block.flags, stream_id, b"".join(block.parts))

    def _on_block(self, flags: int, stream_id: int, block: bytes) -> None:
        """A header block is whole: the head of a request, or trailers."""
        stream = self.streams.get(stream_id)
        if stream_id % 2 == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
        if stream is None and stream_id > self._last_stream_id:
            self._open(flags, stream_id, block)
            return
        names, values = self._blocks.fields(block)
        if self._act(stream_id, _HEADERS) is None:  # it was reset
            return
        try:
            check_trailers(names, values)
        except MalformedHead:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR) from None
        if stream is None or not flags & END_STREAM:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
        self._on_end(stream)

    def _open(self, flags: int, stream_id: int, block: bytes) -> None:
        if self.is_going_away or len(self.streams) >= CONCURRENT_STREAMS:
            self.meter.spend(Kind.RST_STREAM)
            self._blocks.fields(block)
            self._say_reset(stream_id, ErrorCode.REFUSED_STREAM)
            return
        if stream_id - self._last_stream_id > 2:
            self._pass_over(stream_id)
        self._last_stream_id = stream_id
        try:
            head = self._heads.get(block) or self._blocks.head(block)
        except MalformedHead:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR) from None
        stream = self._new_stream(stream_id, head)
        self._events.append(_new_event(Event, (_BEGUN, stream, b"")))
        if flags & END_STREAM:
            self._on_end(stream)

    def _on_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self.meter.spend(Kind.PRIORITY)
        if not stream_id or (len(payload) == 5 and _number(payload) & STREAM_ID_BITS == stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
        if len(payload) != 5:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR)

    def _on_rst_stream(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self.meter.spend(Kind.RST_STREAM)
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR)
        stream = self._act(stream_id, Act.RESET)
        if stream is not None:
            stream.was_reset = True
            self._events.insert(0, Event(Happening.RESET, stream, b""))

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        self.meter.spend(Kind.SETTINGS)
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
        if payload and flags & ACK:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR)
        if self._phase is ConnectionPhase.BEGINNING:
            if flags & ACK:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
            self._phase = ConnectionPhase.READY
        if not flags & ACK:
            self._take_settings(next_settings(self._settings, payload))
            self.unwritten.append(frames.SETTINGS_ACK)

    def _take_settings(self, said: ClientSettings) -> None:
        before, self._settings = self._settings, said
        self.frame_bytes = said.frame_bytes
        if said.has_small_table and not before.has_small_table:
            self._drops_table = True
        change = said.stream_window - before.stream_window
        if change and self.streams:
            for stream in self.streams.values():
                stream.send_window += change
                if stream.send_window > WINDOW_BYTES_MAX:
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR)
            self._events.append(Event(Happening.WINDOWS, None, b""))

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        self.meter.spend(Kind.PING)
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR)
        if not flags & ACK:
            self.unwritten.append(frames.pong(payload))

    def _on_goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self.meter.spend(Kind.GOAWAY)
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR)
        if _LEAVING not in self._events:  # Node.js says so twice
            self._events.append(_LEAVING)

    def _on_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self.meter.spend(Kind.WINDOW_UPDATE)
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR)
        increment = _number(payload) & STREAM_ID_BITS
        if not stream_id:
            self.send_window += increment
            if not increment or self.send_window > WINDOW_BYTES_MAX:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR if increment else ErrorCode.PROTOCOL_ERROR)
            self._events.append(Event(Happening.WINDOW, None, b""))
            return
        stream = self._act(stream_id, Act.WINDOW)
        if stream is None:
            return
        stream.send_window += increment
        if not increment or stream.send_window > WINDOW_BYTES_MAX:
            raise StreamFault(
                stream_id, ErrorCode.FLOW_CONTROL_ERROR if increment else ErrorCode.PROTOCOL_ERROR
            )
        self._events.append(Event(Happening.WINDOW, stream, b""))

    def _on_other(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        """Of extensions, which are ignored."""
        self.meter.spend(OTHER)

    _REACTIONS = (
        _on_data,
        _on_headers,
        _on_priority,
        _on_rst_stream,
        _on_settings,
        _on_other,
        _on_ping,
        _on_goaway,
        _on_window_update,
        _on_continuation,
    )
    """By the kind of a frame."""

    # Saying.

    def send_head(self, stream: Http2Stream, block: bytes, *, ends: bool) -> None:
        """Send a header block."""
        if self._drops_table:
            self._drops_table = False
            block = DROP_TABLE + block
        self.unwritten.append(frames.headers(stream.id, block, self.frame_bytes, ends=ends))
        if ends:
            self._on_end_sent(stream)

    def send_answer(self, stream: Http2Stream, block: bytes, body: bytes) -> bool:
        """Send a head and a body that ends, if the client lets both be sent now in one frame each."""
        size = len(body)
        frame_bytes = self.frame_bytes
        if (
            size > stream.send_window
            or size > self.send_window
            or size > frame_bytes
            or len(block) > frame_bytes
            or self._drops_table
        ):
            return False
        self.send_window -= size
        self.meter.data_frames_sent += 1
        self.unwritten.append(frames.answer(stream.id, block, body))
        after = stream.phase = SENT[stream.phase][_END]  # `_on_end_sent`, written out
        if after is _CLOSED:
            del self.streams[stream.id]
        return True

    def sendable_bytes(self, stream: Http2Stream) -> int:
        """How much of a body may be sent now in one frame; not positive if nothing may."""
        return min(stream.send_window, self.send_window, self.frame_bytes)

    def send_data(self, stream: Http2Stream, part: bytes | memoryview, *, ends: bool) -> None:
        """Send a part of a body in one frame."""
        size = len(part)
        stream.send_window -= size
        self.send_window -= size
        self.meter.data_frames_sent += 1
        out = self.unwritten
        out.append(frames.data_head(size, stream.id, ends=ends))
        out.append(part)
        if ends:
            self._on_end_sent(stream)

    def _on_end_sent(self, stream: Http2Stream) -> None:
        after = stream.phase = SENT[stream.phase][_END]
        if after is Phase.CLOSED:
            del self.streams[stream.id]

    def open_window(self, stream: Http2Stream) -> None:
        """Let the client send again as much as it has sent on a stream, if that is worth a frame."""
        held = stream.held_bytes
        if held >= STREAM_WINDOW_STEP_BYTES and stream.id in self.streams:
            stream.held_bytes = 0
            stream.receive_window += held
            self.unwritten.append(frames.window_update(stream.id, held))

    def reset(self, stream: Http2Stream, code: ErrorCode) -> None:
        """Say that a stream has ended before its time."""
        if self.streams.pop(stream.id, None) is None:
            return
        stream.phase = SENT[stream.phase][Act.RESET]
        stream.was_reset = True
        self._say_reset(stream.id, code)

    def _say_reset(self, stream_id: int, code: ErrorCode) -> None:
        resets = self._resets
        if len(resets) >= RESETS_REMEMBERED:
            del resets[next(iter(resets))]
        resets[stream_id] = None
        self.unwritten.append(frames.rst_stream(stream_id, code))

    def go_away(self, code: ErrorCode = ErrorCode.NO_ERROR) -> None:
        """Say that no stream after the last one is answered; with an error, that none is."""
        self.is_going_away = True
        self.unwritten.append(frames.goaway(self._last_stream_id, code))

    def take(self) -> bytes:
        """All that was said since the last time."""
        said, self.unwritten = self.unwritten, []
        return b"".join(said)


def _unpadded(payload: bytes) -> bytes:
    """The payload without its padding and the byte that says how long that is."""
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
    return payload[1 : len(payload) - payload[0]]


def _number(payload: bytes) -> int:
    return int.from_bytes(payload[:4], "big")
