"""Answers that are held back or never given, on both versions of HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from h2.errors import ErrorCodes

from headwater.server.http.exchange import HttpRequest, HttpResponse, Respond
from tests.server.conftest import Recorder
from tests.server.http.http2_peer import Http2Peer
from tests.waiting import wait_until

GET = b"GET / HTTP/1.1\r\n\r\n"
CUT = b"GET /cut HTTP/1.1\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\n\r\n"


@dataclass
class Withholding(Recorder):
    """Gives no answer to /cut, and holds back the one to /wait."""

    gone: list[bytes] = field(default_factory=list)
    """Requests whose clients went while they waited."""

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        if request.path == b"/cut":
            self.requests.append(request)
            respond.cut()
        elif request.path == b"/wait":
            release = respond.hold(lambda: self.gone.append(request.path))

            def go_on() -> None:
                release()
                respond.answer(HttpResponse(200, (), b"late", "request-id", None))

            self.held.append(go_on)
        else:
            super().handle(request, respond)


@pytest.fixture
def handler() -> Withholding:
    return Withholding()


@pytest.fixture
def server(loopback: Any, handler: Withholding) -> Any:
    return loopback(handler)


@pytest.fixture
def http2(server: Any) -> Iterator[Http2Peer]:
    peer = Http2Peer(socket.create_connection(("127.0.0.1", server.port)))
    yield peer
    peer.close()


def test_a_cut_ends_the_connection_after_the_answers_before_it(server: Any, handler: Withholding) -> None:
    peer = server.connect()
    peer.send(GET + CUT + GET)
    assert peer.reply().body == b"GET / "
    assert peer.is_closed_by_server()
    assert [request.target for request in handler.requests] == [b"/", b"/cut"]
    assert server.ask(GET).status == 200


def test_an_answer_that_is_held_back_keeps_its_place(server: Any, handler: Withholding) -> None:
    peer = server.connect()
    peer.send(WAIT + GET)
    wait_until(lambda: handler.held)
    assert server.ask(GET).status == 200
    assert len(handler.requests) == 1  # the other client's: ours waits for its turn
    server.call(handler.held.pop())
    assert peer.reply().body == b"late"
    assert peer.reply().body == b"GET / "
    for one in server.peers:
        one.close()
    wait_until(lambda: not server.call(lambda: len(server.connections)))
    assert handler.gone == []


@pytest.mark.parametrize("leave", ["close", "half_close"])
def test_who_leaves_while_an_answer_is_held_back_is_told_of(
    server: Any, handler: Withholding, leave: str
) -> None:
    peer = server.connect()
    peer.send(WAIT + GET)
    wait_until(lambda: handler.held)
    getattr(peer, leave)()
    wait_until(lambda: handler.gone)
    server.call(handler.held.pop())  # too late: dropped
    assert handler.requests == []
    assert server.ask(GET).status == 200


def test_what_is_held_back_is_answered_at_shutdown(server: Any, handler: Withholding) -> None:
    peer = server.connect()
    peer.send(WAIT)
    wait_until(lambda: handler.held)
    server.call(lambda: server.connections.shut_down(lambda: None))
    server.call(handler.held.pop())
    assert peer.reply().body == b"late"
    assert peer.is_closed_by_server()


def test_a_cut_breaks_off_its_own_stream_only(http2: Http2Peer) -> None:
    cut, other = http2.ask("/cut"), http2.ask("/")
    assert http2.answer(cut).reset == ErrorCodes.INTERNAL_ERROR
    assert http2.answer(other).body == b"POST / "
    assert http2.answer(http2.ask("/")).status == 200
    assert http2.goaway is None


def test_other_streams_do_not_wait(server: Any, handler: Withholding, http2: Http2Peer) -> None:
    held, other = http2.ask("/wait"), http2.ask("/")
    assert http2.answer(other).status == 200
    assert http2.streams[held].status == 0
    server.call(handler.held.pop())
    assert http2.answer(held).body == b"late"
    assert handler.gone == []


def test_a_stream_that_is_reset_while_it_is_held_back_is_told_of(
    server: Any, handler: Withholding, http2: Http2Peer
) -> None:
    held = http2.ask("/wait")
    wait_until(lambda: handler.held)
    http2.reset(held)
    wait_until(lambda: handler.gone)
    server.call(handler.held.pop())
    assert http2.answer(http2.ask("/")).status == 200


@pytest.mark.parametrize("leave", ["close", "half_close"])
def test_a_connection_that_ends_is_told_of_to_what_is_held_back(
    handler: Withholding, http2: Http2Peer, leave: str
) -> None:
    http2.ask("/wait")
    wait_until(lambda: handler.held)
    if leave == "close":
        http2.close()
    else:
        http2.socket.shutdown(socket.SHUT_WR)
    wait_until(lambda: handler.gone)


def test_what_is_held_back_on_a_stream_is_answered_at_shutdown(
    server: Any, handler: Withholding, http2: Http2Peer
) -> None:
    held = http2.ask("/wait")
    wait_until(lambda: handler.held)
    server.call(lambda: server.connections.shut_down(lambda: None))
    server.call(handler.held.pop())
    assert http2.answer(held).body == b"late"
    http2.hear_to_the_end()


# Bodies that end in the middle


def test_a_body_that_is_broken_off_has_no_end(server: Any, handler: Withholding) -> None:
    peer = server.connect()
    peer.send(b"GET /stream HTTP/1.1\r\n\r\n" + GET)
    assert peer.reply().headers["Transfer-Encoding"] == "chunked"
    server.call(handler.sources[0].break_off)
    left = peer.unread
    while part := peer.socket.recv(100):
        left += part
    assert left == b"6\r\nfirst \r\n"
    assert len(handler.requests) == 1
    assert handler.sources[0].told == ["start"]


def test_a_stream_that_is_broken_off_is_reset(server: Any, handler: Withholding, http2: Http2Peer) -> None:
    streamed = http2.ask("/stream")
    http2.hear_until(lambda: http2.streams[streamed].body)
    server.call(handler.sources[0].break_off)
    heard = http2.answer(streamed)
    assert (heard.body, heard.ended, heard.reset) == (b"first ", False, ErrorCodes.INTERNAL_ERROR)
    assert http2.answer(http2.ask("/")).status == 200
    assert handler.sources[0].told == ["start"]
