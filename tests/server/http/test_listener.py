from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from headwater.server.http.connections import OpenConnections
from headwater.server.http.listener import Listener, ListenError, bind_all
from tests.waiting import RETRY_FOR_S, wait_until

GET = b"GET / HTTP/1.1\r\n\r\n"
HOLD = b"GET /hold HTTP/1.1\r\n\r\n"


def close_in_background(server: Any, grace_s: float) -> Future[None]:
    return asyncio.run_coroutine_threadsafe(server.listener.close(grace_s), server.loop)


def hold(server: Any, recorder: Any, sent: bytes = HOLD) -> Any:
    """A client whose request is in flight."""
    peer = server.connect()
    peer.send(sent)
    wait_until(lambda: recorder.held)
    return peer


def listen(host: str, ports: list[int]) -> Listener:
    return Listener(host, ports, asyncio.Protocol, OpenConnections(ManualClock()))


# Opening


def test_every_port_is_listened_on() -> None:
    sockets = bind_all("127.0.0.1", [0, 0])
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    assert len(set(ports)) == 2

    async def connect_to_all() -> None:
        listener = listen("127.0.0.1", ports)
        await listener.open()
        assert listener.endpoints == tuple(f"http://127.0.0.1:{port}" for port in ports)
        for port in ports:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
        await listener.close(0)

    asyncio.run(connect_to_all())


def test_all_addresses_of_a_name_share_a_free_port() -> None:
    sockets = bind_all("localhost", [0])
    ports = {one.getsockname()[1] for one in sockets}
    for one in sockets:
        one.close()
    assert len(ports) == 1
    assert 0 not in ports


def test_a_port_in_use_is_named_and_no_other_port_stays_bound() -> None:
    free = bind_all("127.0.0.1", [0])
    free_port = free[0].getsockname()[1]
    free[0].close()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=f"^cannot listen on 127.0.0.1:{port}: address already in use$"):
            bind_all("127.0.0.1", [free_port, port])
    again = bind_all("127.0.0.1", [free_port])
    again[0].close()


def test_a_port_taken_between_binding_and_listening_is_named() -> None:
    async def open_both() -> None:
        first = listen("127.0.0.1", [0])
        port = int(first.endpoints[0].rsplit(":", 1)[1])
        second = listen("127.0.0.1", [port])
        await first.open()
        with pytest.raises(ListenError, match="address already in use"):
            await second.open()
        await first.close(0)

    asyncio.run(open_both())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7"])
def test_an_address_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(ListenError, match=f"^cannot listen on {host}:0: "):
        bind_all(host, [0])


def test_the_endpoint_is_one_that_a_client_here_can_use() -> None:
    for host, shown in (
        ("0.0.0.0", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("::1", r"[::1]"),
        ("::", r"[::1]"),
    ):
        listener = listen(host, [0])
        asyncio.run(listener.close(0))
        assert len(listener.endpoints) == 1
        assert listener.endpoints[0].rsplit(":", 1)[0] == f"http://{shown}"


# Closing


def test_a_request_in_flight_is_answered_before_the_end(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = hold(server, recorder)
    closing = close_in_background(server, RETRY_FOR_S)
    assert server.is_silent_to(peer)
    assert not closing.done()
    server.call(recorder.held.pop())
    reply = peer.reply()
    assert reply.status == 200
    assert reply.headers["Connection"] == "close"
    assert peer.is_closed_by_server()
    closing.result(RETRY_FOR_S)


def test_pipelined_requests_and_one_half_arrived_are_answered_too(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = hold(server, recorder, HOLD + GET + GET[:9])
    closing = close_in_background(server, RETRY_FOR_S)
    assert server.is_silent_to(peer)
    server.call(recorder.held.pop())
    assert peer.reply().headers["Connection"] == "keep-alive"
    assert peer.reply().headers["Connection"] == "keep-alive"
    peer.send(GET[9:])
    assert peer.reply().headers["Connection"] == "close"
    assert peer.is_closed_by_server()
    closing.result(RETRY_FOR_S)


def test_idle_connections_close_at_once_and_new_ones_are_not_taken(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    idle, busy = server.connect(), hold(server, recorder)
    idle.send(GET)
    idle.reply()
    closing = close_in_background(server, RETRY_FOR_S)
    assert idle.is_closed_by_server()
    with pytest.raises(OSError):  # noqa: PT011 - refused or reset, as the system pleases
        server.ask(GET)
    server.call(recorder.held.pop())
    assert busy.reply().status == 200
    closing.result(RETRY_FOR_S)


def test_what_outlives_the_grace_is_cut_off(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = hold(server, recorder)
    started_s = time.monotonic()
    close_in_background(server, 0.1).result(RETRY_FOR_S)
    assert time.monotonic() - started_s > 0.08
    assert peer.is_closed_by_server()
    server.call(recorder.held.pop())  # an answer that nobody waits for any more


def test_an_abort_ends_the_grace(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    peer = hold(server, recorder)
    closing = close_in_background(server, 10 * RETRY_FOR_S)
    assert server.is_silent_to(peer)
    server.call(server.listener.abort)
    closing.result(RETRY_FOR_S)
    assert peer.is_closed_by_server()


def test_a_busy_server_closes_without_losing_an_answer(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    answers: list[Any] = []

    def ask_until_closed() -> None:
        peer = server.connect()
        with suppress(EOFError, OSError):  # an idle connection closes without a word
            while True:
                peer.send(GET)
                answers.append(peer.reply())

    threads = [threading.Thread(target=ask_until_closed) for _ in range(8)]
    for thread in threads:
        thread.start()
    server.wait_for_connections(8)
    wait_until(lambda: len(answers) > 100)
    close_in_background(server, RETRY_FOR_S).result(RETRY_FOR_S)
    for thread in threads:
        thread.join()
    assert len(answers) == len(recorder.requests) > 100


def test_a_client_that_says_nothing_is_taken_all_the_same(loopback: Any, recorder: Any) -> None:
    server = loopback(recorder)
    silent = server.connect()
    wait_until(lambda: server.call(lambda: len(server.connections)) == 1)
    silent.send(GET)
    assert silent.reply().status == 200
