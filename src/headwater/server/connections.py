"""The connections that are open now, whatever protocol they speak.

One sweep at a steady interval looks after the time-outs of all of them, so that
no request pays for a timer of its own, and renders the `Date` header once for all
answers until the next sweep.

Refuses to know what travels on a connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from headwater.model.clock import Clock

GOODBYE_S = 0.1
"""How long an idle client has for answering TLS's goodbye; most never do."""


class Connection(Protocol):
    """What a front end's connection lets others do to it. All are called on the loop's thread."""

    def sweep(self, now_s: float) -> None:
        """Act on whatever has taken too long at the loop's time `now_s`."""

    def shut_down(self) -> None:
        """Answer what has arrived or begun to arrive, then close."""

    def abort(self) -> None:
        """Close now."""


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
