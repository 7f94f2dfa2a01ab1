"""Chance that repeats itself: the same seed gives the same draws, on every machine and version of Python.

SplitMix64, by its published constants: a counter, mixed. Good for deciding, not for secrets.
"""

from __future__ import annotations

_BITS_64 = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15


class SeededRandom:
    """One sequence of draws."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _BITS_64

    def draw(self) -> float:
        """The next number from 0, included, to 1, excluded."""
        self._state = (self._state + _STEP) & _BITS_64
        mixed = self._state
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _BITS_64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _BITS_64
        return ((mixed ^ mixed >> 31) >> 11) / 2**53
