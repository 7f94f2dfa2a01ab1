"""Time as a value: passed in everywhere, so that tests and simulations own it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time in whole milliseconds since the Unix epoch."""

    def now_ms(self) -> int:
        """The time now. May go back when the machine's clock is set."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """The machine's wall time."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The time that was set last."""
        return self._now_ms

    def set_ms(self, now_ms: int) -> None:
        """Jump to a point in time, back too."""
        self._now_ms = now_ms

    def advance_ms(self, delta_ms: int) -> None:
        """Move forward."""
        self._now_ms += delta_ms


class AdjustableClock:
    """Another clock, moved: it goes on from where it was set, or stands still there."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._offset_ms = 0
        self._stopped_ms: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether it goes on by itself."""
        return self._stopped_ms is None

    def now_ms(self) -> int:
        """The time now."""
        return self._base.now_ms() + self._offset_ms if self._stopped_ms is None else self._stopped_ms

    def set_ms(self, now_ms: int) -> None:
        """Jump to a point in time, back too."""
        self._offset_ms = now_ms - self._base.now_ms()
        if self._stopped_ms is not None:
            self._stopped_ms = now_ms

    def stop(self) -> None:
        """Stand still."""
        self._stopped_ms = self.now_ms()

    def go_on(self) -> None:
        """Run again, from where it stands."""
        now_ms, self._stopped_ms = self.now_ms(), None
        self.set_ms(now_ms)
