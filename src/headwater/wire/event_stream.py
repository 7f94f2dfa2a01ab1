"""AWS's `application/vnd.amazon.eventstream`: messages to bytes and back.

    total length (4) | headers' length (4) | CRC of these 8 (4) | headers | payload | CRC of all before (4)

and a header is: length of name (1), name, type (1), value. Numbers are big-endian,
the CRCs are CRC-32. We write headers of type string alone; the decoder knows all ten.

Rules:
- a message has no header twice, at most 128 KiB of headers and 24 MiB of payload, so
  that a decoder never keeps more than that;
- the decoder raises one error, `MalformedEventStream`, whatever is wrong; nothing
  after it can be trusted, so it raises that again for all further bytes.

This module refuses to know what a payload means, and sockets.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from headwater.model.instant import Instant

CONTENT_TYPE = "application/vnd.amazon.eventstream"
GREATEST_HEADERS_BYTES = 128 * 1024
GREATEST_PAYLOAD_BYTES = 24 * 1024 * 1024

INITIAL_RESPONSE = "initial-response"

HeaderValue = bool | int | bytes | str | Instant | UUID

_PRELUDE = struct.Struct(">III")
_LENGTHS = struct.Struct(">II")
_CRC = struct.Struct(">I")
_LENGTH_16 = struct.Struct(">H")
_FRAME_BYTES = _PRELUDE.size + _CRC.size
_STRING_TYPE = 7
_GREATEST_STRING_BYTES = 2**15 - 1


class MalformedEventStream(ValueError):
    """The bytes are no event stream; the message says what is wrong."""


class EventStreamMessage(NamedTuple):
    """One message of a stream."""

    headers: dict[str, HeaderValue]
    payload: bytes


def initial_response(content_type: str, payload: bytes) -> bytes:
    """The message that opens an answer's stream; its payload is the answer itself."""
    return event(INITIAL_RESPONSE, content_type, payload)


def event(event_type: str, content_type: str, payload: bytes) -> bytes:
    """The message of an event; its type is the member's name in the API's stream structure."""
    return encode_message(
        {":message-type": "event", ":event-type": event_type, ":content-type": content_type}, payload
    )


def exception(exception_type: str, content_type: str, payload: bytes) -> bytes:
    """The message of an error of the API's, which ends the stream."""
    return encode_message(
        {":message-type": "exception", ":exception-type": exception_type, ":content-type": content_type},
        payload,
    )


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """The bytes of a message. Raises `ValueError` for what is too long to be one."""
    encoded_headers = _encoded_headers(tuple(headers.items()))
    if len(encoded_headers) > GREATEST_HEADERS_BYTES or len(payload) > GREATEST_PAYLOAD_BYTES:
        raise ValueError("a message cannot be that long")
    lengths = _LENGTHS.pack(_FRAME_BYTES + len(encoded_headers) + len(payload), len(encoded_headers))
    head = lengths + _CRC.pack(crc32(lengths)) + encoded_headers
    return b"".join((head, payload, _CRC.pack(crc32(payload, crc32(head)))))


@lru_cache(maxsize=64)
def _encoded_headers(headers: tuple[tuple[str, str], ...]) -> bytes:
    """Those of all events of one type are the same."""
    return b"".join(_encoded_header(name, value) for name, value in headers)


def _encoded_header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    if not 0 < len(name_bytes) < 256 or len(value_bytes) > _GREATEST_STRING_BYTES:
        raise ValueError("a header cannot be that long")
    length = _LENGTH_16.pack(len(value_bytes))
    return b"".join((bytes((len(name_bytes),)), name_bytes, bytes((_STRING_TYPE,)), length, value_bytes))


class EventStreamDecoder:
    """Messages from bytes as they arrive, in pieces of any length."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._needed_bytes = _PRELUDE.size
        self._fault: str | None = None

    @property
    def is_between_messages(self) -> bool:
        """Whether a stream that ends here is whole."""
        return not self._unread

    def feed(self, data: bytes) -> list[EventStreamMessage]:
        """The messages that are complete with these bytes. Raises `MalformedEventStream`."""
        if self._fault is not None:
            raise MalformedEventStream(self._fault)
        self._unread += data
        try:
            return self._complete_messages()
        except MalformedEventStream as error:
            self._fault = str(error)
            self._unread.clear()
            raise

    def _complete_messages(self) -> list[EventStreamMessage]:
        messages: list[EventStreamMessage] = []
        start = 0
        while len(self._unread) - start >= self._needed_bytes:
            # The first bytes, before a message's length is known, are its prelude.
            total_bytes = _total_bytes(self._unread, start)
            if len(self._unread) - start < total_bytes:
                self._needed_bytes = total_bytes
                break
            messages.append(_message(bytes(self._unread[start : start + total_bytes])))
            self._needed_bytes = _PRELUDE.size
            start += total_bytes
        del self._unread[:start]
        return messages


def _total_bytes(data: bytearray, start: int) -> int:
    """The length of the message whose prelude is there."""
    total_bytes, headers_bytes, crc = _PRELUDE.unpack_from(data, start)
    if crc32(data[start : start + _LENGTHS.size]) != crc:
        raise MalformedEventStream("the checksum of a prelude does not match")
    payload_bytes = total_bytes - headers_bytes - _FRAME_BYTES
    if headers_bytes > GREATEST_HEADERS_BYTES or not 0 <= payload_bytes <= GREATEST_PAYLOAD_BYTES:
        raise MalformedEventStream(
            f"a message cannot have {total_bytes} bytes of which {headers_bytes} are headers"
        )
    return int(total_bytes)


def _message(data: bytes) -> EventStreamMessage:
    """The message in its bytes, of which the prelude is known to be right."""
    checked = memoryview(data)[: -_CRC.size]
    if crc32(checked) != _CRC.unpack_from(data, len(checked))[0]:
        raise MalformedEventStream("the checksum of a message does not match")
    headers_end = _PRELUDE.size + _LENGTHS.unpack_from(data)[1]
    headers = _decoded_headers(data[_PRELUDE.size : headers_end])
    return EventStreamMessage(headers, data[headers_end : len(checked)])


def _decoded_headers(data: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name = data[at + 1 : name_end].decode()
            value, at = _VALUE_READERS[data[name_end]](data, name_end + 1)
            if name in headers:
                raise MalformedEventStream(f"a message has the header {name!r} twice")
            headers[name] = value
    except (IndexError, KeyError, UnicodeDecodeError, struct.error):
        raise MalformedEventStream("the headers of a message cannot be read") from None
    if at != len(data):
        raise MalformedEventStream("the last header of a message is cut off")
    return headers


_ValueReader = Callable[[bytes, int], tuple[HeaderValue, int]]
"""Gives a header's value and the position after it, which for a string that is cut off is behind the end."""


def _true(_data: bytes, at: int) -> tuple[bool, int]:
    return True, at


def _false(_data: bytes, at: int) -> tuple[bool, int]:
    return False, at


def _number(form: str) -> Callable[[bytes, int], tuple[int, int]]:
    layout = struct.Struct(form)

    def read(data: bytes, at: int) -> tuple[int, int]:
        (number,) = layout.unpack_from(data, at)
        return number, at + layout.size

    return read


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    start = at + _LENGTH_16.size
    end = start + _LENGTH_16.unpack_from(data, at)[0]
    return data[start:end], end


def _string(data: bytes, at: int) -> tuple[str, int]:
    value, end = _bytes(data, at)
    return value.decode(), end


_long = _number(">q")


def _timestamp(data: bytes, at: int) -> tuple[Instant, int]:
    ms, end = _long(data, at)
    return Instant(ms), end


def _uuid(data: bytes, at: int) -> tuple[UUID, int]:
    (value,) = struct.unpack_from("16s", data, at)
    return UUID(bytes=value), at + 16


_VALUE_READERS: dict[int, _ValueReader] = {
    0: _true,
    1: _false,
    2: _number(">b"),
    3: _number(">h"),
    4: _number(">i"),
    5: _long,
    6: _bytes,
    _STRING_TYPE: _string,
    8: _timestamp,
    9: _uuid,
}
"""By the number of a header's type."""
