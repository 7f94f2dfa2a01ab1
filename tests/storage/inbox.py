"""A place for posted callbacks, and the thread that runs them: the test's own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from headwater.model.completion import drive
from tests.waiting import RETRY_FOR_S

T = TypeVar("T")


class Inbox:
    """Use an instance as `post`. Nothing that was posted runs unless the test says so."""

    def __init__(self, limit_s: float = RETRY_FOR_S) -> None:
        self._limit_s = limit_s
        self._posted: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def __call__(self, callback: Callable[[], None]) -> None:
        """Take a callback, from any thread."""
        self._posted.put(callback)

    def run(self, awaitable: Awaitable[T]) -> T:
        """Run what is posted until `awaitable` is done; its value, or its exception."""
        outcome: list[tuple[T | None, BaseException | None]] = []

        async def wait() -> T:
            return await awaitable

        drive(wait(), lambda value, error: outcome.append((value, error)))
        self.run_until(lambda: bool(outcome))
        value, error = outcome[0]
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # without an error, the value is a T

    def run_until(self, condition: Callable[[], bool]) -> None:
        """Run what is posted until `condition` holds."""
        deadline = time.monotonic() + self._limit_s
        while not condition():
            try:
                callback = self._posted.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"not done after {self._limit_s} seconds") from None
            callback()

    def pass_time(self, seconds: float) -> None:
        """Let time pass for a store that has a clock of its own; here none has."""

    def run_posted(self) -> int:
        """Run what has been posted by now and what that posts; how many callbacks it was."""
        count = 0
        while True:
            try:
                callback = self._posted.get_nowait()
            except Empty:
                return count
            callback()
            count += 1
