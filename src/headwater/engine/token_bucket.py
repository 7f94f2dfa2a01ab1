"""A rate with room for a second's worth at once, kept in whole numbers on the clock that is passed in."""

from __future__ import annotations


class TokenBucket:
    """Fills by `rate` tokens a second, up to that many. It may owe: not all that is used need be there."""

    __slots__ = ("_at_ms", "_level_milli", "_rate")

    def __init__(self, rate: int, now_ms: int) -> None:
        self._rate = rate
        self._level_milli = rate * 1000
        self._at_ms = now_ms

    def has(self, amount: int, now_ms: int) -> bool:
        """Whether so many are there; of more than it can hold, all that it can."""
        elapsed_ms = max(0, now_ms - self._at_ms)
        self._level_milli = min(self._rate * 1000, self._level_milli + elapsed_ms * self._rate)
        self._at_ms = now_ms
        return self._level_milli >= min(amount, self._rate) * 1000

    def use(self, amount: int) -> None:
        """Take so many, there or not."""
        self._level_milli -= amount * 1000

    def drain(self) -> None:
        """Leave nothing to be used."""
        self._level_milli = min(self._level_milli, 0)
