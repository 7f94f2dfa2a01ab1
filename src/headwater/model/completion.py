"""A result that arrives later, and the driver of coroutines that wait for one.

The engine is written as plain `async def` functions, yet knows no event loop:
the only thing it ever waits for is a `Completion`, and whoever calls it decides
how time passes. The server resolves completions from its event loop; a test or
a simulation resolves them in any order that it likes.

Rules:
- a completion is resolved or failed exactly once, always on the caller's side
  of the store (the thread that runs the engine);
- its waiter runs at once, inside `resolve`;
- an already resolved completion does not suspend its waiter at all, so an
  operation that needs no commit runs to its end without a scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_RESOLVED_ONCE = "a completion is resolved once"


class Completion(Generic[T]):
    """One value, or one exception, that becomes known later. Await it from one place."""

    __slots__ = ("_done", "_error", "_value", "_waiter")

    def __init__(self) -> None:
        self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._waiter: Callable[[], None] | None = None

    def resolve(self, value: T) -> None:
        """Give the value and run the waiter."""
        if self._done:
            raise RuntimeError(_RESOLVED_ONCE)
        self._value = value
        self._done = True
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            waiter()

    def fail(self, error: BaseException) -> None:
        """Give the exception that the waiter shall see, and run the waiter."""
        if self._done:
            raise RuntimeError(_RESOLVED_ONCE)
        self._error = error
        self._done = True
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter()

    def on_done(self, waiter: Callable[[], None]) -> None:
        """Run `waiter` once the result is known: now, if it already is."""
        if self._done:
            waiter()
        else:
            self._waiter = waiter

    def result(self) -> T:
        """The value of a finished completion, or what it was failed with. Raises RuntimeError before that."""
        if not self._done:
            raise RuntimeError("the completion has no result yet")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # resolved: the value is a T

    def __await__(self) -> Generator[Completion[T], None, T]:
        if not self._done:
            yield self
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # resolved: the value is a T


class Resolved(Completion[T]):
    """A completion that has its value from the beginning."""

    __slots__ = ()

    def __init__(self, value: T) -> None:
        self._done = True
        self._value = value
        self._error = None
        self._waiter = None


def begun(coroutine: Coroutine[Any, None, T]) -> Completion[T]:
    """The completion of a coroutine that is run on from now."""
    completion: Completion[T] = Completion()

    def end(value: T | None, error: BaseException | None) -> None:
        if error is not None:
            completion.fail(error)
        else:
            completion.resolve(value)  # type: ignore[arg-type]  # without an error, the value is a T

    drive(coroutine, end)
    return completion


def drive(
    coroutine: Coroutine[Any, None, T],
    on_done: Callable[[T | None, BaseException | None], None],
) -> None:
    """Run `coroutine` on until it ends, pausing at each unresolved completion.

    `on_done(value, None)` or `on_done(None, error)` is called exactly once: before
    `drive` returns if nothing had to be waited for.
    """
    try:
        waited_for = coroutine.send(None)
    except StopIteration as stop:
        on_done(stop.value, None)
    except Exception as error:  # noqa: BLE001 - handed on to the caller, whatever it is
        on_done(None, error)
    else:
        waited_for.on_done(partial(drive, coroutine, on_done))
