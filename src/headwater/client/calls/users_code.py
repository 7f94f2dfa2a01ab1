"""Calls of the application's own code, and what it may raise.

Handlers, what takes dead letters, hooks and callbacks raise anything: errors, a
StopIteration of a stray `next`, a CancelledError of some future of theirs, classes of
their own below BaseException, SystemExit. Raised through futures and tasks, half of these
mean something else there: they end a task without a word, or the event loop, or are
never told at all. So nothing that users' code raises crosses one: it is caught where it is raised,
and travels as a value, an `Outcome`.

Rules:
- SystemExit and KeyboardInterrupt ask for the end of the program: as `ProgramExit` they
  stop what they were raised in like any error, and the faces raise them again, as they
  were, in the thread or task that runs the consumer;
- everything else is a failure like any other, whatever its class;
- a coroutine of users' runs in a task of its own. Whoever waits for it and is cancelled
  passes that on, and is cancelled; a CancelledError of its own is a failure;
- what runs in a thread cannot be cancelled: the task that waits for it is cancelled when it
  is done, or at once if it has not begun.

Refuses to know what follows a failure.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, NamedTuple, NoReturn

from headwater.client.calls.errors import ClientError

_log = logging.getLogger("headwater.client")


class ProgramExit(Exception):
    """A SystemExit or KeyboardInterrupt that users' code raised."""

    def __init__(self, asked_by: SystemExit | KeyboardInterrupt) -> None:
        super().__init__(described(asked_by))
        self.asked_by = asked_by


class UnusualError(ClientError):
    """An error of the application below BaseException alone; it is the cause."""


class Outcome(NamedTuple):
    """The outcome of a call of users' code: a value, or what it raised."""

    value: Any = None
    error: BaseException | None = None

    @property
    def failure(self) -> BaseException | None:
        """The error, if any. Raises `ProgramExit` when it asks for the end of the program."""
        if isinstance(self.error, SystemExit | KeyboardInterrupt):
            raise ProgramExit(self.error)
        return self.error


Call = Callable[..., Awaitable[Outcome]]
"""A way to call a plain function of users': here or in a thread."""


def outcome_of(function: Callable[..., Any], *arguments: Any) -> Outcome:
    """The outcome of a function, called at once."""
    try:
        return Outcome(function(*arguments))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        return Outcome(error=error)


def outcome_of_whole(function: Callable[..., Any], *arguments: Any) -> Outcome:
    """The outcome of a function in a thread without an event loop; a coroutine is run to its end."""
    outcome = outcome_of(function, *arguments)
    if asyncio.iscoroutine(outcome.value):
        return outcome_of(asyncio.run, outcome.value)
    return outcome


async def outcome_here(function: Callable[..., Any], *arguments: Any) -> Outcome:
    """The outcome of a function in the event loop's own thread. A `Call`."""
    return outcome_of(function, *arguments)


async def outcome_in_thread(
    threads: Executor, call: Callable[..., Outcome], function: Callable[..., Any], *arguments: Any
) -> Outcome:
    """The outcome of a function that `call`, one of those above, calls in another thread.

    It runs in a copy of this context: what is current here, such as a span, is current there.
    """
    submitted = threads.submit(copy_context().run, call, function, *arguments)
    waiting = asyncio.wrap_future(submitted)
    try:
        await asyncio.wait({waiting})
    except asyncio.CancelledError:
        if not submitted.cancel():
            await asyncio.wait({waiting})
        raise
    return waiting.result()


async def outcome_of_coroutine(function: Callable[..., Awaitable[Any]], *arguments: Any) -> Outcome:
    """The outcome of a coroutine function, run in a task of its own."""
    task = asyncio.create_task(_awaited(function, arguments))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    return Outcome(error=asyncio.CancelledError()) if task.cancelled() else task.result()


async def outcome_of_either(call: Call, function: Callable[..., Any], *arguments: Any) -> Outcome:
    """The outcome of a coroutine function, or of a plain one that `call` calls."""
    outcome = await call(function, *arguments)
    if inspect.isawaitable(outcome.value):
        return await outcome_of_coroutine(_itself, outcome.value)
    return outcome


def listened(what: str, function: Callable[..., Any], *arguments: Any) -> None:
    """Call a hook or callback: an error of it is logged and changes nothing here.

    The end of the program, though, is the main thread's to decide: there SystemExit and
    KeyboardInterrupt are raised, in the event loop's next step if one runs, so that what calls the
    listener is done first.
    """
    error = outcome_of(function, *arguments).error
    if error is None:
        return
    is_exit = isinstance(error, SystemExit | KeyboardInterrupt)
    if not is_exit or threading.current_thread() is not threading.main_thread():
        _log.error("%s raised %s", what, described(error), exc_info=error)
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise error from None
    loop.call_soon(_raise, error)


def translated(error: BaseException) -> Exception:
    """The exception to raise for an error of unknown origin."""
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return ProgramExit(error)
    if isinstance(error, Exception):
        return error
    unusual = UnusualError(f"the application's code raised {described(error)}")
    unusual.__cause__ = error
    return unusual


def is_cancelled_itself() -> bool:
    """Whether the present task was cancelled: its CancelledError is not one of users' code."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@contextmanager
def exits_as_asked() -> Iterator[None]:
    """Raise the SystemExit or KeyboardInterrupt of users' code as it was."""
    try:
        yield
    except ProgramExit as exit_:
        raise exit_.asked_by from None


def described(error: BaseException) -> str:
    """The `repr` of an error, which is users' code as well."""
    shown = outcome_of(repr, error)
    return shown.value if shown.error is None else f"{type(error).__name__}()"


async def _awaited(function: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...]) -> Outcome:
    try:
        return Outcome(await function(*arguments))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        return Outcome(error=error)


async def _itself(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _raise(error: BaseException) -> NoReturn:
    raise error
