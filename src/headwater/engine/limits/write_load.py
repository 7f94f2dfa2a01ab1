"""What the producers of one stream ask of it: the measure by which an on-demand stream scales.

Rules:
- what is written is gathered in windows of ten seconds; one begins with the first record
  after the last one has ended, so a quiet stream costs nothing;
- what a shard refused counts as what it took: both were asked for;
- the peaks of the last 30 days are remembered, in memory: a server that starts has none.

Refuses to know what a shard takes, and what follows from its load: `on_demand_scaling` does.
"""

from __future__ import annotations

from collections import deque

from headwater.engine.limits.limits import DAY_MS

WINDOW_MS = 10_000
PEAK_LIFE_MS = 30 * DAY_MS
_NEVER_MS = 2**63


class ShardLoad:
    """The load of one shard in a window: all puts, with those refused."""

    __slots__ = ("bytes", "records", "refused")

    def __init__(self) -> None:
        self.records = 0
        self.bytes = 0
        self.refused = 0
        """How many of the records."""


Window = dict[int, ShardLoad]
"""For each log that was written to, what was asked of it."""


class WriteLoad:
    """The present window of one stream, and its peaks."""

    __slots__ = ("_peaks", "_since_ms", "_window", "_window_ends_ms", "is_open")

    def __init__(self, now_ms: int) -> None:
        self._since_ms = now_ms
        self._window: Window = {}
        self._window_ends_ms = _NEVER_MS
        self.is_open = False
        """Whether there is a window: between windows nothing is gathered."""
        # When, and how many shards it asked for: later ones ask for less, or they would be the peak.
        self._peaks: deque[tuple[int, int]] = deque()

    @property
    def window_ends_ms(self) -> int:
        """When the present window is over; far away when nothing was written."""
        return self._window_ends_ms

    def begin(self, now_ms: int) -> int:
        """Records are about to be written: when their window ends.

        A clock that was set back to before the window begins another one.
        """
        if not 0 < self._window_ends_ms - now_ms <= WINDOW_MS:
            self._window, self._window_ends_ms, self.is_open = {}, now_ms + WINDOW_MS, True
            self._since_ms = min(self._since_ms, now_ms)
        return self._window_ends_ms

    def count(self, log_id: int, size: int, *, taken: bool) -> None:
        """Count a record of `size` bytes that was put into a shard, while there is a window."""
        shard = self._window.get(log_id)
        if shard is None:
            shard = self._window[log_id] = ShardLoad()
        shard.records += 1
        shard.bytes += size
        if not taken:
            shard.refused += 1

    def finish(self, now_ms: int) -> Window | None:
        """The present window if it is over; the next record begins another one."""
        if now_ms < self._window_ends_ms:
            return None
        window, self._window, self._window_ends_ms, self.is_open = self._window, {}, _NEVER_MS, False
        return window

    def remember(self, shards_needed: int, now_ms: int) -> None:
        """Remember the shards that a window needed."""
        while self._peaks and self._peaks[-1][1] <= shards_needed:
            self._peaks.pop()
        self._peaks.append((now_ms, shards_needed))

    def peak(self, now_ms: int) -> int:
        """The most shards that a window of the last 30 days has asked for."""
        while self._peaks and now_ms - self._peaks[0][0] >= PEAK_LIFE_MS:
            self._peaks.popleft()
        return self._peaks[0][1] if self._peaks else 0

    def is_known(self, now_ms: int) -> bool:
        """Whether 30 days have been watched."""
        return now_ms >= self._since_ms + PEAK_LIFE_MS

    def peak_ends_ms(self) -> int:
        """When the peak is over; without one, when 30 days have been watched."""
        return (self._peaks[0][0] if self._peaks else self._since_ms) + PEAK_LIFE_MS
