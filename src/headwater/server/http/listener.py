"""The ports of a server: opened together or not at all, closed with grace.

Rules:
- every address is bound before the first connection is taken, so that a port in
  use is a clear error and never half a server;
- a connection is taken when its first bytes have come, or a second after it was made, where the system can do
  that: on Linux. A client that connects and asks is one event then, and not two;
- closing stops the taking of connections, lets requests in flight finish within
  the grace, then cuts off what is left.

Refuses to know what is spoken on a connection: it is given a factory.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from headwater.server.http.connections import GOODBYE_S, OpenConnections

BACKLOG = 1024
SWEEP_INTERVAL_S = 1.0
TCP_DEFER_ACCEPT: int | None = getattr(socket, "TCP_DEFER_ACCEPT", None)
SILENT_S = 1
"""How long a client may say nothing until its connection is taken all the same."""
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound
"""Addresses that stand for all of a machine's, and the one that a client on it can use."""


class ListenError(Exception):
    """An address cannot be listened on. The message is for the person who started the server."""


class Listener:
    """All addresses of one server."""

    def __init__(
        self,
        host: str,
        ports: Sequence[int],
        make_connection: Callable[[], asyncio.Protocol],
        connections: OpenConnections,
        sweep_interval_s: float = SWEEP_INTERVAL_S,
        scheme: str = "http",
    ) -> None:
        """Bind the addresses. Raises `ListenError`."""
        self._make_connection = make_connection
        self._connections = connections
        self._sweep_interval_s = sweep_interval_s
        self._sockets = bind_all(host, ports)
        self._servers: list[asyncio.Server] = []
        self._sweep_timer: asyncio.TimerHandle | None = None
        self.endpoints = tuple(dict.fromkeys(_endpoint(scheme, host, bound) for bound in self._sockets))
        """The URLs to reach the server at, the first port's first."""

    async def open(self) -> None:
        """Take connections. Raises `ListenError`."""
        loop = asyncio.get_running_loop()
        for bound in self._sockets:
            address = bound.getsockname()
            try:
                server = await loop.create_server(self._make_connection, sock=bound, backlog=BACKLOG)
            except OSError as error:
                await self.close(0)
                raise _listen_error(address, error) from error
            self._servers.append(server)
        self._sweep_timer = loop.call_later(self._sweep_interval_s, self._sweep)

    async def close(self, grace_s: float) -> None:
        """Take no more connections; give requests in flight `grace_s` to finish."""
        for server in self._servers:
            server.close()
        for bound in self._sockets[len(self._servers) :]:
            bound.close()
        all_gone = asyncio.Event()
        self._connections.shut_down(all_gone.set)
        loop = asyncio.get_running_loop()
        goodbye = loop.call_later(2 * GOODBYE_S, lambda: self._connections.sweep(loop.time()))
        try:
            await asyncio.wait_for(all_gone.wait(), grace_s)
        except TimeoutError:
            self._connections.abort()
        goodbye.cancel()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()

    def abort(self) -> None:
        """Cut off all connections now; ends a `close` that is waiting."""
        self._connections.abort()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._connections.sweep(loop.time())
        self._sweep_timer = loop.call_later(self._sweep_interval_s, self._sweep)


def bind_all(host: str, ports: Sequence[int]) -> list[socket.socket]:
    """Sockets bound to every address of `host` on every port; port 0 is a free one, the same for all."""
    bound: list[socket.socket] = []
    try:
        for port in ports:
            chosen = port
            for family, address in _resolve(host, port):
                bound.append(_bind(family, (address[0], chosen, *address[2:])))
                chosen = bound[-1].getsockname()[1]
    except ListenError:
        for one in bound:
            one.close()
        raise
    return bound


def _resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    # As bytes where that is the same: a text goes through the codec of international names, which is large.
    name = host.encode() if host.isascii() else host
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))  # type: ignore[misc]


def _bind(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        if TCP_DEFER_ACCEPT is not None:
            with suppress(OSError):  # what runs Linux's programs may know less than Linux
                one.setsockopt(socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, SILENT_S)
    except OSError as error:
        one.close()
        raise _listen_error(address, error) from error
    one.setblocking(False)
    return one


def _listen_error(address: tuple[str, int], error: OSError) -> ListenError:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return ListenError(f"cannot listen on {_authority(address)}: {reason}")


def _endpoint(scheme: str, host: str, bound: socket.socket) -> str:
    """The URL for a client on this machine, with the name that the user gave where that leads here."""
    address = bound.getsockname()
    named = address[0] if host in ("", *WILDCARDS) else host
    return f"{scheme}://{_authority((WILDCARDS.get(named, named), address[1]))}"


def is_loopback(host: str) -> bool:
    """Whether what listens on this address can be reached from this machine only."""
    if host in ("localhost", "127.0.0.1", "::1"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or nothing, which is every address
        return False


def _authority(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
