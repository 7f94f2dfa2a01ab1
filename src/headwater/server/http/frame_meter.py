"""How much unproductive work an HTTP/2 client may cause, and how large its frames may be.

`FrameMeter` looks at the heads of frames as they arrive, before anything else is done
about them: the abuse that the protocol is known for (rapid resets, floods of pings,
settings, priorities, window updates and empty frames) costs no more than a look.

Rules:
- what brings no request is paid for, from an account that fills up again with time;
- a client earns the window updates for what it was sent.

Refuses to know what frames mean, and checks nothing about them but their size.
"""

from __future__ import annotations

from headwater.server.http.protocol_detector import HTTP2_PREFACE

FRAME_BYTES_MAX = 16 * 1024
"""What a server that says nothing about it accepts."""
HEAD_BYTES = 9
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PING, WINDOW_UPDATE, CONTINUATION = 6, 8, 9
END_STREAM = 0x01

COSTS = {
    DATA: 0,
    HEADERS: 0,
    PRIORITY: 10,
    RST_STREAM: 30,
    SETTINGS: 10,
    PING: 10,
    WINDOW_UPDATE: 3,
    CONTINUATION: 0,
}
OTHER_COST = 10
"""Of frames not in the table, and of DATA frames without data."""
CAPACITY = 30_000
"""A thousand resets at once, as when a program with so many subscriptions ends them."""
REFILL_PER_S = 1000
DATA_FRAME_EARNING = 12


class FrameTooLarge(Exception):
    """A frame is larger than the client may send."""


class Flood(Exception):
    """The client has caused too much work that leads to nothing."""


class FrameMeter:
    """Watches what one client sends."""

    def __init__(self, now_s: float) -> None:
        self._left = CAPACITY
        self._filled_s = now_s
        self._begun = b""
        """The beginning of a frame's head."""
        self._skipped_bytes = len(HTTP2_PREFACE)
        """What comes before the next frame's head."""

    def watch(self, data: bytes) -> None:
        """Look at what has arrived. Raises `FrameTooLarge` or `Flood`."""
        if self._begun:
            data = self._begun + data
        at, end = self._skipped_bytes, len(data)
        while end - at >= HEAD_BYTES:
            size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            kind = data[at + 3]
            if size > FRAME_BYTES_MAX:
                raise FrameTooLarge
            cost = COSTS.get(kind, OTHER_COST)
            if not size and kind == DATA and not data[at + 4] & END_STREAM:
                cost = OTHER_COST
            self._left -= cost
            at += HEAD_BYTES + size
        self._begun, self._skipped_bytes = data[at:], max(at - end, 0)
        if self._left < 0:
            raise Flood

    def spend_reset(self) -> None:
        """The client has made the server reset a stream. The next look finds a flood of these."""
        self._left -= COSTS[RST_STREAM]

    def earn(self, data_frames: int) -> None:
        """The client was sent so many frames that it may acknowledge."""
        self._left = min(CAPACITY, self._left + data_frames * DATA_FRAME_EARNING)

    def refill(self, now_s: float) -> None:
        """Time has passed."""
        self._left = min(CAPACITY, self._left + int((now_s - self._filled_s) * REFILL_PER_S))
        self._filled_s = now_s
