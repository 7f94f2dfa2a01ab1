import struct
from itertools import pairwise
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from headwater.model.instant import Instant
from headwater.wire.event_stream import (
    GREATEST_HEADERS_BYTES,
    GREATEST_PAYLOAD_BYTES,
    EventStreamDecoder,
    EventStreamMessage,
    HeaderValue,
    MalformedEventStream,
    encode_message,
    event,
    exception,
    initial_response,
)
from tests.tables import each

NAMES = st.text(min_size=1, max_size=40).filter(lambda name: len(name.encode()) < 256)
STRING_HEADERS = st.dictionaries(NAMES, st.text(), max_size=5)
MESSAGES = st.tuples(STRING_HEADERS, st.binary())
CUTS = st.lists(st.integers(0, 3000), max_size=12)

TYPED_VALUES = st.one_of(
    st.booleans().map(lambda value: (0 if value else 1, b"", value)),
    st.integers(-(2**7), 2**7 - 1).map(lambda value: (2, struct.pack(">b", value), value)),
    st.integers(-(2**15), 2**15 - 1).map(lambda value: (3, struct.pack(">h", value), value)),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: (4, struct.pack(">i", value), value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (5, struct.pack(">q", value), value)),
    st.binary().map(lambda value: (6, struct.pack(">H", len(value)) + value, value)),
    st.text().map(lambda value: (7, struct.pack(">H", len(value.encode())) + value.encode(), value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (8, struct.pack(">q", value), Instant(value))),
    st.uuids().map(lambda value: (9, value.bytes, value)),
)


def decoded(data: bytes) -> list[EventStreamMessage]:
    return EventStreamDecoder().feed(data)


def as_botocore_reads(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


def as_botocore_has_it(value: HeaderValue) -> object:
    if isinstance(value, Instant):
        return value.ms
    return value.bytes if isinstance(value, UUID) else value


def framed(headers: bytes, payload: bytes = b"", *, headers_bytes: int | None = None) -> bytes:
    """A message whose checksums are right, whatever its headers are."""
    headers_bytes = len(headers) if headers_bytes is None else headers_bytes
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), headers_bytes)
    head = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return head + struct.pack(">I", crc32(head))


def header(name: str, kind: int, value: bytes) -> bytes:
    return bytes((len(name.encode()),)) + name.encode() + bytes((kind,)) + value


def prelude(total_bytes: int, headers_bytes: int) -> bytes:
    lengths = struct.pack(">II", total_bytes, headers_bytes)
    return lengths + struct.pack(">I", crc32(lengths))


def fault(data: bytes) -> str:
    with pytest.raises(MalformedEventStream) as malformed:
        decoded(data)
    return str(malformed.value)


@given(st.lists(MESSAGES, max_size=4))
def test_botocore_reads_what_is_written(messages: list[tuple[dict[str, str], bytes]]) -> None:
    data = b"".join(encode_message(*message) for message in messages)
    assert as_botocore_reads(data) == messages


@given(st.lists(MESSAGES, max_size=4), CUTS)
def test_messages_survive_their_bytes_in_whatever_pieces_they_arrive(
    messages: list[tuple[dict[str, str], bytes]], cuts: list[int]
) -> None:
    data = b"".join(encode_message(*message) for message in messages)
    decoder = EventStreamDecoder()
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    arrived = [message for start, end in pairwise(bounds) for message in decoder.feed(data[start:end])]
    assert arrived == messages
    assert decoder.is_between_messages


@given(st.dictionaries(NAMES, TYPED_VALUES, max_size=5), st.binary())
def test_headers_of_every_type_are_read_as_botocore_reads_them(
    headers: dict[str, tuple[int, bytes, HeaderValue]], payload: bytes
) -> None:
    data = framed(b"".join(header(name, kind, raw) for name, (kind, raw, _) in headers.items()), payload)
    (message,) = decoded(data)
    assert message == ({name: value for name, (_, _, value) in headers.items()}, payload)
    assert {name: type(value) for name, value in message.headers.items()} == {
        name: type(value) for name, (_, _, value) in headers.items()
    }
    ((botocore_headers, botocore_payload),) = as_botocore_reads(data)
    assert botocore_headers == {name: as_botocore_has_it(value) for name, value in message.headers.items()}
    assert botocore_payload == payload


@given(st.binary(max_size=40), st.binary(max_size=10))
def test_whatever_the_headers_are_botocore_takes_them_if_we_do(headers: bytes, payload: bytes) -> None:
    data = framed(headers, payload)
    try:
        (message,) = decoded(data)
    except MalformedEventStream:
        return
    ((botocore_headers, botocore_payload),) = as_botocore_reads(data)
    assert botocore_headers == {name: as_botocore_has_it(value) for name, value in message.headers.items()}
    assert botocore_payload == message.payload


def test_the_bytes_of_a_message_are_those_of_the_format() -> None:
    json = "7b27666f6f273a27626172277d"
    content_type = "0c636f6e74656e742d74797065 07 0010 6170706c69636174696f6e2f6a736f6e"
    assert encode_message({}, b"") == bytes.fromhex("00000010 00000000 05c248eb 7d98c8ff")
    assert encode_message({}, b"{'foo':'bar'}") == bytes.fromhex(
        f"0000001d 00000000 fd528c5a {json} c3653936"
    )
    assert encode_message({"content-type": "application/json"}, b"{'foo':'bar'}") == bytes.fromhex(
        f"0000003d 00000020 07fd8396 {content_type} {json} 8d9c08b1"
    )


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (
            initial_response("application/x-amz-json-1.1", b"{}"),
            {
                ":message-type": "event",
                ":event-type": "initial-response",
                ":content-type": "application/x-amz-json-1.1",
            },
        ),
        (
            event("SubscribeToShardEvent", "application/json", b"{}"),
            {
                ":message-type": "event",
                ":event-type": "SubscribeToShardEvent",
                ":content-type": "application/json",
            },
        ),
        (
            exception("ResourceInUseException", "application/json", b"{}"),
            {
                ":message-type": "exception",
                ":exception-type": "ResourceInUseException",
                ":content-type": "application/json",
            },
        ),
    ],
    ids=["initial-response", "event", "exception"],
)
def test_each_kind_of_message_has_the_headers_that_clients_look_for(
    data: bytes, headers: dict[str, str]
) -> None:
    assert as_botocore_reads(data) == [(headers, b"{}")]


def test_a_message_that_has_not_wholly_arrived_is_waited_for() -> None:
    data = encode_message({"a": "b"}, b"payload")
    for length in range(1, len(data)):
        decoder = EventStreamDecoder()
        assert decoder.feed(data[:length]) == []
        assert not decoder.is_between_messages
        assert decoder.feed(data[length:]) == [({"a": "b"}, b"payload")]
        assert decoder.is_between_messages


def test_every_damaged_bit_is_noticed() -> None:
    data = encode_message({"a": "b"}, b"payload")
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert "checksum" in fault(bytes(damaged))


def test_after_an_error_no_byte_is_trusted() -> None:
    good, bad = encode_message({}, b"good"), b"\xff" * 12
    decoder = EventStreamDecoder()
    assert decoder.feed(good) == [({}, b"good")]
    for data in (bad, good, b""):
        with pytest.raises(MalformedEventStream, match="the checksum of a prelude does not match"):
            decoder.feed(data)


@pytest.mark.parametrize(
    ("total_bytes", "headers_bytes"),
    [
        (0, 0),
        (15, 0),
        (16, 1),
        (100, 85),
        (2**32 - 1, 0),
        (2**32 - 1, 2**32 - 1),
        (16 + GREATEST_HEADERS_BYTES + 1, GREATEST_HEADERS_BYTES + 1),
        (16 + GREATEST_PAYLOAD_BYTES + 1, 0),
    ],
)
def test_lengths_that_no_message_has_are_refused_before_the_message_arrives(
    total_bytes: int, headers_bytes: int
) -> None:
    assert fault(prelude(total_bytes, headers_bytes)) == (
        f"a message cannot have {total_bytes} bytes of which {headers_bytes} are headers"
    )


def test_the_greatest_lengths_are_waited_for() -> None:
    greatest = 16 + GREATEST_HEADERS_BYTES + GREATEST_PAYLOAD_BYTES
    assert decoded(prelude(greatest, GREATEST_HEADERS_BYTES)) == []
    assert decoded(prelude(16 + GREATEST_HEADERS_BYTES, GREATEST_HEADERS_BYTES)) == []


@each(
    ("headers", "text"),
    [
        (b"\0", "the headers of a message cannot be read"),
        (b"\1a", "the headers of a message cannot be read"),
        (b"\5a\7", "the headers of a message cannot be read"),
        (header("a", 10, b""), "the headers of a message cannot be read"),
        (header("a", 255, b""), "the headers of a message cannot be read"),
        (header("a", 2, b""), "the headers of a message cannot be read"),
        (header("a", 5, b"\0" * 7), "the headers of a message cannot be read"),
        (header("a", 7, b"\0"), "the headers of a message cannot be read"),
        (header("a", 7, b"\0\1\xff"), "the headers of a message cannot be read"),
        (header("a", 9, b"\0" * 15), "the headers of a message cannot be read"),
        (b"\1\xff\0", "the headers of a message cannot be read"),
        (header("a", 6, b"\0\2b"), "the last header of a message is cut off"),
        (header("a", 7, b"\0\2b"), "the last header of a message is cut off"),
        (header("a", 0, b"") + header("a", 1, b""), "a message has the header 'a' twice"),
    ],
)
def test_headers_that_cannot_be_read_are_refused(headers: bytes, text: str) -> None:
    assert fault(framed(headers)) == text


def test_a_value_does_not_reach_into_the_payload() -> None:
    assert "cut off" in fault(framed(header("a", 7, b"\0\4bc"), b"de"))


def test_the_greatest_message_survives_its_bytes() -> None:
    headers = {str(number): "x" * 32_750 for number in range(4)}
    payload = bytes(GREATEST_PAYLOAD_BYTES)
    assert decoded(encode_message(headers, payload)) == [(headers, payload)]


@pytest.mark.parametrize(
    "headers",
    [
        {"": "b"},
        {"a" * 256: "b"},
        {"é" * 128: "b"},
        {"a": "b" * 2**15},
        {str(number): "x" * 32_767 for number in range(4)},
    ],
    ids=["no name", "long name", "name long in bytes", "long value", "many"],
)
def test_headers_that_are_too_long_are_a_programming_error(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be that long"):
        encode_message(headers, b"")


def test_a_payload_that_is_too_long_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="cannot be that long"):
        encode_message({}, bytes(GREATEST_PAYLOAD_BYTES + 1))
