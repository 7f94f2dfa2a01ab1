"""What a client does on an HTTP/2 connection, as the protocol tells it to the connection.

Refuses to know how it was said, and what is done about an event.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from headwater.server.http.http2_frames import ErrorCode
from headwater.server.http.http2_stream import Http2Stream


class Happening(IntEnum):
    """What an event tells of."""

    BEGUN = 0
    """A request's head has come."""
    BODY = 1
    """A part of its body."""
    WHOLE = 2
    """Its end."""
    RESET = 3
    """A stream was reset, by either side. Of a read it is told first: nothing more can be sent on the stream,
    whatever else has come that would lead to that."""
    WINDOW = 4
    """More may be sent on this stream, or on all together."""
    WINDOWS = 5
    """The windows of all streams are others."""
    LEAVING = 6
    """The client will open no further stream."""
    REQUEST = 7
    """A request has come at once, with its head, its body and its end: BEGUN, BODY and WHOLE in one."""


class Event(NamedTuple):
    """Something that the client did."""

    happening: Happening
    stream: Http2Stream | None
    data: bytes


class ConnectionFault(Exception):
    """The client has broken HTTP/2: the connection ends. Its GOAWAY waits in `take`."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.code = code


class StreamFault(Exception):
    """The client has broken HTTP/2 on one stream."""

    def __init__(self, stream_id: int, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.stream_id = stream_id
        self.code = code
