"""How long to wait before trying again: longer each time, and never as long as others wait."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from headwater.client.calls.errors import ClientError, is_transient
from headwater.client.calls.timing import Timing

logger = logging.getLogger("headwater.client")

Answer = TypeVar("Answer")

RETRY_FIRST_S = 0.1
RETRY_MOST_S = 3.0


class Backoff:
    """Doubles from `first_s` to `most_s`, each delay somewhere in its upper half."""

    def __init__(self, first_s: float, most_s: float, rng: random.Random) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._rng = rng
        self._next_s = first_s

    def delay_s(self) -> float:
        """The next delay."""
        delay_s = self._next_s * self._rng.uniform(0.5, 1.0)
        self._next_s = min(2 * self._next_s, self._most_s)
        return delay_s

    def reset(self) -> None:
        """What was tried has succeeded."""
        self._next_s = self._first_s


async def retry(call: Callable[[], Awaitable[Answer]], timing: Timing, retry_for_s: float) -> Answer:
    """Make a call again, while its failure may pass, for so long. Raises the last failure."""
    backoff = Backoff(RETRY_FIRST_S, RETRY_MOST_S, timing.rng)
    give_up_at_s = timing.now_s() + retry_for_s
    while True:
        try:
            return await call()
        except ClientError as error:
            if not is_transient(error) or timing.now_s() >= give_up_at_s:
                raise
            logger.warning("trying again: %s", error)
        await timing.sleep(backoff.delay_s())
