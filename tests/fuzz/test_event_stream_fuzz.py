"""Event streams that no server sends: the one named error, in little memory."""

import struct
import tracemalloc
from random import Random
from zlib import crc32

import pytest

from headwater.wire.event_stream import (
    EventStreamDecoder,
    MalformedEventStream,
    encode_message,
    event,
    exception,
    initial_response,
)
from tests.fuzz.mutation import mutated

SEED = 20131202
HEADERS = b"\1a\0\1b\1\1c\2\1\1d\3\0\1\1e\4\0\0\0\1\1f\5\0\0\0\0\0\0\0\1\1g\6\0\1g\1h\7\0\1h\1i\x08" + bytes(
    8
)
STREAMS = [
    initial_response("application/json", b"{}"),
    event("SubscribeToShardEvent", "application/json", b'{"Records":[]}'),
    exception("ResourceInUseException", "application/json", b"{}"),
    encode_message({}, b"") * 3,
]
PARTS = [HEADERS, HEADERS + b"\1j\x09" + bytes(16), b"\1a\7\0\3abc", b""]


def framed(chance: Random) -> bytes:
    """Damaged headers in a frame whose checksums are right, so that they are looked at."""
    headers, payload = mutated(chance, PARTS), chance.randbytes(chance.randrange(20))
    declared = len(headers) + chance.choice((0, 0, 0, 0, 1, -1))
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), max(declared, 0))
    head = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return head + struct.pack(">I", crc32(head))


def throw(seed: int, count: int) -> int:
    """Let decoders have so many damaged streams, in pieces; tells how many messages came out."""
    chance = Random(seed)
    taken = 0
    for _ in range(count):
        data = framed(chance) if chance.random() < 0.5 else mutated(chance, STREAMS)
        decoder = EventStreamDecoder()
        step = chance.choice((1, 7, 1000))
        try:
            for start in range(0, len(data), step):
                taken += len(decoder.feed(data[start : start + step]))
        except MalformedEventStream as error:
            assert str(error)  # noqa: PT017 - the other outcome is no failure
    return taken


def test_damaged_streams_get_no_more_than_the_named_error() -> None:
    assert throw(SEED, 5_000) > 500


@pytest.mark.long
def test_many_damaged_streams_get_no_more_than_the_named_error() -> None:
    assert throw(SEED + 1, 300_000) > 30_000


def test_a_decoder_keeps_no_more_than_has_arrived() -> None:
    lengths = struct.pack(">II", 2**24, 2**10)
    greedy = lengths + struct.pack(">I", crc32(lengths))
    small = encode_message({"a": "b"}, b"payload")
    decoder = EventStreamDecoder()
    tracemalloc.start()
    try:
        for _ in range(2_000):
            decoder.feed(small)
        EventStreamDecoder().feed(greedy)
        assert tracemalloc.get_traced_memory()[1] < 2**16
    finally:
        tracemalloc.stop()
