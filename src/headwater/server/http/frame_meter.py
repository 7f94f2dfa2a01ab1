"""How much unproductive work an HTTP/2 client may cause.

The abuse that the protocol is known for (rapid resets, floods of pings, settings, priorities,
window updates and empty frames) is paid for before anything else is done about it.

Rules:
- what brings no request is paid for, from an account that fills up again with time;
- a client earns the window updates for what it was sent.

Refuses to know what frames mean.
"""

from __future__ import annotations

from headwater.server.http.http2_frames import Kind

OTHER = -1
"""Stands for the kinds of frames that HTTP/2 itself does not have."""

COSTS: dict[int, int] = {
    Kind.DATA: 10,
    Kind.HEADERS: 0,
    Kind.PRIORITY: 10,
    Kind.RST_STREAM: 30,
    Kind.SETTINGS: 10,
    Kind.PING: 10,
    Kind.WINDOW_UPDATE: 3,
    Kind.CONTINUATION: 0,
    Kind.GOAWAY: 10,
    OTHER: 10,
}
"""Of DATA, of a frame without data; one with data is free."""
CAPACITY = 30_000
"""A thousand resets at once, as when a program with so many subscriptions ends them."""
REFILL_PER_S = 1000
DATA_FRAME_EARNING = 12


class Flood(Exception):
    """The client has caused too much work that leads to nothing."""


class FrameMeter:
    """Watches what one client sends."""

    def __init__(self, now_s: float) -> None:
        self._left = CAPACITY
        self._filled_s = now_s
        self.data_frames_sent = 0
        """Frames that the client was sent, and may acknowledge, since it spent the last time."""

    def spend(self, kind: int) -> None:
        """A frame has come that brings no request, or has made the server send one. Raises `Flood`."""
        self.pay(COSTS[kind])

    def pay(self, cost: int) -> None:
        """So much was spent, on several frames. Raises `Flood`."""
        earned, self.data_frames_sent = self.data_frames_sent * DATA_FRAME_EARNING, 0
        self._left = min(CAPACITY, self._left + earned) - cost
        if self._left < 0:
            raise Flood

    def refill(self, now_s: float) -> None:
        """Time has passed."""
        self._left = min(CAPACITY, self._left + int((now_s - self._filled_s) * REFILL_PER_S))
        self._filled_s = now_s
