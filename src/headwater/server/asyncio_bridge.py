"""Adapters between the engine's coroutines, which know no event loop, and asyncio's, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from headwater.model.completion import Completion, drive

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
