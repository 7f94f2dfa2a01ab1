"""The time that a consumer lives in: passed in, so that its rules run on a test's own clock."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timing:
    """A clock, a way to wait, and chance."""

    now_s: Callable[[], float] = time.monotonic
    """Only differences count."""
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    """Since the Unix epoch."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: random.Random = field(default_factory=random.Random)
