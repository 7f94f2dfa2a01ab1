"""The connections that are open now, whatever protocol they speak.

One sweep at a steady interval looks after the time-outs of all of them, so that
no request pays for a timer of its own, and renders the `Date` header once for all
answers until the next sweep.

Each connection has bounds of its own. What all of them hold together, of requests that
are not whole and answers that nobody takes, is looked at in the sweep, too: while it is
more than `BUFFERED_BYTES_MAX`, those that have been waited for longest are closed, but none that
has had less than `BUFFERED_S`, which is plenty for whoever means to go on.

Refuses to know what travels on a connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple, Protocol

from headwater.model.clock import Clock

GOODBYE_S = 0.1
"""How long an idle client has for answering TLS's goodbye; most never do."""


BUFFERED_BYTES_MAX = 512 * 1024 * 1024
BUFFERED_S = 3.0


class Buffered(NamedTuple):
    """What a connection keeps in memory for a client that is waited for."""

    since_s: float
    size: int


class Connection(Protocol):
    """What a front end's connection lets others do to it. All are called on the loop's thread."""

    def sweep(self, now_s: float) -> None:
        """Act on whatever has taken too long at the loop's time `now_s`."""

    def shut_down(self) -> None:
        """Answer what has arrived or begun to arrive, then close."""

    def abort(self) -> None:
        """Close now."""

    def buffered(self) -> Buffered:
        """What it keeps for its client, and since when that is waited for."""


class OpenConnections:
    """All open connections of a server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: set[Connection] = set()
        self._on_empty: Callable[[], None] | None = None
        self.date = ""
        self._render_date()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """A connection was made."""
        self._open.add(connection)

    def remove(self, connection: Connection) -> None:
        """A connection was lost."""
        self._open.discard(connection)
        if self._on_empty is not None and not self._open:
            self._on_empty()

    def sweep(self, now_s: float) -> None:
        """Let every connection act on its time-outs."""
        self._render_date()
        for connection in tuple(self._open):
            connection.sweep(now_s)
        self._close_hoarders(now_s)

    def _close_hoarders(self, now_s: float) -> None:
        buffered = [(*connection.buffered(), connection) for connection in self._open]
        excess = sum(size for _, size, _ in buffered) - BUFFERED_BYTES_MAX
        if excess <= 0:
            return
        for since_s, size, connection in sorted(buffered, key=itemgetter(0)):
            if excess <= 0 or now_s - since_s < BUFFERED_S:
                return
            if size > 0:
                connection.abort()
                excess -= size

    def shut_down(self, on_empty: Callable[[], None]) -> None:
        """Ask every connection to finish; `on_empty` runs when the last one is gone."""
        self._on_empty = on_empty
        if not self._open:
            on_empty()
        for connection in tuple(self._open):
            connection.shut_down()

    def abort(self) -> None:
        """Close every connection now."""
        for connection in tuple(self._open):
            connection.abort()

    def _render_date(self) -> None:
        now = time.gmtime(self._clock.now_ms() // 1000)
        self.date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", now)
