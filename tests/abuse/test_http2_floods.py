"""What HTTP/2 lets a client ask for without end: the server ends the connection, and others are served."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import count
from struct import pack

import pytest
from hpack import Encoder

from tests.abuse.abused_server import AbusedServer, is_closed, trickle
from tests.abuse.raw_http2 import (
    CONTINUATION,
    DATA,
    HEADERS,
    PING,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    opening,
    request_head,
    reset,
)
from tests.crash.server_process import HEADERS as FIELDS

pytestmark = pytest.mark.long

FRAMES = 50_000
FIELDS_2 = {name.lower(): value for name, value in FIELDS.items()}


def rapid_resets() -> Iterator[bytes]:
    """Requests that are taken back at once."""
    encoder = Encoder()
    for stream_id in count(1, 2):
        yield request_head(encoder, stream_id, ends=True, fields=FIELDS_2) + reset(stream_id)


def streams_without_end() -> Iterator[bytes]:
    """More requests at once than anybody may have, none of them whole."""
    encoder = Encoder()
    for stream_id in count(1, 2):
        yield request_head(encoder, stream_id, ends=False, fields=FIELDS_2)


def settings() -> Iterator[bytes]:
    """Settings, each to be acknowledged."""
    for size in count(16_384):
        yield frame(SETTINGS, 0, 0, pack(">HI", 5, size % 65_536 + 16_384))


def pings() -> Iterator[bytes]:
    """Pings, each to be answered."""
    for serial in count():
        yield frame(PING, 0, 0, pack(">Q", serial))


def empty_data() -> Iterator[bytes]:
    """Parts of a body that have nothing in them."""
    yield request_head(Encoder(), 1, ends=False, fields=FIELDS_2)
    while True:
        yield frame(DATA, 0, 1)


def windows() -> Iterator[bytes]:
    """Windows that are opened a little."""
    while True:
        yield frame(WINDOW_UPDATE, 0, 0, pack(">I", 1))


def headers_without_end() -> Iterator[bytes]:
    """A head that goes on and on."""
    yield frame(HEADERS, 0, 1, b"\x82")
    while True:
        yield frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 100)


FLOODS = [rapid_resets, streams_without_end, settings, pings, empty_data, windows, headers_without_end]


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.__name__)
def test_a_flood_of_frames_ends_its_connection_only(
    abused: AbusedServer, flood: Callable[[], Iterator[bytes]]
) -> None:
    with abused.serving_others():
        connection = abused.connect()
        trickle(connection, opening())
        frames = flood()
        with contextlib.suppress(ConnectionError):
            for _ in range(FRAMES // 100):
                connection.sendall(b"".join(next(frames) for _ in range(100)))
        assert is_closed(connection)


def test_a_client_whose_windows_stay_closed_holds_little(abused: AbusedServer) -> None:
    iterator = abused.fill(12, 700_000)
    body = b'{"ShardIterator": "%b"}' % iterator.encode()
    fields = FIELDS_2 | {"x-amz-target": "Kinesis_20131202.GetRecords"}
    with abused.serving_others():
        connection, encoder = abused.connect(), Encoder()
        trickle(connection, opening())
        for stream_id in range(1, 400, 2):
            trickle(connection, request_head(encoder, stream_id, ends=False, fields=fields))
            trickle(connection, frame(DATA, 1, stream_id, body))
        assert is_closed(connection)
