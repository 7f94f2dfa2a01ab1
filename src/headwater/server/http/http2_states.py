"""The states of an HTTP/2 stream and of its connection, as tables.

RFC 9113, section 5.1, as a server sees it that pushes nothing:

                    HEADERS
            IDLE ────────────► OPEN
                              │    │
         the client's END ◄───┘    └───► the server's END
                  │                           │
                  ▼                           ▼
         HALF_CLOSED_REMOTE           HALF_CLOSED_LOCAL
                  │                           │
          the server's END ───► CLOSED ◄─── the client's END, or its RESET from anywhere

         the server's RESET from anywhere ───► RESET

Rules:
- `RECEIVED` has what the client may do, and the phase after it; what is not there is in `FAULTS`,
  with what comes of it: a fault of the stream resets it, one of the connection ends all;
- `SENT` has what the server does; what is not there would be a fault of its own;
- frames may cross a reset of the server's on their way: in RESET all is ignored;
- a stream that was passed over can never be opened;
- of the connection, `ALLOWED` has the frames that may come next where not all may.

Refuses to know bytes and windows.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from headwater.server.http.http2_frames import ErrorCode, Kind


class Phase(IntEnum):
    """Where a stream is in its life."""

    IDLE = 0
    OPEN = 1
    HALF_CLOSED_REMOTE = 2
    """The request is whole, its answer is not."""
    HALF_CLOSED_LOCAL = 3
    """The answer is whole, its request is not."""
    CLOSED = 4
    RESET = 5
    """By the server."""
    PASSED_OVER = 6
    """Never opened, and one with a higher number was."""


class Act(IntEnum):
    """What either side does on a stream."""

    HEADERS = 0
    DATA = 1
    END = 2
    RESET = 3
    WINDOW = 4


class Fault(NamedTuple):
    """What comes of an act that a phase does not allow."""

    ends_connection: bool
    code: ErrorCode


IDLE, OPEN, CLOSED, RESET = Phase.IDLE, Phase.OPEN, Phase.CLOSED, Phase.RESET
REMOTE, LOCAL, PASSED_OVER = Phase.HALF_CLOSED_REMOTE, Phase.HALF_CLOSED_LOCAL, Phase.PASSED_OVER

RECEIVED: dict[Phase, dict[Act, Phase]] = {
    IDLE: {Act.HEADERS: OPEN},
    OPEN: {Act.HEADERS: OPEN, Act.DATA: OPEN, Act.END: REMOTE, Act.RESET: CLOSED, Act.WINDOW: OPEN},
    REMOTE: {Act.RESET: CLOSED, Act.WINDOW: REMOTE},
    LOCAL: {Act.HEADERS: LOCAL, Act.DATA: LOCAL, Act.END: CLOSED, Act.RESET: CLOSED, Act.WINDOW: LOCAL},
    CLOSED: {Act.RESET: CLOSED, Act.WINDOW: CLOSED},
    RESET: dict.fromkeys(Act, RESET),
    PASSED_OVER: {Act.RESET: PASSED_OVER, Act.WINDOW: PASSED_OVER},
}

TOO_EARLY = Fault(ends_connection=True, code=ErrorCode.PROTOCOL_ERROR)
AFTER_END = Fault(ends_connection=False, code=ErrorCode.STREAM_CLOSED)
AFTER_CLOSE = Fault(ends_connection=True, code=ErrorCode.STREAM_CLOSED)

FAULTS: dict[Phase, dict[Act, Fault]] = {
    IDLE: dict.fromkeys((Act.DATA, Act.RESET, Act.WINDOW), TOO_EARLY),
    REMOTE: dict.fromkeys((Act.HEADERS, Act.DATA), AFTER_END),
    CLOSED: dict.fromkeys((Act.HEADERS, Act.DATA), AFTER_CLOSE),
    PASSED_OVER: dict.fromkeys((Act.HEADERS, Act.DATA), TOO_EARLY),
}

SENT: dict[Phase, dict[Act, Phase]] = {
    OPEN: {Act.END: LOCAL, Act.RESET: RESET},
    REMOTE: {Act.END: CLOSED, Act.RESET: RESET},
    LOCAL: {Act.RESET: RESET},
}


class ConnectionPhase(IntEnum):
    """Where a connection is in its life."""

    BEGINNING = 0
    """The client's settings are still to come."""
    READY = 1
    IN_BLOCK = 2
    """A header block goes on."""
    ENDED = 3
    """By an error; nothing is read any more."""


ALLOWED: dict[ConnectionPhase, frozenset[int]] = {
    ConnectionPhase.BEGINNING: frozenset({Kind.SETTINGS}),
    ConnectionPhase.READY: frozenset(range(256)) - {Kind.PUSH_PROMISE, Kind.CONTINUATION},
    ConnectionPhase.IN_BLOCK: frozenset({Kind.CONTINUATION}),
    ConnectionPhase.ENDED: frozenset(),
}
