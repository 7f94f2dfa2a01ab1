"""Adapters between the engine's coroutines, which know no event loop, and asyncio's, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

from headwater.model.completion import Completion, drive
from headwater.model.errors import KinesisError
from headwater.storage.interface import IN_TIME_S, StoreInDoubt, StoreUnavailable

T = TypeVar("T")


async def finished(call: Coroutine[Any, None, T]) -> T:
    """The value of an engine's coroutine, or what it raises.

    It is begun at once, and goes to its end even when the waiting task is cancelled.
    """
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)  # type: ignore[arg-type]  # without an error, the value is a T

    drive(call, settle)
    return await future


async def in_time(call: Coroutine[Any, Any, T], refusal: type[Exception]) -> T:
    """The value of a coroutine of asyncio's, or what it raises: all that a request waits for together.

    What takes longer goes to its end. What it raises then nobody is told, if it is a `refusal`, a
    `KinesisError` or `StoreUnavailable`; else it is a fault of the server. Raises `StoreInDoubt`.
    """
    task = asyncio.get_running_loop().create_task(call)
    try:
        await asyncio.wait((task,), timeout=IN_TIME_S)
        if task.done():
            return task.result()
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        if not task.done():
            _tasks.add(task)
            task.add_done_callback(partial(_drop, (refusal, KinesisError, StoreUnavailable)))
    raise StoreInDoubt("the store has not answered in time")


def _drop(refusals: tuple[type[Exception], ...], task: asyncio.Task[Any]) -> None:
    """End what nobody waits for any more. Raises what is a fault of the server."""
    _tasks.discard(task)
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, refusals):
        raise error


def free_frames(error: BaseException) -> None:
    """Let go of the frames that an error has passed, once it is an answer.

    They have the request, and what they waited for leads to the error: all would stay until garbage is
    collected, which is seldom.
    """
    error.__traceback__ = None


def completed(call: Coroutine[Any, Any, T]) -> Completion[T]:
    """A coroutine of asyncio's, begun now, for one of the engine's to wait for."""
    completion: Completion[T] = Completion()
    task = asyncio.get_running_loop().create_task(call)
    _tasks.add(task)

    def settle(ended: asyncio.Task[T]) -> None:
        _tasks.discard(ended)
        error = RuntimeError("the server stops") if ended.cancelled() else ended.exception()
        if error is not None:
            completion.fail(error)
        else:
            completion.resolve(ended.result())

    task.add_done_callback(settle)
    return completion


_tasks: set[asyncio.Task[Any]] = set()
"""Tasks under way; the loop itself does not hold on to them."""
