from __future__ import annotations

from typing import Any

import pytest

from headwater.server.http.protocol_detector import HTTP2_PREFACE
from tests.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CLIENT_HELLO = bytes.fromhex("1603010200010001fc0303")
LONG_S = 1000.0
SETTINGS_FRAME = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def test_http_1_may_begin_with_any_part_of_its_first_word(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    for request in (GET, GET.replace(b"GET", b"PROPFIND"), GET.replace(b"GET", b"POST")):
        peer = server.connect()
        for byte in request:
            peer.send(bytes([byte]))
        assert peer.reply().status == 200


def test_http_2_may_begin_with_any_part_of_its_preface(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = server.connect()
    for byte in HTTP2_PREFACE[:-1]:
        peer.send(bytes([byte]))
    assert server.is_silent_to(peer)
    peer.send(HTTP2_PREFACE[-1:] + SETTINGS_FRAME)
    assert peer.socket.recv(9)[3] == 4  # the server's own settings


@pytest.mark.parametrize(
    "data", [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"\x00\x00\x00", b"\x80\x01", b"\r\nnonsense\r\n\r\n"]
)
def test_what_is_neither_is_answered_as_http_1(data: bytes, loopback: Any, recorder: Any) -> None:
    reply = loopback(recorder).ask(data)
    assert reply.status == 400


def test_a_client_that_says_tls_hears_an_alert_where_there_is_none(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    for _ in range(5):
        peer = server.connect()
        peer.send(CLIENT_HELLO)
        assert peer.socket.recv(100) == b"\x15\x03\x01\x00\x02\x02\x28"
        assert peer.is_closed_by_server()
    assert len(server.notes) == 1
    assert "--tls" in server.notes[0]


@pytest.mark.parametrize("said", [b"", b"PRI * HT", b"P"])
def test_a_client_that_says_too_little_is_closed(said: bytes, loopback: Any, recorder: Any) -> None:
    server = loopback(recorder, idle_timeout_s=LONG_S, request_timeout_s=LONG_S)
    peer = server.connect()
    peer.send(said)
    server.wait_for_connections(1)
    server.let_time_pass(LONG_S + 1)
    assert peer.is_closed_by_server()
    assert not server.call(lambda: len(server.connections))


def test_a_client_that_leaves_before_it_said_enough_is_forgotten(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    for said in (b"", b"P"):
        peer = server.connect()
        peer.send(said)
        peer.close()
    wait_until(lambda: not server.call(lambda: len(server.connections)))


def test_silent_connections_close_at_shutdown(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peers = [server.connect() for _ in range(3)]
    peers[1].send(b"P")
    wait_until(lambda: server.call(lambda: len(server.connections)) == len(peers))  # they are taken later
    server.run(server.listener.close(5))
    assert all(peer.is_closed_by_server() for peer in peers)
