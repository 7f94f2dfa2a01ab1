"""Frames of HTTP/2: their heads, kinds, flags and codes, and those that a server writes, as bytes.

RFC 9113, sections 4, 6 and 7.

Refuses to know what a frame does to a connection or a stream.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from struct import Struct

HEAD_BYTES = 9
FRAME_BYTES_MAX = 16 * 1024
"""How large a frame's payload may be when nothing is said about it."""
FRAME_SENT_BYTES_MAX = 0xFFFF
"""No larger frame is sent, whatever the client takes: others wait behind it."""
FRAME_BYTES_LIMIT = (1 << 24) - 1
WINDOW_BYTES_MAX = (1 << 31) - 1
WINDOW_BYTES = 65_535
"""How far a window is open when nothing is said about it."""
STREAM_ID_BITS = (1 << 31) - 1

read_head = Struct(">IBI").unpack_from
"""The payload's size and, in the lowest eight bits, the frame's kind; its flags; its stream."""
_head = Struct(">BHBBI").pack
_number = Struct(">I").pack
_setting = Struct(">HI")


class Kind(IntEnum):
    """What a frame is."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class ErrorCode(IntEnum):
    """Why a stream or a connection ends."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class SettingId(IntEnum):
    """What one side tells the other about itself."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


END_STREAM = ACK = 0x01
END_HEADERS = 0x04
PADDED = 0x08
PRIORITIZED = 0x20


def body_at(data: bytes, at: int, stream_id: int) -> tuple[bytes, int] | None:
    """The body that frames of a stream are from a position on, and what follows them.

    `None` where some are of another kind, of another stream, padded, empty, too large, or not there.
    """
    parts: list[memoryview] = []
    end = len(data)
    while end - at >= HEAD_BYTES:
        sized, flags, frame_stream_id = read_head(data, at)
        size, begin = sized >> 8, at + HEAD_BYTES
        at = begin + size
        if sized & 0xFF or flags > END_STREAM or frame_stream_id != stream_id:  # DATA is kind 0
            break
        if not 0 < size <= FRAME_BYTES_MAX or at > end:
            break
        if flags and not parts:
            return data[begin:at], at
        parts.append(memoryview(data)[begin:at])
        if flags:
            return b"".join(parts), at
    return None


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """A frame of up to 65,535 bytes."""
    return _head(0, len(payload), kind, flags, stream_id) + payload


def data_head(size: int, stream_id: int, *, ends: bool) -> bytes:
    """What stands before so many bytes of a body."""
    return _head(0, size, 0, ends, stream_id)


def headers(stream_id: int, block: bytes, size_max: int, *, ends: bool) -> bytes:
    """A header block in as many frames as it needs."""
    if len(block) <= size_max:
        return _head(0, len(block), 1, ends | END_HEADERS, stream_id) + block
    parts = [block[at : at + size_max] for at in range(0, len(block), size_max)]
    return b"".join(
        (
            frame(Kind.HEADERS, ends, stream_id, parts[0]),
            *(frame(Kind.CONTINUATION, 0, stream_id, part) for part in parts[1:-1]),
            frame(Kind.CONTINUATION, END_HEADERS, stream_id, parts[-1]),
        )
    )


def answer(stream_id: int, block: bytes, body: bytes) -> bytes:
    """A header block and the body that ends its stream, in one frame each."""
    head = _head(0, len(block), 1, END_HEADERS, stream_id)
    return head + block + _head(0, len(body), 0, END_STREAM, stream_id) + body


def rst_stream(stream_id: int, code: int) -> bytes:
    """The end of a stream before its time."""
    return frame(Kind.RST_STREAM, 0, stream_id, _number(code))


def settings(values: dict[SettingId, int]) -> bytes:
    """What this side tells of itself."""
    return frame(Kind.SETTINGS, 0, 0, b"".join(_setting.pack(*item) for item in values.items()))


@lru_cache
def first_words(
    concurrent_streams: int, stream_window_bytes: int, header_list_bytes: int, window_bytes: int
) -> bytes:
    """What a server says first on each connection."""
    said = {
        SettingId.MAX_CONCURRENT_STREAMS: concurrent_streams,
        SettingId.INITIAL_WINDOW_SIZE: stream_window_bytes,
        SettingId.MAX_HEADER_LIST_SIZE: header_list_bytes,
    }
    return settings(said) + window_update(0, window_bytes - WINDOW_BYTES)


SETTINGS_ACK = frame(Kind.SETTINGS, ACK, 0, b"")


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return frame(Kind.PING, ACK, 0, payload)


def goaway(last_stream_id: int, code: int) -> bytes:
    """No stream after this one is looked at."""
    return frame(Kind.GOAWAY, 0, 0, _number(last_stream_id) + _number(code))


def window_update(stream_id: int, increment: int) -> bytes:
    """So much more may be sent on a stream; on 0, on all together."""
    return frame(Kind.WINDOW_UPDATE, 0, stream_id, _number(increment))


def read_settings(payload: bytes) -> dict[int, int]:
    """The settings of a frame, the last of each; a whole number of them."""
    return dict(_setting.iter_unpack(payload))
