"""Thousands of connections, kept or thrown away: bounded memory for each, and everybody is answered."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

import pytest

from tests.abuse.abused_server import AbusedServer, abused_server, request

CONNECTIONS = 10_000
KIB_EACH_MAX = 24.0
GROWTH_MIB_MAX = KIB_EACH_MAX * CONNECTIONS / 1024
FILES_BESIDES = 500


def allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"needs {count} open files at once, and the limit is {hard}")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


@pytest.mark.long
def test_ten_thousand_connections_are_served_again_and_again(tmp_path: Path) -> None:
    allow_files(
        CONNECTIONS + FILES_BESIDES
    )  # before the server starts: it has the limit of whoever starts it
    call = request("ListStreams")
    with abused_server(tmp_path, idle_timeout_s=300) as patient, patient.serving_others(GROWTH_MIB_MAX):
        before = patient.memory_mib()
        connections = [patient.connect() for _ in range(CONNECTIONS)]
        for _ in range(2):
            for connection in connections:
                connection.sendall(call)
            for connection in connections:
                assert b" 200 " in connection.recv(4096)
        assert (patient.memory_mib() - before) * 1024 < KIB_EACH_MAX * CONNECTIONS


@pytest.mark.long
def test_a_flood_of_connections_that_are_thrown_away(abused: AbusedServer) -> None:
    with abused.serving_others():
        for serial in range(3_000):
            connection = abused.connect()
            with contextlib.suppress(ConnectionError):
                if serial % 3 == 0:
                    connection.sendall(request("ListStreams"))
                elif serial % 3 == 1:
                    connection.sendall(b"\x16\x03\x01" + b"\0" * 50)
            connection.close()
