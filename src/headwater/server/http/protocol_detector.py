"""What a new connection speaks, told from its first bytes: TLS, HTTP/2 or HTTP/1.1.

`ProtocolDetector` is a connection until that is known; then the front end for it takes its
place on the transport and nothing of this module stays in the way of a byte.

Rules:
- 0x16 begins a TLS handshake, which no HTTP does; what is inside is told by ALPN, or
  else in the same way, so that HTTP/2 works with ALPN and without;
- the client preface of HTTP/2 is known in advance; whatever cannot become it is
  HTTP/1.1, whose front end also answers what is no HTTP at all;
- a client that says TLS where none is offered hears so in TLS's own words.

Refuses to know what the front ends do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from headwater.server.http.connections import Buffered, OpenConnections
from headwater.server.http.limits import ConnectionLimits

if TYPE_CHECKING:
    import ssl

TLS_HANDSHAKE = 0x16
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HANDSHAKE_FAILURE_ALERT = b"\x15\x03\x01\x00\x02\x02\x28"
WARN_INTERVAL_S = 10.0
"""Clients try again and again; what is wrong with them needs to be told now and then only."""
NO_TLS = "a client tried TLS, which this server was not started with: use http://, or start it with --tls"


class ConnectionFactory:
    """What all connections of a server have in common until they part."""

    def __init__(
        self,
        http1: Callable[[], asyncio.Protocol],
        http2: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        *,
        limits: ConnectionLimits,
        connections: OpenConnections,
        loop: asyncio.AbstractEventLoop,
        warn: Callable[[str], None],
    ) -> None:
        self.http1 = http1
        self.http2 = http2
        self.tls = tls
        self.limits = limits
        self.connections = connections
        self.loop = loop
        self._warn = warn
        self._warned_s = -WARN_INTERVAL_S

    def connection(self) -> ProtocolDetector:
        """A protocol for a new connection."""
        return ProtocolDetector(self)

    def warn(self, text: str) -> None:
        """Tell what is wrong with a client, if nothing was told a moment ago."""
        now_s = self.loop.time()
        if now_s - self._warned_s >= WARN_INTERVAL_S:
            self._warned_s = now_s
            self._warn(text)


class ProtocolDetector(asyncio.Protocol):
    """A connection of which it is not known yet what it speaks."""

    def __init__(self, factory: ConnectionFactory) -> None:
        self._factory = factory
        self._transport: asyncio.Transport | None = None
        self._read = b""
        self._handshake: asyncio.Task[None] | None = None
        self._is_encrypted = False
        """The handshake is over; `_transport` is the encrypted one."""
        self._chose_http2 = False
        """By ALPN."""
        self._since_s = factory.loop.time()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)
        self._factory.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client has gone before it said enough."""
        self._transport = None
        self._factory.connections.remove(self)

    def data_received(self, data: bytes) -> None:
        """Look at what the client said so far."""
        self._read = self._read + data if self._read else data
        if self._handshake is None or self._is_encrypted:
            self._look()

    # What the server calls.

    def sweep(self, now_s: float) -> None:
        """Give up a client that says nothing, or begins and does not go on."""
        limits = self._factory.limits
        has_begun = self._read or self._handshake
        if now_s - self._since_s > (limits.request_timeout_s if has_begun else limits.idle_timeout_s):
            self.abort()

    def shut_down(self) -> None:
        """Nothing was asked for, so nothing is owed."""
        self.abort()

    def buffered(self) -> Buffered:
        """Counts nothing: a preface is buffered at most."""
        return Buffered(self._since_s, 0)

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    # Finding out.

    def _look(self) -> None:
        transport, read = self._transport, self._read
        if transport is None:
            return
        if read[0] == TLS_HANDSHAKE and not self._is_encrypted:
            self._begin_tls(transport)
        elif self._chose_http2 or read.startswith(HTTP2_PREFACE):
            self._make_way(transport, self._factory.http2())
        elif not HTTP2_PREFACE.startswith(read):
            self._make_way(transport, self._factory.http1())

    def _make_way(self, transport: asyncio.Transport, front_end: asyncio.Protocol) -> None:
        """Let the front end have the connection, and what was read of it."""
        self._transport = None
        transport.set_protocol(front_end)
        front_end.connection_made(transport)
        self._factory.connections.remove(self)
        front_end.data_received(self._read)

    def _begin_tls(self, transport: asyncio.Transport) -> None:
        if self._factory.tls is None:
            self._factory.warn(NO_TLS)
            transport.write(HANDSHAKE_FAILURE_ALERT)
            transport.close()
            return
        self._handshake = self._factory.loop.create_task(self._shake_hands(transport, self._factory.tls))

    async def _shake_hands(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        # 1. Take back what was read: it belongs to the handshake.
        transport.pause_reading()
        hello, self._read = self._read, b""
        loop = self._factory.loop
        upgrade = loop.create_task(
            loop.start_tls(
                transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=self._factory.limits.request_timeout_s,
            )
        )
        # The loop's TLS takes the transport's place now, and is told so by a callback; only then
        # can it be given what was read before it came. It reads nothing on its own until then.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if not transport.is_closing():
            _feed(cast("asyncio.BufferedProtocol", transport.get_protocol()), hello)
        # 2. Wait for the handshake; without one the connection is over.
        encrypted = None
        try:
            encrypted = await upgrade
        except OSError as error:  # of TLS, of the connection, or of time
            self._factory.warn(f"a client's TLS handshake failed: {_reason(error)}")
        session = None if encrypted is None else encrypted.get_extra_info("ssl_object")
        if encrypted is None or session is None or self._transport is None:
            # A connection lost during the handshake is not told of by every loop.
            self.connection_lost(None)
            return
        # 3. Go on with the encrypted transport, and with the protocol that ALPN chose.
        self._transport = encrypted
        self._is_encrypted = True
        self._chose_http2 = session.selected_alpn_protocol() == "h2"
        if self._read:
            self._look()


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Give a protocol bytes as a transport would."""
    while data:
        space = memoryview(protocol.get_buffer(len(data)))
        size = min(len(space), len(data))
        space[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]


def _reason(error: OSError) -> str:
    # Only an error of TLS has a `reason`, which says it better.
    return getattr(error, "reason", None) or error.strerror or str(error)
