"""One stream of an HTTP/2 connection: a request that arrives, and its answer as far as it waits.

Refuses to know frames, windows and the other streams.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import Protocol

from headwater.server.http.exchange import BodySource, Fields, HttpRequest, HttpResponse, Wait, says_length

Field = tuple[bytes, bytes]


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
        "_sender",
        "announced_bytes",
        "body_bytes",
        "body_parts",
        "ended",
        "headers",
        "held_bytes",
        "id",
        "is_whole",
        "method",
        "outgoing",
        "paused",
        "since_s",
        "source",
        "target",
        "wait",
    )

    def __init__(self, sender: Sender, stream_id: int, since_s: float) -> None:
        self._sender = sender
        self.id = stream_id
        self.method = self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.announced_bytes = 0
        """The body's length, if the head says it."""
        self.body_parts = bytearray()
        self.body_bytes = 0
        self.held_bytes = 0
        """Bytes that came and for which the window was not opened again."""
        self.is_whole = False
        """The request has arrived to its end."""
        self.outgoing: deque[bytes | memoryview] = deque()
        """The part of the answer's body that waits."""
        self.ended = False
        """Nothing will be added to `outgoing`."""
        self.source: BodySource | None = None
        self.wait: Wait | None = None
        """What was said last about an answer that is held back."""
        self.paused = False
        """The source is."""
        self.since_s = since_s
        """When the present wait began: for the request's rest, or for the client to take more."""

    def read_head(self, fields: list[Field], kept: frozenset[bytes] | None) -> None:
        """Take what matters from the request's headers; `kept` are those to keep, `None` is all."""
        headers = self.headers
        for name, value in fields:
            if name == b":method":
                self.method = value
            elif name == b":path":
                self.target = value
            elif name == b":authority":  # a host header may stand beside it, if it says the same
                headers[b"host"] = value
                if kept is None:  # some clients sign it by this name
                    headers[name] = value
            elif name.startswith(b":"):
                continue
            elif kept is None and name in headers and name != b"host":
                headers[name] += b"," + value
            elif kept is None or name in kept:
                headers[name] = value
            if name == b"content-length":
                self.announced_bytes = int(value)

    def request(self) -> HttpRequest:
        """The request, which has become whole; once."""
        body, self.body_parts = bytes(self.body_parts), bytearray()
        return HttpRequest(self.method, self.target, self.headers, body)

    # The `BodyWriter` of the stream's source.

    def write(self, data: bytes) -> None:
        """Send more of the body, unless the client has gone."""
        if data and self.source is not None:
            self._sender.send(self, data)

    def end(self) -> None:
        """The body is whole."""
        if self.source is not None:
            self.source = None
            self._sender.send_end(self)

    def break_off(self) -> None:
        """End in the middle."""
        if self.source is not None:
            self.source = None
            self._sender.break_off(self)

    @property
    def needs_its_reader(self) -> bool:
        """Whether a client that says no more has left: the answer has no end of its own, or is held back."""
        return self.source is not None or (self.wait is not None and not self.wait.is_over)

    def stop_source(self) -> None:
        """Nobody is left to write for."""
        source, self.source = self.source, None
        if source is not None:
            source.stop()
        if self.wait is not None:
            self.wait.stop()


def fields_of(response: HttpResponse, date: str) -> list[Field]:
    """The headers of an answer."""
    fields = [*_fixed_fields(response.status, response.fields)]
    fields.append((b"x-amzn-requestid", response.request_id.encode()))
    if response.extended_id:
        fields.append((b"x-amz-id-2", response.extended_id.encode()))
    fields.append((b"date", date.encode()))
    if response.source is None and (response.body or not says_length(response.fields)):
        fields.append((b"content-length", b"%d" % len(response.body)))
    return fields


@lru_cache(maxsize=256)
def _fixed_fields(status: int, fields: Fields) -> tuple[Field, ...]:
    encoded = ((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields)
    return ((b":status", b"%d" % status), *encoded)
