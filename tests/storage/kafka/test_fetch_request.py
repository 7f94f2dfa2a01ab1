"""The bytes of fetch requests, with aiokafka's as the witness."""

from __future__ import annotations

import struct

import pytest
from aiokafka.protocol.fetch import FetchRequest_v6, FetchResponse_v6

from headwater.storage.kafka.broker_request import CLIENT_ID
from headwater.storage.kafka.fetch_request import Fetched, FetchRequest

POSITIONS = {"orders-1": 0, "münzen": 2**40}
ROWS = [
    ("münzen", [(0, 0, 2**40 + 3, 2**40 + 3, 7, None, b"three records")]),
    ("c", [(0, 1, -1, -1, -1, [], None)]),
    ("orders-1", [(0, 0, 5, 5, 0, [(3, 4), (5, 6)], b"")]),
]


def test_a_request_is_what_aiokafka_would_send() -> None:
    rows = [(topic, [(0, position, -1, 1_000)]) for topic, position in POSITIONS.items()]
    witness = FetchRequest_v6(-1, 500, 1, 4_000, 0, rows)
    head = witness.build_request_header(correlation_id=7, client_id=CLIENT_ID)
    message = head.encode() + witness.encode()
    request = FetchRequest(POSITIONS, 1_000, 4_000, 500)
    assert b"".join(request.pieces(7)) == len(message).to_bytes(4, "big") + message


def test_an_answer_is_read_as_aiokafka_writes_it() -> None:
    answer = FetchResponse_v6(0, ROWS).encode()
    assert FetchRequest(POSITIONS, 1, 1, 0).read(memoryview(answer)) == {
        "münzen": Fetched(0, 2**40 + 3, 7, b"three records"),
        "c": Fetched(1, -1, -1, b""),
        "orders-1": Fetched(0, 5, 0, b""),
    }


def test_an_answer_that_is_cut_off_is_none() -> None:
    answer = FetchResponse_v6(0, ROWS[:1]).encode()
    for size in range(len(answer)):
        with pytest.raises((struct.error, UnicodeDecodeError)):
            FetchRequest(POSITIONS, 1, 1, 0).read(memoryview(answer)[:size])
