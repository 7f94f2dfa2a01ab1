"""The clock of a consumer: passed in, so that tests have their own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timing:
    """A clock, a way to sleep, and a source of random numbers."""

    now_s: Callable[[], float] = time.monotonic
    """Monotonic seconds: only differences count."""
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    """Milliseconds since the Unix epoch."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: random.Random = field(default_factory=random.Random)
