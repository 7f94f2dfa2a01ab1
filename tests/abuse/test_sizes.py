"""Bodies at every limit are taken, those over it refused, however they come; memory stays bounded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.abuse.abused_server import AbusedServer, abused_server, head, is_closed, request, trickle

pytestmark = pytest.mark.long

BODY_LIMIT = 16 * 1024 * 1024


def body_of(size: int) -> bytes:
    return b"{" + b" " * (size - 2) + b"}"


def chunked(body: bytes, size: int = 65_536) -> bytes:
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def answer_to(abused: AbusedServer, data: bytes) -> bytes:
    """The first line of the answer."""
    connection = abused.connect()
    with contextlib.suppress(ConnectionError):  # refused before it was all sent
        connection.sendall(data)
    return connection.recv(4096).partition(b"\r\n")[0]


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[AbusedServer]:
    """A server that gives a large body its time, on a busy machine, too."""
    with abused_server(tmp_path, idle_timeout_s=300, request_timeout_s=300) as server:
        yield server


def test_a_body_at_the_limit_is_read_to_its_end(patient: AbusedServer) -> None:
    with patient.serving_others():
        for body in (body_of(BODY_LIMIT), body_of(BODY_LIMIT - 1)):
            assert b" 200 " in answer_to(patient, request("ListStreams", body))
            assert b" 200 " in answer_to(
                patient, head("ListStreams", "Transfer-Encoding: chunked") + chunked(body)
            )


def test_a_body_over_the_limit_is_refused_however_it_comes(patient: AbusedServer) -> None:
    with patient.serving_others():
        for body in (body_of(BODY_LIMIT + 1), body_of(4 * BODY_LIMIT)):
            assert b" 413 " in answer_to(patient, request("ListStreams", body))
            as_chunks = head("ListStreams", "Transfer-Encoding: chunked") + chunked(body)
            assert b" 413 " in answer_to(patient, as_chunks)
        for announced in (BODY_LIMIT + 1, 2**40, 2**63):
            refused = answer_to(patient, head("PutRecord", f"Content-Length: {announced}"))
            assert b" 413 " in refused or b" 400 " in refused


def test_many_bodies_at_the_limit_do_not_add_up_when_they_never_end(abused: AbusedServer) -> None:
    """Each holds what it has sent, for as long as a request may take to arrive, and no longer."""
    unfinished = head("PutRecord", f"Content-Length: {BODY_LIMIT}") + body_of(BODY_LIMIT // 4)
    with abused.serving_others():
        connections = [abused.connect() for _ in range(10)]
        for connection in connections:
            trickle(connection, unfinished)
        assert all(map(is_closed, connections))


@pytest.mark.long
def test_bodies_that_add_up_to_more_than_there_is_room_for_are_dropped_before_their_time(
    patient: AbusedServer,
) -> None:
    unfinished = head("PutRecord", f"Content-Length: {BODY_LIMIT}") + body_of(BODY_LIMIT - 100)
    with patient.serving_others(growth_mib_max=1_000):
        connections = [patient.connect() for _ in range(45)]
        for connection in connections:
            connection.sendall(unfinished)
        assert is_closed(connections[0])
