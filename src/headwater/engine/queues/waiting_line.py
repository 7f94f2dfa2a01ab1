"""Who waits for records of a queue: first come, first served.

    resting ─ wake ─► serving ─ wake ─► serving again
       ▲                 │                    │ (serves once more)
       └──── served ─────┴────────────────────┘

Everybody who receives stands in line, for an instant at least. So one after the other takes records,
and no two look at the same ones; and who has waited longest gets the next that comes.

What is taken may have to be committed before it is given: then the next one is served meanwhile, and who got
nothing after all stands first in line again.

Refuses to know where records come from, and what time it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from headwater.model.completion import Completion, drive
from headwater.model.errors import KinesisError
from headwater.model.transitions import transitions
from headwater.storage.interface import StoreError

T = TypeVar("T")

LinePhase = Literal["resting", "serving", "serving again"]
LINE_PHASES: dict[str, dict[LinePhase, LinePhase]] = {
    "wake": {"resting": "serving", "serving": "serving again", "serving again": "serving again"},
    "served": {"serving": "resting", "serving again": "resting"},
}
"""Event → phase before → phase after."""

_phases = transitions(LINE_PHASES)


class Wanted(NamedTuple):
    """What somebody asks for."""

    limit: int
    visibility_timeout_s: int | None
    """`None`: the queue's own."""
    until_ms: int
    """How long it waits for the first record."""


class Waiter(Generic[T]):
    """Somebody in line."""

    __slots__ = ("_line", "answer", "is_promised", "is_waiting", "wanted")

    def __init__(self, line: WaitingLine[T], wanted: Wanted) -> None:
        self._line = line
        self.wanted = wanted
        self.answer: Completion[list[T]] = Completion()
        """What was received; nothing when the time is over. May fail with what `take` raises."""
        self.is_waiting = True
        self.is_promised = False
        """Whether something was chosen for it that is to be its own."""

    def leave(self) -> bool:
        """Stop waiting, without an answer; whether it was waiting."""
        if self.is_promised:
            self.is_promised = False
            return True
        if not self.is_waiting:
            return False
        self._line.remove(self)
        return True


class WaitingLine(Generic[T]):
    """The line of one queue, or of its dead letters."""

    def __init__(
        self, take: Callable[[Waiter[T]], Coroutine[Any, None, list[T] | Completion[list[T]]]]
    ) -> None:
        """`take` takes what there is for a waiter, up to its limit; nothing when there is nothing.

        A completion is for what was chosen and is not the waiter's before it is resolved.
        """
        self._take = take
        self._ended_ms = 0
        """Waits up to here are over."""
        self._waiters: deque[Waiter[T]] = deque()
        self._phase: LinePhase = "resting"

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self, wanted: Wanted) -> Waiter[T]:
        """Stand in line; the answer may be there at once."""
        waiter: Waiter[T] = Waiter(self, wanted)
        self._waiters.append(waiter)
        self.wake()
        return waiter

    def wake(self) -> None:
        """There may be something for those who wait."""
        if not self._waiters:
            return
        self._phase = _phases["wake"][self._phase]
        if self._phase == "serving":
            drive(self._serve(), self._served)

    def end_waits(self, now_ms: int) -> None:
        """Answer those whose time is over."""
        self._ended_ms = now_ms
        for waiter in [waiter for waiter in self._waiters if waiter.wanted.until_ms <= now_ms]:
            if waiter.is_waiting:
                self.remove(waiter)
                waiter.answer.resolve([])

    def fail(self, error: KinesisError) -> None:
        """Nobody will get anything any more."""
        while self._waiters:
            waiter = self._waiters[0]
            self.remove(waiter)
            waiter.answer.fail(error)

    async def _serve(self) -> None:
        """One after the other, until there is nothing for the first one."""
        while self._waiters:
            waiter = self._waiters[0]
            try:
                taken = await self._take(waiter)
            except (KinesisError, StoreError) as error:
                if waiter.is_waiting:
                    self.remove(waiter)
                    waiter.answer.fail(error)
                continue
            if not waiter.is_waiting:
                continue
            if not taken:
                return
            self.remove(waiter)
            if isinstance(taken, Completion):
                waiter.is_promised = True
                taken.on_done(partial(self._promised, waiter, taken))
            else:
                waiter.answer.resolve(taken)

    def _promised(self, waiter: Waiter[T], taken: Completion[list[T]]) -> None:
        """What was chosen for a waiter is its own now, or is not, and another's."""
        if not waiter.is_promised:  # it has left
            return
        waiter.is_promised = False
        try:
            records = taken.result()
        except (KinesisError, StoreError) as error:
            waiter.answer.fail(error)
            return
        if records or waiter.wanted.until_ms <= self._ended_ms:
            waiter.answer.resolve(records)
            return
        waiter.is_waiting = True
        self._waiters.appendleft(waiter)
        self.wake()

    def _served(self, _value: None, error: BaseException | None) -> None:
        before, self._phase = self._phase, _phases["served"][self._phase]
        if error is not None:
            raise error
        if before == "serving again":
            self.wake()

    def remove(self, waiter: Waiter[T]) -> None:
        """Take a waiter out of the line; whoever does so answers it, if it is still there."""
        waiter.is_waiting = False
        self._waiters.remove(waiter)
