"""Who this gateway is in its logs: its producer id, and until when what it stores may be acknowledged.

A gateway that could not confirm its registration for a while must not acknowledge anything: the others may
have forgotten it, and with it the producer that they would have to fence. It waits for a beat that it has
seen in the metadata itself, or finds that it is registered no longer and goes on under a new id.

Refuses to know how beats are written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

TRUSTED_S = 600.0
"""So long after a beat that was confirmed; far less than the time after which others forget a gateway."""


def boot_time_s() -> float:
    """Seconds that go on while the machine sleeps, where the system counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Producer:
    """The producer of this gateway."""

    def __init__(self, now_s: Callable[[], float] = boot_time_s) -> None:
        self.now_s = now_s
        self.id = -1
        """-1 while it has none."""
        self._confirmed_s = float("-inf")
        self._changed = asyncio.Event()

    def begin(self, producer_id: int, confirmed_s: float) -> None:
        """It is registered under this id."""
        self.id = producer_id
        self.confirm(confirmed_s)

    def confirm(self, began_s: float) -> None:
        """A beat that was begun at that time has been seen."""
        self._confirmed_s = began_s
        self._changed.set()
        self._changed = asyncio.Event()

    async def is_trusted(self, producer_id: int) -> bool:
        """Whether what this producer has stored may be acknowledged; waits until that is known."""
        while self.id == producer_id and self.now_s() - self._confirmed_s > TRUSTED_S:
            await self._changed.wait()
        return self.id == producer_id
