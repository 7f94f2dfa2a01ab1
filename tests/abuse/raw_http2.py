"""Frames of HTTP/2, one by one, as no library would send them."""

from __future__ import annotations

from struct import pack

from hpack import Encoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL = 8


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return pack(">I", len(payload))[1:] + bytes((kind, flags)) + pack(">I", stream_id) + payload


def opening() -> bytes:
    return PREFACE + frame(SETTINGS, 0, 0)


def request_head(encoder: Encoder, stream_id: int, *, ends: bool, fields: dict[str, str]) -> bytes:
    """HEADERS of a POST."""
    pseudo = {":method": "POST", ":scheme": "http", ":authority": "localhost", ":path": "/"}
    block = encoder.encode(list((pseudo | fields).items()))
    return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream_id, block)


def reset(stream_id: int) -> bytes:
    return frame(RST_STREAM, 0, stream_id, pack(">I", CANCEL))
