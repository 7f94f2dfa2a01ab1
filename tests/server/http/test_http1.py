from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from headwater.server.http import http1, limits
from headwater.wire.long_body import LongBody
from tests.waiting import RETRY_FOR_S, wait_until

LONG_S = 1000.0
"""A time-out that does not come by itself: a test lets the time pass."""

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body: bytes, target: bytes = b"/", headers: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + target + b" HTTP/1.1\r\nHost: x\r\n" + headers + length + b"\r\n" + body


def test_an_answer_has_its_ids_date_and_length(loopback: Any, recorder: Any) -> None:
    reply = loopback(recorder).ask(post(b"hello", b"/x"))
    assert reply.status == 200
    assert reply.body == b"POST /x hello"
    assert reply.headers["x-amzn-RequestId"] == "request-id"
    assert reply.headers["x-amz-id-2"] == "extended-id"
    assert reply.headers["X-Test"] == "yes"
    assert reply.headers["Content-Length"] == "13"
    assert time.strptime(reply.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")


def test_a_connection_serves_many_requests(loopback: Any, recorder: Any) -> None:
    peer = loopback(recorder).connect()
    for number in range(20):
        peer.send(post(b"%d" % number))
        assert peer.reply().body == b"POST / %d" % number


def test_pipelined_requests_are_answered_in_order_though_the_first_takes_long(
    loopback: Any, recorder: Any
) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(post(b"first", b"/hold") + b"".join(post(b"%d" % number) for number in range(100)))
    wait_until(lambda: recorder.held)
    assert server.is_silent_to(peer)
    server.call(recorder.held.pop())
    assert peer.reply().body == b"POST /hold first"
    for number in range(100):
        assert peer.reply().body == b"POST / %d" % number


def test_the_parts_of_a_long_answer_arrive_as_one(loopback: Any, recorder: Any) -> None:
    parts: list[bytes | memoryview] = [b"{", memoryview(b"x" * 200_000), b"", b"y" * 100_000, b"}"]
    recorder.body = LongBody(parts)
    peer = loopback(recorder).connect()
    for _ in range(2):  # the second comes right behind the first
        peer.send(post(b""))
        reply = peer.reply()
        assert reply.body == b"".join(parts)
        assert reply.headers["Content-Length"] == "300002"


def test_reading_pauses_while_many_pipelined_requests_wait(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(post(b"", b"/hold"))
    wait_until(lambda: recorder.held)
    flood = post(b"x" * 100_000)
    peer.socket.setblocking(False)
    sent, refused = 0, 0
    while sent < 1_000_000_000 and refused < 10:
        try:
            sent += peer.socket.send(flood[sent % len(flood) :])
            refused = 0
        except BlockingIOError:  # the buffers are full, unless the server reads on
            server.go_round()
            refused += 1
    # What the kernel's buffers and a few reads hold, and not more.
    assert sent < 64 * len(flood) + 32 * 1024 * 1024
    assert len(recorder.requests) == 1
    peer.socket.settimeout(RETRY_FOR_S)
    server.call(recorder.held.pop())
    assert peer.reply().status == 200
    for _ in range(sent // len(flood)):
        assert peer.reply().status == 200


def test_a_client_that_does_not_read_is_not_read_from(loopback: Any, recorder: Any) -> None:
    recorder.body = b"z" * 8_000_000
    server = loopback(recorder)
    peer = server.connect()
    peer.send(GET * 40)
    wait_until(lambda: recorder.requests)
    server.go_round()
    assert len(recorder.requests) < 10
    for _ in range(40):
        assert len(peer.reply().body) == 8_000_000


def test_a_client_that_waits_is_told_to_continue(loopback: Any, recorder: Any) -> None:
    peer = loopback(recorder).connect()
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    peer.send(head)
    assert peer.reply().status == 100
    peer.send(b"ab")
    assert peer.reply().body == b"POST / ab"
    peer.send(head + b"cd")
    assert peer.reply().body == b"POST / cd"


def test_continue_waits_for_its_turn(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(post(b"", b"/hold") + b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
    wait_until(lambda: recorder.held)
    assert server.is_silent_to(peer)
    server.call(recorder.held.pop())
    assert peer.reply().body == b"POST /hold "
    assert peer.reply().status == 100


def test_a_client_that_waits_is_refused_before_it_sends(loopback: Any, recorder: Any) -> None:
    peer = loopback(recorder, body_bytes=10).connect()
    peer.send(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n")
    assert peer.reply().status == 413
    assert peer.is_closed_by_server()


def test_a_client_that_goes_on_sending_still_reads_why_it_was_refused(loopback: Any, recorder: Any) -> None:
    peer = loopback(recorder, body_bytes=1_000_000).connect()
    peer.send(b"POST / HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000)
    reply = peer.reply()
    assert reply.status == 413
    assert reply.headers["Connection"] == "close"
    assert peer.is_closed_by_server()
    assert not recorder.requests


def test_requests_before_a_malformed_one_are_answered_first(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(post(b"", b"/hold") + GET + b"nonsense\r\n\r\n" + GET)
    wait_until(lambda: recorder.held)
    server.call(recorder.held.pop())
    assert peer.reply().body == b"POST /hold "
    assert peer.reply().body == b"GET / "
    assert peer.reply().status == 400
    assert peer.is_closed_by_server()
    assert len(recorder.requests) == 2
    assert recorder.refusals == [limits.MALFORMED]


@pytest.mark.parametrize("head", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"])
def test_a_client_that_wants_no_more_is_closed(head: bytes, loopback: Any, recorder: Any) -> None:
    peer = loopback(recorder).connect()
    peer.send(head)
    assert peer.reply().headers["Connection"] == "close"
    assert peer.is_closed_by_server()


def test_http_1_0_stays_connected_when_asked_to(loopback: Any, recorder: Any) -> None:
    peer = loopback(recorder).connect()
    for _ in range(2):
        peer.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert peer.reply().headers["Connection"] == "keep-alive"


def test_an_answer_to_head_has_no_body(loopback: Any, recorder: Any) -> None:
    peer = loopback(recorder).connect()
    peer.send(b"HEAD / HTTP/1.1\r\n\r\n" + GET)
    assert peer.reply(has_body=False).headers["Content-Length"] == "7"
    assert peer.reply().body == b"GET / "


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 11_000_000])
def test_an_answer_of_any_size_arrives_whole(size: int, loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    body = bytes(range(256)) * (size // 256 + 1)
    reply = server.ask(post(body[:size], b"/"))
    assert reply.body == b"POST / " + body[:size]


def test_a_half_closed_client_gets_its_answers_and_then_the_end(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(post(b"", b"/hold") + GET + GET[:9])
    peer.half_close()
    wait_until(lambda: recorder.held)
    server.call(recorder.held.pop())
    assert peer.reply().body == b"POST /hold "
    assert peer.reply().body == b"GET / "
    assert peer.is_closed_by_server()


def test_an_answer_for_a_client_that_has_gone_is_dropped(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(post(b"", b"/hold") + GET)
    wait_until(lambda: recorder.held)
    peer.close()
    wait_until(lambda: not server.call(lambda: len(server.connections)) or recorder.held)
    server.call(recorder.held.pop())
    assert server.ask(GET).status == 200


def let_time_pass_until(server: Any, condition: Callable[[], Any]) -> None:
    """As often as it takes: a server that has not read yet what was sent does not count from then on."""

    def has_come() -> Any:
        server.let_time_pass(LONG_S + 1)
        return condition()

    wait_until(has_come)


def test_an_idle_connection_is_closed_in_silence(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder, idle_timeout_s=LONG_S)
    never_used = server.connect()
    used = server.connect()
    used.send(GET)
    assert used.reply().status == 200
    server.wait_for_connections(2)
    server.let_time_pass(LONG_S + 1)
    assert never_used.is_closed_by_server()
    assert used.is_closed_by_server()


@pytest.mark.parametrize("part", [GET[:7], post(b"hello")[:-1]])
def test_a_request_that_trickles_in_is_given_up(part: bytes, loopback: Any, recorder: Any) -> None:
    server = loopback(recorder, request_timeout_s=LONG_S, idle_timeout_s=1000 * LONG_S)
    peer = server.connect()
    for byte in part:
        peer.send(bytes([byte]))
    let_time_pass_until(server, lambda: recorder.refusals)
    assert peer.reply().status == 408
    assert peer.is_closed_by_server()
    assert recorder.refusals == [limits.TOO_SLOW]


def test_no_time_out_counts_while_the_server_works(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder, request_timeout_s=LONG_S, idle_timeout_s=LONG_S)
    peer = server.connect()
    peer.send(post(b"", b"/hold"))
    wait_until(lambda: recorder.held)
    server.let_time_pass(3 * LONG_S)
    assert server.is_silent_to(peer)
    server.call(recorder.held.pop())
    assert peer.reply().status == 200


def test_a_client_that_never_reads_its_answer_is_cut_off(loopback: Any, recorder: Any) -> None:
    recorder.body = b"z" * 50_000_000
    server = loopback(recorder, idle_timeout_s=LONG_S)
    server.connect().send(GET)
    wait_until(lambda: recorder.requests)
    let_time_pass_until(server, lambda: not server.call(lambda: len(server.connections)))


def test_a_refused_client_that_never_stops_is_cut_off(
    loopback: Any, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1, "LINGER_S", LONG_S)
    server = loopback(recorder, idle_timeout_s=1000 * LONG_S)
    peer = server.connect()
    peer.send(b"nonsense\r\n\r\n")
    assert peer.reply().status == 400
    let_time_pass_until(server, lambda: not server.call(lambda: len(server.connections)))


# Streamed answers

STREAM = b"POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


def read_exactly(peer: Any, expected: bytes) -> bool:
    data = peer.unread
    peer.unread = b""
    while len(data) < len(expected):
        part = peer.socket.recv(len(expected) - len(data))
        assert part, data
        data += part
    return bool(data == expected)


def test_a_streamed_answer_comes_in_chunks_as_it_is_written(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(STREAM)
    head = peer.reply(has_body=False)
    assert head.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in head.headers
    assert read_exactly(peer, b"6\r\nfirst \r\n")
    (source,) = recorder.sources
    server.call(lambda: source.write(b""))
    server.call(lambda: source.write(b"x" * 100_000))
    assert read_exactly(peer, b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
    server.call(source.end)
    assert read_exactly(peer, b"0\r\n\r\n")
    peer.send(GET)
    assert peer.reply().body == b"GET / "
    assert source.told == ["start"]


def test_a_streamed_answer_ends_with_the_connection_on_http_1_0(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert peer.reply(has_body=False).headers["Connection"] == "close"
    (source,) = recorder.sources
    server.call(lambda: source.write(b"second"))
    server.call(source.end)
    assert read_exactly(peer, b"first second")
    assert peer.is_closed_by_server()


def test_pipelined_requests_wait_for_a_streamed_answer(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(STREAM + GET)
    peer.reply(has_body=False)
    assert read_exactly(peer, b"6\r\nfirst \r\n")
    assert server.is_silent_to(peer)
    server.call(recorder.sources[0].end)
    assert read_exactly(peer, b"0\r\n\r\n")
    assert peer.reply().body == b"GET / "


def test_a_source_is_paused_while_its_reader_is_slow(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(STREAM)
    wait_until(lambda: recorder.sources)
    (source,) = recorder.sources
    written = 0
    while "pause" not in source.told:
        assert written < 100_000_000
        server.call(lambda: source.write(b"x" * 100_000))
        written += 100_000
    read = 0
    while read < written:
        read += len(peer.socket.recv(1 << 20))
    wait_until(lambda: source.told[:3] == ["start", "pause", "resume"])


def test_a_source_is_stopped_when_its_reader_leaves(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(STREAM)
    wait_until(lambda: recorder.sources)
    peer.close()
    (source,) = recorder.sources
    wait_until(lambda: source.told == ["start", "stop"])
    server.call(lambda: source.write(b"for nobody"))
    server.call(source.end)


def test_a_source_is_stopped_when_its_reader_says_that_it_leaves(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(STREAM)
    peer.reply(has_body=False)
    assert read_exactly(peer, b"6\r\nfirst \r\n")
    peer.half_close()
    wait_until(lambda: recorder.sources[0].told == ["start", "stop"])
    assert peer.is_closed_by_server()


def test_a_source_is_stopped_when_its_reader_never_reads(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder, idle_timeout_s=LONG_S)
    server.connect().send(STREAM)
    wait_until(lambda: recorder.sources)
    (source,) = recorder.sources
    while "pause" not in source.told:
        server.call(lambda: source.write(b"x" * 1_000_000))
    let_time_pass_until(server, lambda: source.told[-1] == "stop")
    assert not server.call(lambda: len(server.connections))


def test_no_time_out_counts_while_a_streamed_answer_is_open(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder, request_timeout_s=LONG_S, idle_timeout_s=LONG_S)
    peer = server.connect()
    peer.send(STREAM)
    peer.reply(has_body=False)
    assert read_exactly(peer, b"6\r\nfirst \r\n")
    server.let_time_pass(3 * LONG_S)
    assert server.is_silent_to(peer)
    server.call(recorder.sources[0].end)
    assert read_exactly(peer, b"0\r\n\r\n")


@pytest.mark.parametrize("more", [b"", GET])
def test_a_streamed_answer_ends_well_at_shutdown(more: bytes, loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    peer.send(STREAM + more)
    peer.reply(has_body=False)
    assert read_exactly(peer, b"6\r\nfirst \r\n")
    server.run(server.listener.close(5))
    assert read_exactly(peer, b"0\r\n\r\n")
    if more:
        assert peer.reply().headers["Connection"] == "close"
    assert peer.is_closed_by_server()
    assert recorder.sources[0].told == ["start", "stop"]


def test_a_streamed_answer_to_head_is_only_a_head(loopback: Any, recorder: Any) -> None:
    peer = loopback(recorder).connect()
    peer.send(b"HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert peer.reply(has_body=False).headers["Transfer-Encoding"] == "chunked"
    assert peer.reply().body == b"GET / "
    assert recorder.sources[0].told == ["stop"]
