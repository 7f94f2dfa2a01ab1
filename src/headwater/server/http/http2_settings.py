"""What an HTTP/2 client says of itself: its settings, and the frames that many say in the same bytes.

Rules:
- settings are one value, and a frame makes the next one of it: RFC 9113, section 6.5;
- a client begins each of its connections with the same bytes, so what they come to is remembered by them;
- what is said for no stream and changes no settings, as some clients do at the end, is known beforehand.

Refuses to know what settings do to streams.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from headwater.server.http.frame_meter import COSTS
from headwater.server.http.hpack import TABLE_BYTES
from headwater.server.http.http2_events import ConnectionFault
from headwater.server.http.http2_frames import (
    FRAME_BYTES_LIMIT,
    FRAME_BYTES_MAX,
    FRAME_SENT_BYTES_MAX,
    HEAD_BYTES,
    SETTINGS_ACK,
    WINDOW_BYTES,
    WINDOW_BYTES_MAX,
    ErrorCode,
    Kind,
    SettingId,
    goaway,
    read_head,
    read_settings,
)
from headwater.server.http.protocol_detector import HTTP2_PREFACE

OPENINGS_MAX = 16
OPENING_BYTES_MAX = 256
"""A client that says more before its first request is read each time."""


class ClientSettings(NamedTuple):
    """What a client has said so far, as far as it matters."""

    frame_bytes: int = FRAME_BYTES_MAX
    """How large a frame may be that is sent."""
    stream_window: int = WINDOW_BYTES
    """Of a stream at its beginning."""
    has_small_table: bool = False
    """It wants a smaller table than it had, and must hear that its wish is heard."""


@lru_cache
def next_settings(before: ClientSettings, payload: bytes) -> ClientSettings:
    """The settings after a frame. Raises `ConnectionFault`."""
    if len(payload) % 6:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR)
    said = read_settings(payload)
    if said.get(SettingId.ENABLE_PUSH, 0) > 1:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
    frame_bytes = said.get(SettingId.MAX_FRAME_SIZE, before.frame_bytes)
    if not FRAME_BYTES_MAX <= frame_bytes <= FRAME_BYTES_LIMIT:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR)
    window = said.get(SettingId.INITIAL_WINDOW_SIZE, before.stream_window)
    if window > WINDOW_BYTES_MAX:
        raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR)
    table_bytes = said.get(SettingId.HEADER_TABLE_SIZE, TABLE_BYTES)
    return ClientSettings(
        min(frame_bytes, FRAME_SENT_BYTES_MAX), window, before.has_small_table or table_bytes < TABLE_BYTES
    )


class Opening(NamedTuple):
    """How a client begins: the preface and its first frames, all of settings."""

    said: bytes
    settings: ClientSettings
    frames: int


class Openings:
    """Those that were met."""

    def __init__(self) -> None:
        self._known: list[Opening] = []

    def of(self, data: bytes) -> Opening | None:
        """How the first bytes of a connection begin."""
        for known in self._known:
            if data.startswith(known.said):
                return known
        opening = _read_opening(data)
        if opening is not None:
            self._known = [opening, *self._known][:OPENINGS_MAX]
        return opening


def _read_opening(data: bytes) -> Opening | None:
    """The opening that the data begin with, if it is one without fault."""
    settings, frames, at = ClientSettings(), 0, len(HTTP2_PREFACE)
    if not data.startswith(HTTP2_PREFACE):
        return None
    while len(data) >= at + HEAD_BYTES:
        sized, flags, stream_id = read_head(data, at)
        after = at + HEAD_BYTES + (sized >> 8)
        if sized & 0xFF != Kind.SETTINGS or flags or stream_id or after > min(len(data), OPENING_BYTES_MAX):
            break
        try:
            settings = next_settings(settings, data[at + HEAD_BYTES : after])
        except ConnectionFault:
            return None
        frames, at = frames + 1, after
    return Opening(data[:at], settings, frames) if frames else None


opening_of = Openings().of

_GOODBYE = goaway(0, ErrorCode.NO_ERROR)
"""A client's, to whose last stream the server has opened none."""
SAID_ALONE: dict[bytes, tuple[int, bool]] = {
    acknowledged + goodbyes: (
        COSTS[Kind.SETTINGS] * bool(acknowledged) + COSTS[Kind.GOAWAY] * (len(goodbyes) // len(_GOODBYE)),
        bool(goodbyes),
    )
    for acknowledged in (b"", SETTINGS_ACK)
    for goodbyes in (b"", _GOODBYE, _GOODBYE + _GOODBYE)
    if acknowledged or goodbyes
}
"""What such frames cost, and whether the client leaves, by all that comes at once."""
SAID_ALONE_BYTES_MAX = max(map(len, SAID_ALONE))
