"""One stream of an HTTP/2 connection: a request that arrives, and its answer as far as it waits.

It is the `Respond` of its request, and the `BodyWriter` of a streamed answer; what is said there goes to
the connection that the stream is on.

Refuses to know frames and the other streams.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from headwater.server.http.exchange import BodySource, HttpRequest, HttpResponse
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


class StreamConnection(Protocol):
    """What a stream needs from its connection; one that has gone is no error."""

    def answer(self, stream: Http2Stream, response: HttpResponse) -> None:
        """Send an answer."""

    def hold(self, stream: Http2Stream, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer is held back."""

    def cut(self, stream: Http2Stream) -> None:
        """The request is never answered: break the stream off."""

    def send(self, stream: Http2Stream, data: bytes) -> None:
        """Send `data` as soon as the client lets it."""

    def send_end(self, stream: Http2Stream) -> None:
        """End the body after that."""

    def break_off(self, stream: Http2Stream) -> None:
        """Reset the stream; what waits is not sent."""


NOWHERE = cast("StreamConnection", None)
"""Until its connection has heard of a stream."""
NOTHING: deque[bytes | memoryview] = deque(maxlen=0)
"""What waits of most answers; one that has to gets a queue of its own."""


class Http2Stream(msgspec.Struct, eq=False):
    """A request and its answer."""

    # What the protocol keeps.
    id: int
    head: RequestHead
    receive_window: int
    send_window: int
    phase: Phase = Phase.OPEN
    body_bytes: int = 0
    held_bytes: int = 0
    """Bytes that came and for which the window was not opened again."""
    was_reset: bool = False
    """By either side: nothing can be sent."""
    # What the connection keeps.
    connection: StreamConnection = NOWHERE
    body_parts: list[bytes | bytearray] = []
    kept_bytes: int = 0
    """Of the body; it counts until the answer is sent."""
    is_whole: bool = False
    """The request has arrived to its end."""
    outgoing: deque[bytes | memoryview] = NOTHING
    """The part of the answer's body that waits."""
    ended: bool = False
    """Nothing will be added to `outgoing`."""
    source: BodySource | None = None
    """Of a streamed answer."""
    holding: Hold | None = None
    """What was said last about an answer that is held back."""
    paused: bool = False
    """The source is."""
    since_s: float = 0.0
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

    # The `Respond` of the request.

    def answer(self, response: HttpResponse) -> None:
        """Send an answer."""
        self.connection.answer(self, response)

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer is held back."""
        return self.connection.hold(self, on_gone)

    def cut(self) -> None:
        """Never answer."""
        self.connection.cut(self)

    # The `BodyWriter` of the stream's source.

    def write(self, data: bytes) -> None:
        """Send more of the body, unless the client has gone."""
        if data and self.source is not None:
            self.connection.send(self, data)

    def end(self) -> None:
        """The body is whole."""
        if self.source is not None:
            self.source = None
            self.connection.send_end(self)

    def break_off(self) -> None:
        """End in the middle."""
        if self.source is not None:
            self.source = None
            self.connection.break_off(self)

    @property
    def needs_its_reader(self) -> bool:
        """Whether a client that says no more has left: the answer has no end of its own, or is held back."""
        return self.source is not None or (self.holding is not None and not self.holding.is_over)

    def stop_source(self) -> None:
        """Nobody is left to write for."""
        source, self.source = self.source, None
        if source is not None:
            source.stop()
        if self.holding is not None:
            self.holding.stop()
