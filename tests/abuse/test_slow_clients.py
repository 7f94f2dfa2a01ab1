"""Clients that send slowly, never read, or leave halfway: they are cut off, and others are served."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

import pytest

from tests.abuse.abused_server import AbusedServer, head, is_closed, is_given_up, request, trickle
from tests.waiting import RETRY_FOR_S

pytestmark = pytest.mark.long

CLIENTS = 100
LARGE_RECORD_BYTES = 700_000


def test_heads_that_trickle_in_are_given_up(abused: AbusedServer) -> None:
    with abused.serving_others():
        slow = [abused.connect() for _ in range(CLIENTS)]
        for byte in head("ListStreams")[:20]:
            for connection in slow:
                trickle(connection, bytes([byte]))
        assert all(map(is_closed, slow))


def test_bodies_that_trickle_in_are_given_up(abused: AbusedServer) -> None:
    with abused.serving_others():
        slow = [abused.connect() for _ in range(CLIENTS)]
        for connection in slow:
            trickle(connection, head("PutRecord", "Content-Length: 1000000") + b"{" + b" " * 60_000)
        for _ in range(10):
            for connection in slow:
                trickle(connection, b" ")
        assert all(map(is_given_up, slow))
        assert all(map(is_closed, slow))


def test_chunks_that_trickle_in_are_given_up(abused: AbusedServer) -> None:
    with abused.serving_others():
        slow = [abused.connect() for _ in range(CLIENTS)]
        for connection in slow:
            trickle(connection, head("PutRecord", "Transfer-Encoding: chunked"))
        for _ in range(10):
            for connection in slow:
                trickle(connection, b"1\r\n \r\n")
        assert all(map(is_given_up, slow))


def test_pages_that_are_asked_for_and_never_read_are_not_made(abused: AbusedServer) -> None:
    iterator = abused.fill(12, LARGE_RECORD_BYTES)
    page = request("GetRecords", ShardIterator=iterator)
    with abused.serving_others():
        deaf = [abused.connect() for _ in range(4)]
        for connection in deaf:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(0.2)
            try:
                connection.sendall(page * 2_000)
            except TimeoutError:
                pass  # the server reads no more from somebody who takes nothing
            except ConnectionError:
                pass  # and has cut it off by now
        for connection in deaf:
            connection.settimeout(RETRY_FOR_S)
            assert is_closed(connection)


def test_half_open_connections_are_closed_when_they_were_idle_for_long(abused: AbusedServer) -> None:
    with abused.serving_others():
        silent = [abused.connect() for _ in range(CLIENTS)]
        left = [abused.connect() for _ in range(CLIENTS)]
        for connection in left:  # as one whose cable was cut after its half of a request
            trickle(connection, request("ListStreams")[:-1])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for connection in left[::2]:
            connection.close()
        for connection in left[1::2]:
            with suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_WR)
        assert all(map(is_closed, (*silent, *left[1::2])))
