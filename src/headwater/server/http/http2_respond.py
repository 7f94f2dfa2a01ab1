"""The `Respond` of one request on HTTP/2: the connection's, tied to the request's stream.

Refuses to know what an answer means and how it travels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from headwater.server.http.exchange import HttpResponse
from headwater.server.http.http2_stream import Http2Stream


class StreamResponder(Protocol):
    """What a connection does about the request of one of its streams; a stream that has gone is no error."""

    def answer(self, stream: Http2Stream, response: HttpResponse) -> None:
        """Send an answer."""

    def hold(self, stream: Http2Stream, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer is held back."""

    def cut(self, stream: Http2Stream) -> None:
        """Break the stream off."""


class RespondOnStream:
    """A `Respond` for the request of one stream."""

    __slots__ = ("_connection", "_stream")

    def __init__(self, connection: StreamResponder, stream: Http2Stream) -> None:
        self._connection = connection
        self._stream = stream

    def answer(self, response: HttpResponse) -> None:
        """Send an answer."""
        self._connection.answer(self._stream, response)

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """The answer is held back."""
        return self._connection.hold(self._stream, on_gone)

    def cut(self) -> None:
        """Never answer."""
        self._connection.cut(self._stream)


class NobodyLeft:
    """A `Respond` for what is refused together with its connection: it is only logged."""

    def answer(self, response: HttpResponse) -> None:
        """Drop it."""

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """Nobody waits."""
        on_gone()
        return _nothing

    def cut(self) -> None:
        """It is."""


def _nothing() -> None:
    """There was no hold to end."""
