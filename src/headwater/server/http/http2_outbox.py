"""What waits to be sent on an HTTP/2 connection, and when it goes.

Rules:
- no more goes than the client's windows allow, and nothing while the transport is full;
- streams that have something to send take turns, a frame each;
- a source is paused as soon as anything of its stream waits, and resumed when nothing
  does, so that what waits is bounded;
- what is said within one turn of the loop is one write.

Refuses to know requests.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from headwater.server.http.http2_protocol import Http2Protocol
from headwater.server.http.http2_stream import Http2Stream

WRITE_BYTES = 64 * 1024
"""So much is gathered for a write at most."""


class Outbox:
    """The outgoing side of one connection."""

    def __init__(
        self, protocol: Http2Protocol, on_sent: Callable[[Http2Stream], None], now_s: Callable[[], float]
    ) -> None:
        self._protocol = protocol
        self._on_sent = on_sent
        self._now_s = now_s
        self._sendable: dict[int, Http2Stream] = {}
        """Streams with something to send and, as far as is known, an open window; in turn."""
        self._sending = False
        self._gathered_bytes = 0
        self.transport: asyncio.Transport | None = None
        self.is_full = False
        """The transport takes no more for now."""
        self.waiting_bytes = 0

    def add(self, stream: Http2Stream, data: bytes | memoryview) -> None:
        """Send a part of a stream's body as soon as possible."""
        if not self._sendable and not self.is_full and not stream.outgoing:
            size = len(data)
            if size <= self._protocol.sendable_bytes(stream):  # as nearly every part is
                self._protocol.send_data(stream, data, ends=stream.ended)
                self._gathered(size)
                if stream.ended:
                    self._on_sent(stream)
                return
        if not stream.outgoing:
            stream.since_s = self._now_s()
            stream.outgoing = deque()
        stream.outgoing.append(data)
        self.waiting_bytes += len(data)
        self._sendable[stream.id] = stream
        self.send()
        if stream.outgoing and stream.source is not None and not stream.paused:
            stream.paused = True
            stream.source.pause()

    def add_answer(self, stream: Http2Stream, block: bytes, body: bytes) -> bool:
        """Send a whole answer now, if nothing stands in its way."""
        if self._sendable or self.is_full or not self._protocol.send_answer(stream, block, body):
            return False
        self._gathered_bytes += len(body)
        if self._gathered_bytes >= WRITE_BYTES:
            self.flush()
        return True

    def close(self) -> None:
        """Nothing can be sent any more. Lets go of the connection, so that no collector has to find both."""
        self.transport = None
        self._on_sent = _nothing

    def reconsider(self, stream: Http2Stream) -> None:
        """A stream's window was opened."""
        if stream.outgoing:
            self._sendable[stream.id] = stream

    def forget(self, stream: Http2Stream) -> None:
        """What waits of a stream will not be sent."""
        self._sendable.pop(stream.id, None)
        self.waiting_bytes -= sum(map(len, stream.outgoing))
        stream.outgoing.clear()

    def send(self) -> None:
        """Send what may be sent now."""
        if self._sending:
            return
        self._sending = True
        drained: list[Http2Stream] = []
        while self._sendable and not self.is_full and self._protocol.send_window > 0:
            stream = self._sendable.pop(next(iter(self._sendable)))
            if not self._send_frame(stream):
                continue  # until its window is opened
            if stream.outgoing:
                self._sendable[stream.id] = stream
            elif stream.ended:
                self._on_sent(stream)
            else:
                drained.append(stream)
        self._sending = False
        for stream in drained:
            if stream.paused and not stream.outgoing and stream.source is not None:
                stream.paused = False
                stream.source.resume()

    def flush(self) -> None:
        """Write what has been gathered."""
        self._gathered_bytes = 0
        if self._protocol.unwritten and self.transport is not None:
            self.transport.write(self._protocol.take())

    def _send_frame(self, stream: Http2Stream) -> bool:
        """Send as much of what a stream has as goes into one frame, if its window is open."""
        protocol = self._protocol
        size = protocol.sendable_bytes(stream)
        if size <= 0:
            return False
        part = stream.outgoing.popleft()
        if len(part) > size:
            rest = memoryview(part)
            part = rest[:size]
            stream.outgoing.appendleft(rest[size:])
        protocol.send_data(stream, part, ends=stream.ended and not stream.outgoing)
        stream.since_s = self._now_s()
        self.waiting_bytes -= len(part)
        self._gathered(len(part))
        return True

    def _gathered(self, size: int) -> None:
        self._gathered_bytes += size
        if self._gathered_bytes >= WRITE_BYTES:
            self.flush()


def _nothing(_stream: Http2Stream) -> None:
    """Nobody is left to be told."""
