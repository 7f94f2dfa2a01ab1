"""Callbacks at a time of the engine's clock.

The clock may be moved, so nothing is left to timers of the event loop: the engine's
tick says what time it is, and alarms that are due go off then, in the order of their times.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count

_LEFTOVERS_MIN = 64


class Alarms:
    """The alarms of one server; `ring` is to be called at each tick."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int]] = []
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._numbers = count()

    def set(self, due_ms: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once when it is `due_ms`; returns the function that cancels the alarm."""
        number = next(self._numbers)
        self._callbacks[number] = callback
        heappush(self._due, (due_ms, number))
        if len(self._due) > _LEFTOVERS_MIN + 2 * len(self._callbacks):
            self._sweep()

        def cancel() -> None:
            self._callbacks.pop(number, None)

        return cancel

    def ring(self, now_ms: int) -> None:
        """Call what is due."""
        while self._due and self._due[0][0] <= now_ms:
            _, number = heappop(self._due)
            callback = self._callbacks.pop(number, None)
            if callback is not None:
                callback()

    def _sweep(self) -> None:
        """Forget the times of alarms that were cancelled: most of them are."""
        self._due = [due for due in self._due if due[1] in self._callbacks]
        heapify(self._due)
