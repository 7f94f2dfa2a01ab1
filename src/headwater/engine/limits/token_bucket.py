"""A rate with room for a second's worth at once, kept in whole numbers on the clock that is passed in.

Every record of a limited stream passes here: comparisons stand where `min` and `max` would take
twice as long.
"""

from __future__ import annotations


class TokenBucket:
    """Fills by `rate` tokens a second, up to that many. It may owe: not all that is used need be there."""

    __slots__ = ("_at_ms", "_full_milli", "_level_milli", "_rate")

    def __init__(self, rate: int, now_ms: int) -> None:
        self._rate = rate
        self._level_milli = self._full_milli = rate * 1000
        self._at_ms = now_ms

    def has(self, amount: int, now_ms: int) -> bool:
        """Whether `amount` is there; of more than the bucket can hold, a full bucket."""
        if now_ms != self._at_ms:
            if now_ms > self._at_ms:
                level, full = self._level_milli + (now_ms - self._at_ms) * self._rate, self._full_milli
                self._level_milli = level if level < full else full  # noqa: FURB136 - as said above
            self._at_ms = now_ms
        needed = amount if amount < self._rate else self._rate  # noqa: FURB136
        return self._level_milli >= needed * 1000

    def use(self, amount: int) -> None:
        """Take `amount`, there or not: the bucket may be left with a debt."""
        self._level_milli -= amount * 1000

    def drain(self) -> None:
        """Leave nothing to be used."""
        self._level_milli = min(self._level_milli, 0)
