"""The ports of a server, with what is spoken on them.

Ports are bound first of all, so that one in use is found before any data is touched. What answers
requests is there later; it is asked for by each connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from headwater.app.neighbours import LARGE_BODIES, has_services
from headwater.config import Config
from headwater.model.clock import Clock
from headwater.server.http.connections import OpenConnections
from headwater.server.http.exchange import EVERY_HEADER, HEADERS_READ, RequestHandler
from headwater.server.http.http1 import Http1Connection
from headwater.server.http.limits import ConnectionLimits
from headwater.server.http.listener import Listener
from headwater.server.http.protocol_detector import ConnectionFactory

if TYPE_CHECKING:
    from ssl import SSLContext


def bind_ports(
    config: Config,
    tls: SSLContext | None,
    clock: Clock,
    warn: Callable[[str], None],
    handler: Callable[[], RequestHandler],
    *,
    verifies: bool,
) -> Listener:
    """Bind the ports; call in the running loop. `verifies`: signatures are. Raises `ListenError`."""
    loop, connections = asyncio.get_running_loop(), OpenConnections(clock)
    has_neighbours = has_services(config)
    limits = connection_limits(config, has_neighbours=has_neighbours)
    headers_kept = None if verifies else HEADERS_READ  # a signature may cover any header
    if (has_neighbours or config.tracing) and not verifies:
        headers_kept = EVERY_HEADER

    def http1() -> asyncio.Protocol:
        return Http1Connection(handler(), limits, connections, loop, headers_kept)

    def http2() -> asyncio.Protocol:
        from headwater.server.http.http2 import Http2Connection  # noqa: PLC0415 - not all clients need it

        return Http2Connection(handler(), limits, connections, loop, headers_kept)

    factory = ConnectionFactory(
        http1,
        http2,
        tls,
        limits=limits,
        connections=connections,
        loop=loop,
        warn=warn,
    )
    scheme = "http" if tls is None else "https"
    return Listener(config.host, config.ports, factory.connection, connections, scheme=scheme)


def connection_limits(config: Config, *, has_neighbours: bool) -> ConnectionLimits:
    """What one connection may take."""
    return ConnectionLimits(
        header_bytes=config.header_limit_bytes,
        body_bytes=config.body_limit_bytes,
        upload_bytes=config.upload_limit_bytes if has_neighbours else 0,
        large_bodies=LARGE_BODIES,
        idle_timeout_s=config.idle_timeout_s,
        request_timeout_s=config.request_timeout_s,
    )
