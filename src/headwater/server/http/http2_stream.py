"""One stream of an HTTP/2 connection: a request that arrives, and its answer as far as it waits.

Refuses to know frames and the other streams.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from headwater.server.http.exchange import BodySource, HttpRequest
from headwater.server.http.http2_heads import ABSENT, RequestHead
from headwater.server.http.http2_states import Phase

SMALL_PART_BYTES = 1024
"""Smaller parts of a body are put together: each alone would take several times its size."""
JOINED_PART_BYTES = 16 * 1024

_new_request = tuple.__new__
"""A third of the time of `HttpRequest(...)`."""


class Hold:
    """An answer that is held back. Calls `on_gone` if the client goes first."""

    def __init__(self, on_gone: Callable[[], None]) -> None:
        self._on_gone = on_gone
        self.is_over = False

    def end(self) -> None:
        """It is waited for no longer."""
        self.is_over = True

    def stop(self) -> None:
        """The client has gone."""
        if not self.is_over:
            self.is_over = True
            self._on_gone()


class Sender(Protocol):
    """What a stream needs from its connection."""

    def send(self, stream: Http2Stream, data: bytes) -> None:
        """Send `data` as soon as the client lets it."""

    def send_end(self, stream: Http2Stream) -> None:
        """End the body after that."""

    def break_off(self, stream: Http2Stream) -> None:
        """Reset the stream; what waits is not sent."""


class Http2Stream:
    """A request and its answer. For the source of a streamed answer, the writer of its body."""

    __slots__ = (
        "body_bytes",
        "body_parts",
        "ended",
        "head",
        "held_bytes",
        "hold",
        "id",
        "is_whole",
        "kept_bytes",
        "outgoing",
        "paused",
        "phase",
        "receive_window",
        "send_window",
        "sender",
        "since_s",
        "source",
        "was_reset",
    )

    def __init__(self, stream_id: int, head: RequestHead, receive_window: int, send_window: int) -> None:
        # What the protocol keeps.
        self.id = stream_id
        self.head = head
        self.phase = Phase.OPEN
        self.was_reset = False
        """By either side: nothing can be sent."""
        self.receive_window = receive_window
        self.send_window = send_window
        self.body_bytes = 0
        self.held_bytes = 0
        """Bytes that came and for which the window was not opened again."""
        # What the connection keeps.
        self.body_parts: list[bytes | bytearray] = []
        self.kept_bytes = 0
        """Of the body; it counts until the answer is sent."""
        self.is_whole = False
        """The request has arrived to its end."""
        self.outgoing: deque[bytes | memoryview] = deque()
        """The part of the answer's body that waits."""
        self.ended = False
        """Nothing will be added to `outgoing`."""
        self.sender: Sender | None = None
        """Where a streamed answer is written to."""
        self.source: BodySource | None = None
        self.hold: Hold | None = None
        """What was said last about an answer that is held back."""
        self.paused = False
        """The source is."""
        self.since_s = 0.0
        """When the present wait began: for the request's rest, or for the client to take more."""

    @property
    def announced_bytes(self) -> int:
        """The body's length as the head says it, 0 if it does not."""
        announced = self.head.announced_bytes
        return 0 if announced == ABSENT else announced

    def add_to_body(self, data: bytes) -> None:
        """A part of the request's body has come."""
        parts = self.body_parts
        if len(data) >= SMALL_PART_BYTES or not parts:
            parts.append(data)
            return
        last = parts[-1]
        if isinstance(last, bytearray) and len(last) < JOINED_PART_BYTES:
            last += data
        else:
            parts.append(bytearray(data))

    def request(self) -> HttpRequest:
        """The request, which has become whole; once."""
        parts, self.body_parts = self.body_parts, []
        body = parts[0] if len(parts) == 1 and type(parts[0]) is bytes else b"".join(parts)
        method, target, headers, *_ = self.head
        return _new_request(HttpRequest, (method, target, headers, body))

    # The `BodyWriter` of the stream's source.

    def write(self, data: bytes) -> None:
        """Send more of the body, unless the client has gone."""
        if data and self.source is not None and self.sender is not None:
            self.sender.send(self, data)

    def end(self) -> None:
        """The body is whole."""
        if self.source is not None and self.sender is not None:
            self.source = None
            self.sender.send_end(self)

    def break_off(self) -> None:
        """End in the middle."""
        if self.source is not None and self.sender is not None:
            self.source = None
            self.sender.break_off(self)

    @property
    def needs_its_reader(self) -> bool:
        """Whether a client that says no more has left: the answer has no end of its own, or is held back."""
        return self.source is not None or (self.hold is not None and not self.hold.is_over)

    def stop_source(self) -> None:
        """Nobody is left to write for."""
        source, self.source = self.source, None
        if source is not None:
            source.stop()
        if self.hold is not None:
            self.hold.stop()
