"""How long to wait before trying again: longer each time, and never as long as others wait."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from `first_s` to `most_s`, each delay somewhere in its upper half."""

    def __init__(self, first_s: float, most_s: float, chance: random.Random) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._chance = chance
        self._next_s = first_s

    def delay_s(self) -> float:
        """The next delay."""
        delay_s = self._next_s * self._chance.uniform(0.5, 1.0)
        self._next_s = min(2 * self._next_s, self._most_s)
        return delay_s

    def reset(self) -> None:
        """What was tried has succeeded."""
        self._next_s = self._first_s
