"""A share of the event loop for work that can wait, while requests cannot.

Whoever has much to do on the loop does it in pieces, each in a turn:

    async with share:
        ...  # a piece, of a few milliseconds at most

Rules:
- one piece at a time, whoever's it is;
- after a piece it is looked whether the loop is busy otherwise, for a moment. If so, it rests until others
  have had their part of the loop's time, used it or not. So all pieces together take `SHARE` of a busy
  loop, and on an idle one they follow one another. Time in which other processes had the processor is
  nobody's.

Refuses to know what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter, thread_time

SHARE = 0.05
"""Of a busy loop's time. Deliveries of small records come to some 40,000 a second with it: more than single
puts bring."""
PIECE_S = 0.0005
"""Pieces of less are counted together."""
LOOK_S = 0.002
"""Long enough that waking up, which is some fifty microseconds of it, is not taken for business."""
STEP_S = 0.02
BUSY = 0.1
"""The loop is busy when others used so much of the moment in which it was looked at."""
SCHEDULED = Path("/proc/thread-self/schedstat")
"""On Linux: nanoseconds that the thread has run, and those that it was ready and did not."""


class LoopShare:
    """See the module's text."""

    def __init__(
        self,
        cpu_s: Callable[[], float] = thread_time,
        now_s: Callable[[], float] = perf_counter,
        waited_s: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`cpu_s` is the processor time of the loop's thread, `waited_s` how long it has waited for one."""
        self._cpu_s = cpu_s
        self._now_s = now_s
        self._waited_s = waited_s or _waited_s
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._began_s = 0.0
        self._spent_s = 0.0
        """What was done since the last look."""

    async def __aenter__(self) -> None:
        await self._turn.acquire()
        self._began_s = self._cpu_s()

    async def __aexit__(self, *_: object) -> None:
        self._spent_s += self._cpu_s() - self._began_s
        try:
            if self._spent_s >= PIECE_S:
                await self._rest()
        finally:
            self._turn.release()

    async def _rest(self) -> None:
        """Let others have what is theirs; of a loop that is idle they want nothing."""
        spent_s, self._spent_s = self._spent_s, 0.0
        theirs_s, step_s = spent_s / SHARE - spent_s, LOOK_S
        while theirs_s > 0:
            # To look costs time of the loop, too: the processor time is read last, and first.
            waited_s, now_s, cpu_s = self._waited_s(), self._now_s(), self._cpu_s()
            await self._sleep(step_s)
            used_s = self._cpu_s() - cpu_s
            had_s = self._now_s() - now_s - (self._waited_s() - waited_s)
            if used_s < BUSY * had_s:
                return
            theirs_s -= had_s
            step_s = min(max(theirs_s, LOOK_S), 2 * step_s, STEP_S)  # it may have been a moment's business


def _waited_s() -> float:
    try:
        return int(SCHEDULED.read_bytes().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0
