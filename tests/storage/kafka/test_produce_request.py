"""The bytes of produce requests, with aiokafka's as the witness."""

from __future__ import annotations

import pytest
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7

from headwater.storage.kafka.broker_request import CLIENT_ID
from headwater.storage.kafka.produce_request import Produced, ProduceRequest

BATCHES = {"orders-1": b"a batch", "münzen": b"", "c": b"x" * 70_000}


def test_a_request_is_what_aiokafka_would_send() -> None:
    rows = [(topic, [(0, batch)]) for topic, batch in BATCHES.items()]
    witness = ProduceRequest_v7(None, -1, 4_000, rows)
    request = ProduceRequest(BATCHES, 4_000).prepare({ProduceRequest.API_KEY: (3, 12)})
    head = witness.build_request_header(correlation_id=7, client_id=CLIENT_ID)
    message = head.encode() + witness.encode()
    assert b"".join(request.pieces(7)) == len(message).to_bytes(4, "big") + message


def test_an_answer_is_read_as_aiokafka_writes_it() -> None:
    rows = [
        ("münzen", [(0, 0, 2**40, 1_700_000_000_000, 12)]),
        ("c", [(0, 47, -1, -1, -1)]),
        ("a", [(0, 6, -1, -1, -1)]),
    ]
    answer = ProduceResponse_v7(rows, 0).encode()
    assert ProduceRequest({}, 4_000).read(memoryview(answer)) == {
        "münzen": Produced(0, 2**40, 1_700_000_000_000),
        "c": Produced(47, -1, -1),
        "a": Produced(6, -1, -1),
    }


@pytest.mark.parametrize("versions", [{}, {0: (0, 6)}, {0: (8, 20)}])
def test_a_broker_without_this_version_is_not_asked(versions: dict[int, tuple[int, int]]) -> None:
    with pytest.raises(IncompatibleBrokerVersion):
        ProduceRequest(BATCHES, 4_000).prepare(versions)
