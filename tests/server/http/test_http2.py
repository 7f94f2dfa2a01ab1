from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import (
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from headwater.model.clock import SystemClock
from headwater.server.http import http2, http2_protocol, limits
from headwater.server.http.connections import OpenConnections
from headwater.server.http.exchange import HttpRequest, Respond
from headwater.server.http.http2_protocol import CONCURRENT_STREAMS
from headwater.server.http.protocol_detector import HTTP2_PREFACE
from headwater.wire.long_body import LongBody
from tests.server.http.http2_peer import HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, Heard, Http2Peer
from tests.waiting import RETRY_FOR_S, wait_until

LONG_S = 1000.0
"""A time-out that does not come by itself: a test lets the time pass."""

Connect = Callable[..., Http2Peer]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connects HTTP/2 clients; all are closed at the end."""
    connected: list[Http2Peer] = []

    def to(server: Any, **how: Any) -> Http2Peer:
        connected.append(Http2Peer(socket.create_connection(("127.0.0.1", server.port)), **how))
        return connected[-1]

    yield to
    for one in connected:
        one.close()


# Requests and answers


def test_a_request_is_answered_with_its_ids_date_and_length(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    peer = connect(loopback(recorder))
    heard = peer.answer(peer.ask("/x?y=z", b"hello", headers=(("x-amz-target", "t"), ("user-agent", "u"))))
    assert heard.status == 200
    assert heard.body == b"POST /x?y=z hello"
    assert heard.headers["x-amzn-requestid"] == "request-id"
    assert heard.headers["x-amz-id-2"] == "extended-id"
    assert heard.headers["x-test"] == "yes"
    assert heard.headers["content-length"] == "17"
    assert time.strptime(heard.headers["date"], "%a, %d %b %Y %H:%M:%S GMT")
    (request,) = recorder.requests
    assert request.headers == {b"host": b"localhost", b"x-amz-target": b"t"}


def test_other_statuses_and_long_headers_are_understood(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    recorder.fields = (("X-Long", "x" * 20_000), ("X-Middle", "y" * 127))
    peer = connect(loopback(recorder, body_bytes=10))
    heard = peer.answer(peer.ask())
    assert heard.headers["x-long"] == "x" * 20_000
    assert heard.headers["x-middle"] == "y" * 127
    assert peer.answer(peer.ask(body=b"x" * 11)).status == 413


def test_a_body_may_be_larger_where_that_is_said(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder, body_bytes=10, large_bodies=((b"/code", 20),)))
    for path, size, status in (("/code/1", 20, 200), ("/code/1", 21, 413), ("/other", 11, 413)):
        assert peer.answer(peer.ask(path, b"x" * size)).status == status


def test_a_client_without_a_header_table_is_understood(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    peer = connect(loopback(recorder), settings={HEADER_TABLE_SIZE: 0})
    for _ in range(3):
        assert peer.answer(peer.ask()).headers["x-test"] == "yes"


def test_answers_do_not_wait_for_each_other(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder)
    peer = connect(server)
    held = peer.ask("/hold", b"slow")
    for number in range(50):
        assert peer.answer(peer.ask(body=b"%d" % number)).body == b"POST / %d" % number
    assert not peer.streams[held].is_over
    server.call(recorder.held.pop())
    assert peer.answer(held).body == b"POST /hold slow"


def test_requests_are_handed_over_as_they_become_whole(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    peer = connect(loopback(recorder))
    first, second = peer.open("/first"), peer.open("/second")
    peer.send_body(second, b"2")
    peer.send_body(first, b"1")
    peer.answer(first)
    assert [request.body for request in recorder.requests] == [b"2", b"1"]


def test_a_thousand_requests_at_once(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder)
    peer = connect(server)
    asked = [peer.ask("/hold", b"%d" % number) for number in range(CONCURRENT_STREAMS)]
    wait_until(lambda: len(recorder.held) == CONCURRENT_STREAMS)
    for release in recorder.held:
        server.call(release)
    assert [peer.answer(stream_id).body for stream_id in asked] == [
        b"POST /hold %d" % number for number in range(CONCURRENT_STREAMS)
    ]


@pytest.mark.parametrize(
    "size", [0, 1, 65_535, 65_536, 200_000, pytest.param(11_000_000, marks=pytest.mark.long)]
)
def test_bodies_of_any_size_arrive_whole(size: int, loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert peer.answer(peer.ask(body=body)).body == b"POST / " + body


def test_the_parts_of_a_long_answer_arrive_as_one(loopback: Any, recorder: Any, connect: Connect) -> None:
    parts: list[bytes | memoryview] = [b"{", memoryview(b"x" * 200_000), b"", b"y" * 100_000, b"}"]
    recorder.body = LongBody(parts)
    peer = connect(loopback(recorder))
    assert peer.answer(peer.ask()).body == b"".join(parts)
    assert peer.answer(peer.ask(method="HEAD")).body == b""


def test_many_large_bodies_may_come_and_go_at_once(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    asked = [peer.open() for _ in range(8)]
    for part in range(10):
        for stream_id in asked:
            peer.send_body(stream_id, bytes([part]) * 100_000, ends=part == 9)
    for stream_id in asked:
        assert len(peer.answer(stream_id).body) == 1_000_000 + len(b"POST / ")


def test_an_answer_to_head_has_no_body(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    heard = peer.answer(peer.ask(method="HEAD"))
    assert heard.headers["content-length"] == "7"
    assert heard.body == b""


def test_trailers_say_nothing(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    stream_id = peer.open()
    peer.send_body(stream_id, b"body", ends=False)
    peer.h2.send_headers(stream_id, [("authorization", "late")], end_stream=True)
    peer.flush()
    assert peer.answer(stream_id).body == b"POST / body"
    assert b"authorization" not in recorder.requests[0].headers


def test_a_client_that_waits_is_told_to_continue(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    stream_id = peer.open(headers=(("expect", "100-continue"),))
    peer.hear_until(lambda: peer.streams[stream_id].informed)
    assert peer.streams[stream_id].informed == [100]
    peer.send_body(stream_id, b"now")
    assert peer.answer(stream_id).body == b"POST / now"


def test_a_ping_is_answered(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    peer.h2.ping(b"abcdefgh")
    peer.flush()
    peer.hear_until(lambda: peer.pongs)
    assert peer.pongs == [b"abcdefgh"]


# Windows


def test_no_more_is_sent_than_a_window_allows(loopback: Any, recorder: Any, connect: Connect) -> None:
    recorder.body = bytes(range(100))
    peer = connect(loopback(recorder), opens_windows=False, settings={INITIAL_WINDOW_SIZE: 10})
    stream_id = peer.ask()
    peer.hear_until(lambda: peer.streams[stream_id].body)
    peer.wait_until_read()
    assert peer.streams[stream_id].body == bytes(range(10))
    for _ in range(9):
        peer.open_window(10, stream_id)
    assert peer.answer(stream_id).body == bytes(range(100))


def test_a_closed_window_holds_up_its_own_stream_only(loopback: Any, recorder: Any, connect: Connect) -> None:
    recorder.body = bytes(100)
    server = loopback(recorder)
    peer = connect(server, opens_windows=False, settings={INITIAL_WINDOW_SIZE: 50})
    slow, quick = peer.ask(), peer.ask()
    peer.open_window(50, quick)
    assert len(peer.answer(quick).body) == 100
    peer.wait_until_read()
    assert len(peer.streams[slow].body) == 50


def test_the_connections_window_is_shared_in_turn(loopback: Any, recorder: Any, connect: Connect) -> None:
    recorder.body = bytes(1_000_000)
    peer = connect(loopback(recorder), opens_windows=False, settings={INITIAL_WINDOW_SIZE: 2_000_000})
    asked = [peer.ask() for _ in range(3)]
    peer.hear_until(lambda: all(peer.streams[one].status for one in asked))
    peer.hear_until(lambda: sum(len(peer.streams[one].body) for one in asked) == 65_535)
    peer.open_window(480_000)
    peer.hear_until(lambda: sum(len(peer.streams[one].body) for one in asked) == 65_535 + 480_000)
    later = [len(peer.streams[one].body) for one in asked]
    assert max(later) - min(later) <= 65_535 + 2 * 16_384
    peer.open_window(3_000_000)
    for one in asked:
        assert len(peer.answer(one).body) == 1_000_000


def test_a_stream_may_be_reset_by_the_read_that_opens_its_windows(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    recorder.body = bytes(100)
    peer = connect(loopback(recorder), opens_windows=False, settings={INITIAL_WINDOW_SIZE: 50})
    for opens_all_by_settings in (False, True):
        stuck, other = peer.ask(), peer.ask()
        peer.wait_until_read()
        assert len(peer.streams[stuck].body) == 50
        for stream_id in (stuck, other):
            peer.h2.increment_flow_control_window(50, stream_id)
        if opens_all_by_settings:
            peer.h2.update_settings({INITIAL_WINDOW_SIZE: 200})
        else:
            peer.h2.increment_flow_control_window(1)
        peer.h2.reset_stream(stuck)
        peer.flush()
        assert len(peer.answer(other).body) == 100
        assert len(peer.streams[stuck].body) == 50


def test_an_answer_may_be_due_in_the_read_that_resets_its_stream(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    class Releasing:
        def handle(self, request: HttpRequest, respond: Respond) -> None:
            recorder.handle(request, respond)
            if request.path == b"/release":
                for release in recorder.held:
                    release()

    peer = connect(loopback(Releasing()))
    held = peer.ask("/hold")
    peer.wait_until_read()
    releasing = peer.h2.get_next_available_stream_id()
    head = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/release")]
    peer.h2.send_headers(releasing, head)
    peer.h2.send_data(releasing, b"x", end_stream=True)  # handled while the read's frames are looked at
    peer.streams[releasing] = Heard()
    peer.h2.reset_stream(held)
    peer.flush()
    assert peer.answer(releasing).status == 200
    assert not peer.streams[held].status


def test_a_window_may_be_changed_by_settings(loopback: Any, recorder: Any, connect: Connect) -> None:
    recorder.body = bytes(1000)
    peer = connect(loopback(recorder), opens_windows=False, settings={INITIAL_WINDOW_SIZE: 0})
    stream_id = peer.ask()
    peer.hear_until(lambda: peer.streams[stream_id].status)
    peer.wait_until_read()
    assert peer.streams[stream_id].status == 200
    assert peer.streams[stream_id].body == b""
    peer.h2.update_settings({INITIAL_WINDOW_SIZE: 1000})
    peer.flush()
    assert len(peer.answer(stream_id).body) == 1000


def test_requests_wait_while_answers_do(
    loopback: Any, recorder: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "ANSWERS_BYTES", 250)
    recorder.body = bytes(100)
    peer = connect(loopback(recorder), opens_windows=False, settings={INITIAL_WINDOW_SIZE: 0})
    asked = [peer.ask() for _ in range(20)]
    peer.wait_until_read()
    assert len(recorder.requests) == 3
    for stream_id in asked:
        peer.open_window(100, stream_id)
        assert len(peer.answer(stream_id).body) == 100
    assert len(recorder.requests) == 20


def test_bodies_beyond_what_is_held_come_one_after_another(
    loopback: Any, recorder: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "BODIES_BYTES", 100_000)
    peer = connect(loopback(recorder))
    first, second = peer.open("/first"), peer.open("/second")
    peer.send_body(first, bytes(60_000), ends=False)
    sent = 0
    while window := peer.h2.local_flow_control_window(second):
        peer.send_body(second, bytes(window), ends=False)
        sent += window
        peer.wait_until_read()
    assert sent < 300_000
    peer.send_body(first, bytes(500_000))
    assert len(peer.answer(first).body) == len(b"POST /first ") + 560_000
    peer.send_body(second, bytes(500_000))
    assert len(peer.answer(second).body) == len(b"POST /second ") + sent + 500_000


# Clients that leave


def settle(server: Any) -> None:
    """Let the server's loop look for what has come, a few times."""
    for _ in range(5):
        server.call(lambda: None)


def test_an_answer_to_a_request_taken_back_is_dropped(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder)
    peer = connect(server)
    held = peer.ask("/hold")
    wait_until(lambda: recorder.held)
    peer.reset(held)
    assert peer.answer(peer.ask()).status == 200
    server.call(recorder.held.pop())
    assert peer.answer(peer.ask()).status == 200


def test_an_answer_for_a_client_that_has_gone_is_dropped(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    server = loopback(recorder)
    peer = connect(server)
    peer.ask("/hold")
    wait_until(lambda: recorder.held)
    peer.close()
    wait_until(lambda: not server.call(lambda: len(server.connections)))
    server.call(recorder.held.pop())
    again = connect(server)
    assert again.answer(again.ask()).status == 200


def test_a_client_that_goes_away_gets_what_it_asked_for(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    server = loopback(recorder)
    peer = connect(server)
    held = peer.ask("/hold", b"x" * 10)
    wait_until(lambda: recorder.held)
    peer.h2.close_connection()
    peer.flush()
    settle(server)
    server.call(recorder.held.pop())
    assert peer.answer(held).body == b"POST /hold xxxxxxxxxx"
    settle(server)
    assert server.call(lambda: len(server.connections)) == 1  # it may not have read all yet
    peer.socket.close()
    wait_until(lambda: not server.call(lambda: len(server.connections)))


def test_a_client_that_goes_away_and_never_closes_is_cut_off(
    loopback: Any, recorder: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "LINGER_S", LONG_S)
    server = loopback(recorder, idle_timeout_s=1000 * LONG_S)
    peer = connect(server)
    asked = peer.ask()
    peer.h2.close_connection()
    peer.flush()
    assert peer.answer(asked).status == 200
    let_time_pass_until_left(server)
    peer.hear_to_the_end()


def test_a_client_that_goes_away_is_not_waited_for_at_shutdown(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    server = loopback(recorder)
    peer = connect(server)
    asked = peer.ask()
    peer.h2.close_connection()
    peer.flush()
    assert peer.answer(asked).status == 200
    close_in_background(server).result(RETRY_FOR_S)
    peer.hear_to_the_end()


def test_a_half_closed_client_gets_its_answers_and_then_the_end(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    server = loopback(recorder)
    peer = connect(server)
    held = peer.ask("/hold")
    wait_until(lambda: recorder.held)
    peer.socket.shutdown(socket.SHUT_WR)
    settle(server)
    server.call(recorder.held.pop())
    assert peer.answer(held).status == 200
    peer.hear_to_the_end()


# Limits


def test_a_body_is_refused_by_its_announced_length(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder, body_bytes=10))
    stream_id = peer.open(headers=(("content-length", "11"),))
    heard = peer.answer(stream_id)
    assert heard.status == 413
    assert heard.body == b"RequestEntityTooLargeException"
    assert peer.answer(peer.ask(body=b"0123456789")).status == 200
    assert len(recorder.requests) == 1


def test_a_body_is_refused_when_it_has_grown_too_long(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder, body_bytes=10))
    stream_id = peer.open()
    peer.send_body(stream_id, b"01234", ends=False)
    peer.send_body(stream_id, b"012345", ends=False)
    assert peer.answer(stream_id).status == 413
    peer.send_body(stream_id, b"0" * 1000, ends=False)
    assert peer.answer(peer.ask()).status == 200


def test_a_client_that_goes_on_sending_what_was_refused_is_stopped(
    loopback: Any, recorder: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "LINGER_S", 0.1)
    peer = connect(loopback(recorder, body_bytes=10))
    stream_id = peer.open(headers=(("content-length", "1000000"),))
    assert peer.answer(stream_id).status == 413
    peer.hear_until(lambda: peer.streams[stream_id].reset is not None)
    assert peer.streams[stream_id].reset == ErrorCodes.NO_ERROR
    assert peer.answer(peer.ask()).status == 200


def test_headers_are_limited_in_number(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    assert peer.answer(peer.ask(headers=(("x", "1"),) * 101)).status == 431
    assert peer.answer(peer.ask(headers=(("x", "1"),) * 96)).status == 200


def test_headers_that_are_too_large_end_the_connection(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    peer = connect(loopback(recorder, header_bytes=1000))
    peer.ask(headers=(("x", "1" * 10_000),))
    peer.hear_to_the_end()
    assert peer.goaway is not None
    assert peer.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
    assert not recorder.requests


def test_a_request_more_than_offered_is_refused_and_the_others_are_answered(
    loopback: Any, recorder: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2_protocol, "CONCURRENT_STREAMS", 2)
    server = loopback(recorder)
    peer = connect(server)
    peer.hear()
    peer.h2.remote_settings.max_concurrent_streams = 10
    peer.h2.remote_settings.acknowledge()
    first, second, third = (peer.ask("/hold", body=b"x") for _ in range(3))
    assert peer.answer(third).reset == ErrorCodes.REFUSED_STREAM
    for release in recorder.held:
        server.call(release)
    assert [peer.answer(stream_id).status for stream_id in (first, second)] == [200, 200]
    assert peer.answer(peer.ask()).status == 200


def test_what_is_not_http_2_ends_the_connection(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    peer.answer(peer.ask())
    peer.socket.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
    peer.hear_to_the_end()
    assert peer.goaway is not None
    assert peer.goaway.error_code != ErrorCodes.NO_ERROR
    assert recorder.refusals == [limits.MALFORMED]


FLOODS: dict[str, Callable[[int], list[Frame]]] = {
    "reset": lambda at: [
        HeadersFrame(at, data=b"\x83\x86\x84\x01\x01x", flags=["END_HEADERS"]),
        RstStreamFrame(at, error_code=8),
    ],
    "ping": lambda at: [PingFrame(0, opaque_data=b"12345678")],
    "settings": lambda at: [SettingsFrame(0, settings={4: 65_535})],
    "settings acknowledgement": lambda at: [SettingsFrame(0, flags=["ACK"])],
    "priority": lambda at: [PriorityFrame(at, depends_on=0, stream_weight=1)],
    "window": lambda at: [WindowUpdateFrame(0, window_increment=1)],
    "empty data": lambda at: [DataFrame(1, data=b"")],
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_connection(name: str, loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    peer.open()
    sent = 0
    with suppress(OSError):
        while sent < 100_000 and not peer.is_closed:
            frames = (frame for at in range(sent, sent + 500) for frame in FLOODS[name](2 * at + 3))
            peer.socket.sendall(b"".join(frame.serialize() for frame in frames))
            sent += 500
            peer.hear_what_is_there()
    peer.hear_to_the_end()
    assert peer.goaway is not None
    assert peer.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
    assert recorder.refusals == [http2.FLOODED]


def test_a_client_may_take_back_many_requests_at_once(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    asked = [peer.ask("/hold") for _ in range(900)]
    for stream_id in asked:
        peer.reset(stream_id)
    assert peer.answer(peer.ask()).status == 200


class FullTransport(asyncio.Transport):
    """Towards a client that takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written_bytes = 0
        self.told: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written_bytes += len(data)

    def get_write_buffer_size(self) -> int:
        return self.written_bytes

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")


def test_a_client_that_takes_nothing_is_not_read_from(
    recorder: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "UNREAD_BYTES", 10_000)
    loop = asyncio.new_event_loop()
    connection = http2.Http2Connection(
        recorder, limits.ConnectionLimits(), OpenConnections(SystemClock()), loop
    )
    transport = FullTransport()
    connection.connection_made(transport)
    connection.data_received(HTTP2_PREFACE + SettingsFrame(0).serialize())
    connection.pause_writing()
    pings = 0
    while not transport.told:
        connection.data_received(PingFrame(0, opaque_data=b"12345678").serialize() * 10)
        pings += 10
        assert pings < 1000
    connection.resume_writing()
    assert transport.told == ["pause", "resume"]
    loop.close()


# Time


def test_a_request_that_trickles_in_is_given_up_alone(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder, request_timeout_s=LONG_S, idle_timeout_s=10 * LONG_S)
    peer = connect(server)
    assert peer.answer(peer.ask()).status == 200
    slow = peer.open()
    peer.send_body(slow, b"x", ends=False)
    peer.wait_until_read()
    server.let_time_pass(LONG_S + 1)
    assert peer.answer(slow).status == 408
    assert peer.answer(peer.ask()).status == 200
    assert recorder.refusals == [limits.TOO_SLOW]


def let_time_pass_until_left(server: Any) -> None:
    """As often as it takes until the server has no connection: it may not have read yet what was sent."""

    def is_left() -> bool:
        server.let_time_pass(LONG_S + 1)
        return not server.call(lambda: len(server.connections))

    wait_until(is_left)


def test_an_idle_connection_is_told_to_go(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder, idle_timeout_s=LONG_S)
    never_used, used = connect(server), connect(server)
    used.answer(used.ask())
    never_used.wait_until_read()
    server.let_time_pass(LONG_S + 1)
    for peer in (never_used, used):
        peer.hear_to_the_end()
        assert peer.goaway is not None
        assert peer.goaway.error_code == ErrorCodes.NO_ERROR


def test_no_time_out_counts_while_the_server_works(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder, request_timeout_s=LONG_S, idle_timeout_s=LONG_S)
    peer = connect(server)
    held = peer.ask("/hold")
    wait_until(lambda: recorder.held)
    server.let_time_pass(3 * LONG_S)
    server.call(recorder.held.pop())
    assert peer.answer(held).status == 200


def test_an_answer_that_is_never_taken_is_given_up(loopback: Any, recorder: Any, connect: Connect) -> None:
    recorder.body = bytes(100)
    server = loopback(recorder, idle_timeout_s=LONG_S)
    peer = connect(server, opens_windows=False, settings={4: 10})
    asked = peer.ask()
    peer.hear_until(lambda: peer.streams[asked].body)
    server.let_time_pass(LONG_S + 1)
    assert peer.answer(asked).reset == ErrorCodes.CANCEL


def test_requests_that_waited_behind_answers_given_up_are_answered(
    loopback: Any, recorder: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "ANSWERS_BYTES", 50)
    recorder.body = bytes(100)
    server = loopback(recorder, idle_timeout_s=LONG_S)
    peer = connect(server, opens_windows=False, settings={4: 10})
    given_up, waiting = peer.ask(), peer.ask()
    peer.wait_until_read()
    assert len(recorder.requests) == 1
    for _ in range(3):  # slow, but not silent
        server.let_time_pass(0.4 * LONG_S)
        peer.wait_until_read()
    wait_until(lambda: len(recorder.requests) == 2)
    assert peer.streams[given_up].reset == ErrorCodes.CANCEL
    peer.hear_until(lambda: peer.streams[waiting].status)
    assert peer.streams[waiting].status == 200


def test_a_client_that_reads_nothing_asks_for_more_and_is_silent_is_cut_off(
    loopback: Any, recorder: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "ANSWERS_BYTES", 50)
    recorder.body = bytes(100)
    server = loopback(recorder, idle_timeout_s=LONG_S)
    peer = connect(server, opens_windows=False, settings={4: 10})
    for _ in range(3):
        peer.ask()
    peer.wait_until_read()
    server.let_time_pass(LONG_S + 1)
    peer.hear_to_the_end()
    assert peer.goaway is not None
    assert peer.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
    assert len(recorder.requests) == 1
    assert recorder.refusals == [limits.TOO_SLOW]


def test_a_client_that_never_reads_is_cut_off(loopback: Any, recorder: Any, connect: Connect) -> None:
    recorder.body = bytes(50_000_000)
    server = loopback(recorder, idle_timeout_s=LONG_S)
    peer = connect(server, settings={INITIAL_WINDOW_SIZE: 100_000_000})
    peer.open_window(100_000_000)
    peer.ask()
    wait_until(lambda: recorder.requests)
    let_time_pass_until_left(server)


def test_a_refused_client_that_never_goes_is_cut_off(
    loopback: Any, recorder: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "LINGER_S", LONG_S)
    server = loopback(recorder, idle_timeout_s=1000 * LONG_S)
    peer = connect(server)
    peer.socket.sendall(b"nonsense, and a lot of it")
    let_time_pass_until_left(server)


# Shutting down


def close_in_background(server: Any, grace_s: float = 10 * RETRY_FOR_S) -> Any:
    """By default with a grace that nobody waits for."""
    return asyncio.run_coroutine_threadsafe(server.listener.close(grace_s), server.loop)


def test_requests_in_flight_are_answered_before_the_end(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    server = loopback(recorder)
    peer = connect(server)
    held, begun = peer.ask("/hold"), peer.open()
    peer.h2.ping(b"all sent")
    peer.flush()
    peer.hear_until(lambda: peer.pongs)
    closing = close_in_background(server)
    peer.hear_until(lambda: peer.goaway)
    assert peer.goaway is not None
    assert peer.goaway.error_code == ErrorCodes.NO_ERROR
    assert peer.goaway.last_stream_id == begun
    late = peer.ask()
    assert peer.answer(late).reset == ErrorCodes.REFUSED_STREAM
    peer.send_body(begun, b"the rest")
    assert peer.answer(begun).body == b"POST / the rest"
    server.call(recorder.held.pop())
    assert peer.answer(held).status == 200
    peer.hear_to_the_end()
    closing.result(RETRY_FOR_S)


def test_idle_connections_close_at_once(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder)
    peer = connect(server)
    peer.answer(peer.ask())
    close_in_background(server).result(RETRY_FOR_S)
    peer.hear_to_the_end()
    assert peer.goaway is not None


def test_what_outlives_the_grace_is_cut_off(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder)
    peer = connect(server)
    peer.ask("/hold")
    wait_until(lambda: recorder.held)
    close_in_background(server, 0.1).result(RETRY_FOR_S)
    peer.hear_to_the_end()
    server.call(recorder.held.pop())


# Streamed answers


def test_a_streamed_answer_comes_as_it_is_written(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder)
    peer = connect(server)
    stream_id = peer.ask("/stream")
    peer.hear_until(lambda: peer.streams[stream_id].body == b"first ")
    assert "content-length" not in peer.streams[stream_id].headers
    (source,) = recorder.sources
    server.call(lambda: source.write(b"second "))
    peer.hear_until(lambda: peer.streams[stream_id].body == b"first second ")
    assert peer.answer(peer.ask()).status == 200
    server.call(lambda: source.write(b"last"))
    server.call(source.end)
    assert peer.answer(stream_id).body == b"first second last"
    assert source.told == ["start"]


def test_a_source_is_paused_while_its_window_is_closed(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    server = loopback(recorder)
    peer = connect(server, opens_windows=False, settings={INITIAL_WINDOW_SIZE: 10})
    stream_id = peer.ask("/stream")
    wait_until(lambda: recorder.sources)
    (source,) = recorder.sources
    server.call(lambda: source.write(b"123456"))
    assert source.told == ["start", "pause"]
    peer.hear_until(lambda: peer.streams[stream_id].body == b"first 1234")
    peer.open_window(1, stream_id)
    peer.hear_until(lambda: peer.streams[stream_id].body == b"first 12345")
    assert source.told == ["start", "pause"]
    peer.open_window(100, stream_id)
    peer.hear_until(lambda: peer.streams[stream_id].body == b"first 123456")
    wait_until(lambda: source.told == ["start", "pause", "resume"])
    server.call(source.end)
    assert peer.answer(stream_id).ended


def test_a_source_is_paused_while_the_client_does_not_read(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    server = loopback(recorder)
    peer = connect(server, settings={INITIAL_WINDOW_SIZE: 2**31 - 1})
    peer.open_window(2**30)
    stream_id = peer.ask("/stream")
    wait_until(lambda: recorder.sources)
    (source,) = recorder.sources
    written = 0
    while "pause" not in source.told:
        assert written < 100_000_000
        server.call(lambda: source.write(bytes(100_000)))
        written += 100_000
    peer.hear_until(lambda: len(peer.streams[stream_id].body) == written + len(b"first "))
    wait_until(lambda: source.told[-1] == "resume")


@pytest.mark.parametrize("leave", [lambda peer: peer.reset(1), lambda peer: peer.close()])
def test_a_source_is_stopped_when_its_reader_leaves(
    leave: Callable[[Http2Peer], None], loopback: Any, recorder: Any, connect: Connect
) -> None:
    server = loopback(recorder)
    peer = connect(server)
    peer.ask("/stream")
    wait_until(lambda: recorder.sources)
    leave(peer)
    (source,) = recorder.sources
    wait_until(lambda: source.told == ["start", "stop"])
    server.call(lambda: source.write(b"for nobody"))
    server.call(source.end)


def test_no_time_out_counts_while_a_streamed_answer_is_open(
    loopback: Any, recorder: Any, connect: Connect
) -> None:
    server = loopback(recorder, request_timeout_s=LONG_S, idle_timeout_s=LONG_S)
    peer = connect(server)
    stream_id = peer.ask("/stream")
    wait_until(lambda: recorder.sources)
    server.let_time_pass(3 * LONG_S)
    server.call(recorder.sources[0].end)
    assert peer.answer(stream_id).ended


def test_open_streams_end_well_at_shutdown(loopback: Any, recorder: Any, connect: Connect) -> None:
    server = loopback(recorder)
    peer = connect(server)
    asked = [peer.ask("/stream") for _ in range(500)]
    wait_until(lambda: len(recorder.sources) == 500)
    close_in_background(server).result(RETRY_FOR_S)
    for stream_id in asked:
        heard = peer.answer(stream_id)
        assert heard.ended
        assert heard.body == b"first "
    assert all(source.told == ["start", "stop"] for source in recorder.sources)
    peer.hear_to_the_end()


def test_a_streamed_answer_to_head_is_only_a_head(loopback: Any, recorder: Any, connect: Connect) -> None:
    peer = connect(loopback(recorder))
    heard = peer.answer(peer.ask("/stream", method="HEAD"))
    assert heard.ended
    assert heard.body == b""
    assert recorder.sources[0].told == ["stop"]


# Other people's clients


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_speaks_http_2_at_once(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    command = ["curl", "-sS", "--http2-prior-knowledge", "-w", " %{http_version}", "-d", "x" * 100_000]
    ran = subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}/curl"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"POST /curl {'x' * 100_000} 2"


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_an_offer_to_change_to_http_2_is_not_taken_up(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    command = ["curl", "-sS", "--http2", "-w", " %{http_version}", "-d", "x"]
    ran = subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}/curl"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "POST /curl x 1.1"


NODE = """
const client = require('node:http2').connect(process.argv[1]);
const answers = Array.from({ length: 200 }, (_, number) => new Promise((resolve, reject) => {
  const request = client.request({ ':method': 'POST', ':path': `/${number}` });
  let body = '';
  request.on('data', (part) => { body += part; client.close(); });
  request.on('end', () => resolve(body));
  request.on('error', reject);
  request.end('x'.repeat(10000));
}));
Promise.all(answers).then((bodies) => {
  const isRight = bodies.every((body, number) => body === `POST /${number} ` + 'x'.repeat(10000));
  console.log(isRight ? 'all answered' : 'something else');
});
"""


@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not installed")
def test_node_gets_all_answers_though_it_says_goodbye_at_once(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    ran = subprocess.run(
        ["node", "-e", NODE, f"http://127.0.0.1:{server.port}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=RETRY_FOR_S,
    )
    assert (ran.stdout, ran.stderr) == ("all answered\n", "")
