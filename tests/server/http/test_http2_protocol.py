"""The protocol without sockets: the h2 library is its client, or frames that no library sends."""

from __future__ import annotations

from random import Random
from struct import pack

import pytest
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.server.http import http2_protocol
from headwater.server.http.exchange import HEADERS_READ, HttpResponse
from headwater.server.http.frame_meter import CAPACITY, COSTS, Flood
from headwater.server.http.http2_events import ConnectionFault, Event, Happening
from headwater.server.http.http2_frames import (
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES_MAX,
    PADDED,
    ErrorCode,
    Kind,
    frame,
    rst_stream,
)
from headwater.server.http.http2_heads import answer_block
from headwater.server.http.http2_protocol import Http2Protocol
from headwater.server.http.http2_stream import Http2Stream
from headwater.server.http.limits import ConnectionLimits
from headwater.server.http.protocol_detector import HTTP2_PREFACE

HEAD = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/")]
OPENING = HTTP2_PREFACE + frame(Kind.SETTINGS, 0, 0, b"")
PING = frame(Kind.PING, 0, 0, b"12345678")
PINGS_MAX = (CAPACITY - COSTS[Kind.SETTINGS]) // COSTS[Kind.PING]


def begun(header_bytes: int = 32_768) -> Http2Protocol:
    protocol = Http2Protocol(ConnectionLimits(header_bytes=header_bytes), HEADERS_READ, 0)
    protocol.receive(OPENING)
    protocol.take()
    return protocol


def head(
    stream_id: int, *, ends: bool = False, flags: int = 0, fields: tuple[tuple[str, str], ...] = ()
) -> bytes:
    block = Encoder().encode([*HEAD, *fields])
    return frame(Kind.HEADERS, END_HEADERS | flags | (END_STREAM if ends else 0), stream_id, block)


def data(stream_id: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return frame(Kind.DATA, flags, stream_id, payload)


def happened(protocol: Http2Protocol, said: bytes) -> list[tuple[Happening, bytes]]:
    return [(event.happening, event.data) for event in protocol.receive(said)]


class Echo:
    """A server that answers every whole request with its body, as the windows allow."""

    def __init__(self) -> None:
        self.protocol = Http2Protocol(ConnectionLimits(), HEADERS_READ, 0)
        self.bodies: dict[Http2Stream, bytes] = {}
        self.waiting: dict[Http2Stream, bytes] = {}

    def hear(self, said: bytes) -> None:
        for event in self.protocol.receive(said):
            self._take(event)
        for stream in tuple(self.waiting):
            self._send(stream)

    def _take(self, event: Event) -> None:
        stream = event.stream
        if stream is None:
            return
        if event.happening is Happening.REQUEST:
            self._take(Event(Happening.BEGUN, stream, b""))
            self._take(Event(Happening.BODY, stream, event.data))
            self._take(Event(Happening.WHOLE, stream, b""))
        elif event.happening is Happening.BEGUN:
            self.bodies[stream] = b""
        elif event.happening is Happening.BODY:
            self.bodies[stream] += event.data
            self.protocol.open_window(stream)
        elif event.happening is Happening.WHOLE:
            body = self.waiting[stream] = self.bodies.pop(stream)
            block = answer_block(HttpResponse(200, (), body, "id", None), "now")
            self.protocol.send_head(stream, block, ends=not body)
            if not body:
                del self.waiting[stream]

    def _send(self, stream: Http2Stream) -> None:
        while (size := self.protocol.sendable_bytes(stream)) > 0:
            part, rest = self.waiting[stream][:size], self.waiting[stream][size:]
            self.protocol.send_data(stream, part, ends=not rest)
            self.waiting[stream] = rest
            if not rest:
                del self.waiting[stream]
                return


class Client:
    """The h2 library, asking for echoes."""

    def __init__(self) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.h2.initiate_connection()
        self.unsent: dict[int, bytes] = {}
        self.heard: dict[int, bytes] = {}
        self.ended: set[int] = set()

    def ask(self, body: bytes, fields: list[tuple[str, str]]) -> int:
        stream_id = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream_id, [*HEAD, *fields], end_stream=not body)
        self.heard[stream_id] = b""
        if body:
            self.unsent[stream_id] = body
        return stream_id

    def say(self) -> bytes:
        for stream_id, body in tuple(self.unsent.items()):
            size = min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size)
            if size > 0:
                self.h2.send_data(stream_id, body[:size], end_stream=len(body) <= size, pad_length=None)
                self.unsent[stream_id] = body[size:]
                if not self.unsent[stream_id]:
                    del self.unsent[stream_id]
        return self.h2.data_to_send()

    def hear(self, said: bytes) -> None:
        for event in self.h2.receive_data(said):
            if isinstance(event, events.DataReceived):
                assert event.stream_id is not None
                self.heard[event.stream_id] += event.data or b""
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            elif isinstance(event, events.StreamEnded):
                assert event.stream_id is not None
                self.ended.add(event.stream_id)
            assert not isinstance(event, events.StreamReset | events.ConnectionTerminated)


VALUES = st.text("abcdefABCDEF0123456789=/-", max_size=300)
REQUESTS = st.lists(
    st.tuples(
        st.integers(0, 400_000) | st.integers(0, 200),
        st.lists(st.tuples(st.sampled_from(["x-amz-date", "authorization", "x-other"]), VALUES), max_size=5),
    ),
    max_size=8,
)


@given(REQUESTS, st.integers(0, 2**32), st.sampled_from([0, 1, 100, 4096]))
@settings(deadline=None, max_examples=60)
def test_what_the_library_asks_is_answered_however_it_is_cut(
    requests: list[tuple[int, list[tuple[str, str]]]], seed: int, table_bytes: int
) -> None:
    chance = Random(seed)
    client, server = Client(), Echo()
    client.h2.update_settings({1: table_bytes})
    asked = {client.ask(body := chance.randbytes(size), fields): body for size, fields in requests}
    for _ in range(10_000):
        said = client.say()
        while said:
            size = chance.choice((1, 10, 1000, 20_000, len(said)))
            server.hear(said[:size])
            said = said[size:]
        answer = server.protocol.take()
        client.hear(answer)
        if not answer and not client.unsent:
            break
    assert client.heard == asked
    assert client.ended == asked.keys()
    assert not server.protocol.streams


@pytest.mark.parametrize("size", [1, 2, 8, 9, 10, 17, 1000])
def test_frames_are_counted_however_they_are_cut(size: int) -> None:
    protocol = begun()
    said = PING * PINGS_MAX
    for start in range(0, len(said), size):
        protocol.receive(said[start : start + size])
    with pytest.raises(Flood):
        protocol.receive(PING)
    assert protocol.take().endswith(frame(Kind.GOAWAY, 0, 0, pack(">II", 0, ErrorCode.ENHANCE_YOUR_CALM)))


@pytest.mark.long
def test_what_requests_are_made_of_is_free() -> None:
    protocol = begun()
    for number in range(20_000):
        stream_id = 2 * number + 1
        (event, *_) = protocol.receive(
            head(stream_id) + data(stream_id, b"x") + data(stream_id, b"", END_STREAM)
        )
        assert event.stream is not None
        protocol.send_head(event.stream, b"\x88", ends=True)


def test_malformed_heads_are_a_flood_by_the_resets_that_they_cause() -> None:
    protocol = begun()
    for number in range(999):
        protocol.receive(head(2 * number + 1, fields=(("connection", "close"),)))
        assert not protocol.streams
    with pytest.raises(Flood):
        protocol.receive(head(1999, fields=(("connection", "close"),)))


def test_a_head_that_comes_again_is_read_from_its_bytes_until_the_table_changes() -> None:
    protocol, encoder = begun(), Encoder()
    for number in range(12):
        date = "late" if number >= 6 else "early"
        block = encoder.encode([*HEAD, ("x-amz-date", date)])
        (event, _) = protocol.receive(frame(Kind.HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, block))
        assert event.stream is not None
        assert event.stream.head.headers[b"x-amz-date"] == date.encode()


def test_padding_is_no_part_of_a_body_but_fills_the_window() -> None:
    protocol = begun()
    said = head(1) + data(1, b"\x03body\0\0\0", PADDED | END_STREAM)
    begin, body, whole = protocol.receive(said)
    assert (body.data, whole.happening) == (b"body", Happening.WHOLE)
    assert begin.stream is not None
    assert begin.stream.held_bytes == 8


def test_trailers_end_a_request() -> None:
    protocol = begun()
    trailers = frame(Kind.HEADERS, END_HEADERS | END_STREAM, 1, Encoder().encode([("x", "y")]))
    assert happened(protocol, head(1) + data(1, b"body") + trailers) == [
        (Happening.BEGUN, b""),
        (Happening.BODY, b"body"),
        (Happening.WHOLE, b""),
    ]


def test_priorities_and_unknown_frames_mean_nothing() -> None:
    protocol = begun()
    odd = frame(Kind.PRIORITY, 0, 7, pack(">IB", 0, 1)) + frame(77, 0, 3, b"?")
    assert happened(protocol, odd) == []
    assert protocol.take() == b""


def test_what_comes_on_a_stream_that_the_server_has_reset_is_ignored() -> None:
    protocol = begun()
    (event,) = protocol.receive(head(1))
    assert event.stream is not None
    protocol.reset(event.stream, ErrorCode.CANCEL)
    rest = data(1, b"x", END_STREAM) + frame(Kind.WINDOW_UPDATE, 0, 1, pack(">I", 1)) + head(1, ends=True)
    assert protocol.receive(rest) == []


def test_streams_after_a_goaway_are_refused() -> None:
    protocol = begun()
    protocol.receive(head(1))
    protocol.go_away()
    assert protocol.receive(head(3) + data(3, b"x", END_STREAM)) == []
    said = protocol.take()
    assert said == frame(Kind.GOAWAY, 0, 0, pack(">II", 1, 0)) + frame(
        Kind.RST_STREAM, 0, 3, pack(">I", ErrorCode.REFUSED_STREAM)
    )
    assert happened(protocol, data(1, b"", END_STREAM)) == [(Happening.WHOLE, b"")]


STREAM_FAULTS: dict[str, tuple[bytes, ErrorCode]] = {
    "data after the end": (head(1, ends=True) + data(1, b"x"), ErrorCode.STREAM_CLOSED),
    "a head after the end": (head(1, ends=True) + head(1), ErrorCode.STREAM_CLOSED),
    "more than was announced": (
        head(1, fields=(("content-length", "1"),)) + data(1, b"xx"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "less than was announced": (
        head(1, fields=(("content-length", "2"),)) + data(1, b"x", END_STREAM),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a second head": (head(1) + head(1, ends=True), ErrorCode.PROTOCOL_ERROR),
    "trailers before the end": (
        head(1) + frame(Kind.HEADERS, END_HEADERS, 1, Encoder().encode([("x", "y")])),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a malformed head": (head(1, fields=(("te", "gzip"),)), ErrorCode.PROTOCOL_ERROR),
    "a window opened by nothing": (
        head(1) + frame(Kind.WINDOW_UPDATE, 0, 1, pack(">I", 0)),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a window opened too far": (
        head(1) + frame(Kind.WINDOW_UPDATE, 0, 1, pack(">I", 2**31 - 1)),
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "more than the window": (head(1) + data(1, bytes(FRAME_BYTES_MAX)) * 9, ErrorCode.FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("what", STREAM_FAULTS)
def test_a_stream_is_reset_by(what: str) -> None:
    said, code = STREAM_FAULTS[what]
    protocol = begun()
    protocol.receive(said)
    assert frame(Kind.RST_STREAM, 0, 1, pack(">I", code)) in protocol.take()
    assert happened(protocol, head(3, ends=True)) == [(Happening.BEGUN, b""), (Happening.WHOLE, b"")]


def closed(protocol: Http2Protocol) -> None:
    (event, _) = protocol.receive(head(5, ends=True))
    assert event.stream is not None
    protocol.send_head(event.stream, b"\x88", ends=True)


CONNECTION_FAULTS: dict[str, tuple[bytes, ErrorCode]] = {
    "data on no stream": (data(0, b"x"), ErrorCode.PROTOCOL_ERROR),
    "data on a stream that was not opened": (data(7, b"x"), ErrorCode.PROTOCOL_ERROR),
    "data on a closed stream": (data(5, b"x"), ErrorCode.STREAM_CLOSED),
    "a head on a closed stream": (head(5), ErrorCode.STREAM_CLOSED),
    "a head on a stream that was passed over": (head(3), ErrorCode.PROTOCOL_ERROR),
    "a head on a stream of the server's": (head(8), ErrorCode.PROTOCOL_ERROR),
    "a head on no stream": (head(0), ErrorCode.PROTOCOL_ERROR),
    "a head that is no block": (
        frame(Kind.HEADERS, END_HEADERS, 7, b"\xbf\xff"),
        ErrorCode.COMPRESSION_ERROR,
    ),
    "a head that is too large": (head(7, fields=(("x", "y" * 9000),)), ErrorCode.ENHANCE_YOUR_CALM),
    "more padding than payload": (data(5, b"\x09x", PADDED), ErrorCode.PROTOCOL_ERROR),
    "a reset of a stream that was not opened": (frame(3, 0, 7, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "a reset of the wrong size": (frame(3, 0, 5, bytes(3)), ErrorCode.FRAME_SIZE_ERROR),
    "a priority of the wrong size": (frame(2, 0, 5, bytes(3)), ErrorCode.FRAME_SIZE_ERROR),
    "a promise": (frame(Kind.PUSH_PROMISE, END_HEADERS, 7, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "a continuation of nothing": (
        frame(Kind.CONTINUATION, END_HEADERS, 7, b"\x82"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a head that is interrupted": (frame(Kind.HEADERS, 0, 7, b"\x82") + PING, ErrorCode.PROTOCOL_ERROR),
    "a head that goes on elsewhere": (
        frame(Kind.HEADERS, 0, 7, b"\x82") + frame(Kind.CONTINUATION, 0, 9, b"\x82"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a head in countless frames": (
        frame(Kind.HEADERS, 0, 7, b"\x82") + frame(Kind.CONTINUATION, 0, 7, b"") * 100,
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "a head that never ends": (
        frame(Kind.HEADERS, 0, 7, b"\x82") + frame(Kind.CONTINUATION, 0, 7, b"\x82" * 5000),
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "a ping on a stream": (frame(Kind.PING, 0, 5, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "a ping of the wrong size": (frame(Kind.PING, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR),
    "a goaway on a stream": (frame(Kind.GOAWAY, 0, 5, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "settings on a stream": (frame(Kind.SETTINGS, 0, 5, b""), ErrorCode.PROTOCOL_ERROR),
    "settings of the wrong size": (frame(Kind.SETTINGS, 0, 0, bytes(5)), ErrorCode.FRAME_SIZE_ERROR),
    "an acknowledgement that says more": (frame(Kind.SETTINGS, 1, 0, bytes(6)), ErrorCode.FRAME_SIZE_ERROR),
    "a push that is neither on nor off": (
        frame(Kind.SETTINGS, 0, 0, pack(">HI", 2, 2)),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a window that is too large": (
        frame(Kind.SETTINGS, 0, 0, pack(">HI", 4, 2**31)),
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "a frame size that is too small": (
        frame(Kind.SETTINGS, 0, 0, pack(">HI", 5, 100)),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a window opened too far": (
        frame(Kind.WINDOW_UPDATE, 0, 0, pack(">I", 2**31 - 1)),
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "a frame that is too large": (b"\0\x40\x01" + bytes(6), ErrorCode.FRAME_SIZE_ERROR),
}


@pytest.mark.parametrize("what", CONNECTION_FAULTS)
def test_a_connection_is_ended_by(what: str) -> None:
    said, code = CONNECTION_FAULTS[what]
    protocol = begun(header_bytes=1000)
    closed(protocol)
    protocol.take()
    with pytest.raises(ConnectionFault) as caught:
        protocol.receive(said)
    assert caught.value.code is code
    last_stream_ids = (5, 7)
    assert protocol.take() in {frame(Kind.GOAWAY, 0, 0, pack(">II", last, code)) for last in last_stream_ids}


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.1\r\n\r\n", HTTP2_PREFACE[:10] + b"x", HTTP2_PREFACE + PING],
    ids=["another protocol", "another preface", "no settings"],
)
def test_a_connection_begins_with_the_preface_and_settings(said: bytes) -> None:
    protocol = Http2Protocol(ConnectionLimits(), HEADERS_READ, 0)
    with pytest.raises(ConnectionFault):
        protocol.receive(said)


def test_more_streams_than_were_offered_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2_protocol, "CONCURRENT_STREAMS", 2)
    protocol = begun()
    protocol.receive(head(1) + head(3))
    assert protocol.receive(head(5) + data(5, b"x", END_STREAM)) == []
    assert protocol.take() == rst_stream(5, ErrorCode.REFUSED_STREAM)
    assert happened(protocol, rst_stream(1, ErrorCode.CANCEL)) == [(Happening.RESET, b"")]
    assert happened(protocol, head(7)) == [(Happening.BEGUN, b"")]
    with pytest.raises(Flood):
        protocol.receive(b"".join(head(stream_id) for stream_id in range(9, 2 * CAPACITY, 2)))


def fill_in_small_parts(protocol: Http2Protocol, part: bytes) -> Http2Stream:
    (event,) = protocol.receive(head(1))
    stream = event.stream
    assert stream is not None
    for _ in range(1000):
        for one in protocol.receive(data(1, part)):
            stream.add_to_body(one.data)
    return stream


@pytest.mark.parametrize("part", [b"x", b"y" * 100])
def test_a_body_in_tiny_parts_takes_no_more_than_its_size(part: bytes) -> None:
    stream = fill_in_small_parts(begun(), part)
    assert len(stream.body_parts) < 20
    assert stream.request().body == part * 1000


def test_a_long_head_of_an_answer_is_cut_into_frames() -> None:
    protocol = begun()
    (event, _) = protocol.receive(head(1, ends=True))
    assert event.stream is not None
    protocol.send_head(event.stream, b"x" * 40_000, ends=True)
    parts = [b"x" * FRAME_BYTES_MAX, b"x" * FRAME_BYTES_MAX, b"x" * (40_000 - 2 * FRAME_BYTES_MAX)]
    assert protocol.take() == (
        frame(Kind.HEADERS, END_STREAM, 1, parts[0])
        + frame(Kind.CONTINUATION, 0, 1, parts[1])
        + frame(Kind.CONTINUATION, END_HEADERS, 1, parts[2])
    )


PLAIN_BLOCK = b"\x83\x86\x84\x01\x09localhost"
"""A head that leaves the table as it is, and so is remembered."""
BLOCKS = (PLAIN_BLOCK, PLAIN_BLOCK + b"\x0f\x0d\x013", Encoder().encode(HEAD))
PAYLOADS = (b"", b"abc", b"x" * 17, b"x" * FRAME_BYTES_MAX)

requests = st.builds(
    lambda block, step, body_step, flags, body, reserved: (block, step, body_step, flags, body, reserved),
    st.sampled_from(BLOCKS),
    st.sampled_from([2, 2, 2, 2, 4, 1, 0, -2]),
    st.sampled_from([0, 0, 0, 0, 2, -2]),
    st.sampled_from(
        [(END_HEADERS, END_STREAM)] * 4 + [(END_HEADERS, 0), (END_HEADERS | END_STREAM, END_STREAM)]
    ),
    st.sampled_from(PAYLOADS),
    st.sampled_from([0, 0, 0, 1 << 31]),
)


def one_by_one(found: list[Event]) -> list[tuple[Happening, int | None, bytes]]:
    """The events, those of a request that came at once each for itself."""
    told = []
    for happening, stream, text in found:
        stream_id = None if stream is None else stream.id
        if happening is Happening.REQUEST:
            told.append((Happening.BEGUN, stream_id, b""))
            told.append((Happening.BODY, stream_id, text))
            told.append((Happening.WHOLE, stream_id, b""))
        else:
            told.append((happening, stream_id, text))
    return told


def heard(protocol: Http2Protocol, pieces: list[bytes]) -> tuple[object, ...]:
    """What comes of a read in pieces: events, fault, answer, and what is known of the streams."""
    told: list[tuple[Happening, int | None, bytes]] = []
    fault = None
    try:
        for piece in pieces:
            told += one_by_one(protocol.receive(piece))
    except (ConnectionFault, Flood) as error:
        fault = repr(error)
        told.clear()  # nothing of the whole read has happened
    told.sort(key=lambda happened: happened[0] is not Happening.RESET)  # as in one read
    streams = [
        (stream.id, stream.phase, stream.receive_window, stream.held_bytes, stream.body_bytes, stream.head)
        for stream in protocol.streams.values()
    ]
    return told, fault, protocol.take(), streams


@given(st.lists(requests, min_size=1, max_size=6), st.booleans())
def test_requests_read_at_once_are_those_read_frame_by_frame(
    sent: list[tuple[bytes, int, int, tuple[int, int], bytes, int]], leaves: bool
) -> None:
    at_once, in_pieces = begun(), begun()
    if leaves:
        at_once.go_away()
        in_pieces.go_away()
    stream_id = 1
    for block, step, body_step, (flags, body_flags), body, reserved in sent:
        text = frame(Kind.HEADERS, flags, stream_id, block)
        text += frame(Kind.DATA, body_flags, max(stream_id + body_step, 0) | reserved, body)
        stream_id = max(stream_id + step, 0)
        found = heard(at_once, [text])
        assert found == heard(in_pieces, [text[:12], text[12:-1], text[-1:]])
        if found[1] is not None:
            return


def test_a_request_with_a_remembered_head_comes_at_once() -> None:
    protocol = begun()
    for stream_id in (1, 3):
        said = frame(Kind.HEADERS, END_HEADERS, stream_id, PLAIN_BLOCK) + data(stream_id, b"abc", END_STREAM)
        told = happened(protocol, said)
    assert told == [(Happening.REQUEST, b"abc")]
