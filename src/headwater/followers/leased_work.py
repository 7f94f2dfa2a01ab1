"""Work that one server alone does, of several over the same data: whoever holds the lease.

    idle ── the lease is held ─► at work ── another one has it ─► ending ── ended ─► idle

Rules:
- it is begun when everything is known here that was committed under the lease before;
- a holder that cannot renew the lease keeps its work, and must ask `may_act` before what cannot be
  undone: nobody else has begun with it while that says yes;
- what the work commits has `ServerLease.fence()` among its conditions, so that nothing comes of what
  a server does late;
- it is begun again here only when the end of the time before has come.

Without others over the same data it is begun at once, and goes on.

Refuses to know what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from headwater.engine.engine import Engine


class LeasedWork:
    """See the module's text. `open` it in a running loop."""

    def __init__(
        self, engine: Engine, begin: Callable[[], None], end: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """`begin` starts the work; `end` cuts it off, and returns when nothing of it goes on."""
        self._engine = engine
        self._begin = begin
        self._end = end
        self._is_begun = False
        self._ending: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None

    @property
    def is_begun(self) -> bool:
        """Whether the work is done here."""
        return self._is_begun

    def may_act(self) -> bool:
        """Whether the work is done here, and surely nowhere else."""
        return self._is_begun and self._engine.lease.is_held

    def open(self) -> None:
        """Do the work from now on whenever it is this server's."""
        self._unwatch = self._engine.watch_time(self._look)
        self._look(self._engine.now_ms())

    def close(self) -> None:
        """Begin with it no more. What is under way is its owner's to end."""
        if self._unwatch is not None:
            self._unwatch()

    def _look(self, _now_ms: int) -> None:
        lease = self._engine.lease
        if self._is_begun and not lease.is_own:
            self._is_begun = False
            self._ending = asyncio.ensure_future(self._end())
        elif not self._is_begun and lease.is_held and (self._ending is None or self._ending.done()):
            self._is_begun = True
            self._begin()
