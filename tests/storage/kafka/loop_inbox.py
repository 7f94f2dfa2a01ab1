"""The inbox of a store that needs an event loop: what waits for the store runs the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from headwater.model.completion import drive
from tests.storage.inbox import Inbox
from tests.waiting import RETRY_FOR_S

T = TypeVar("T")
LOOK_AGAIN_S = 0.005


class LoopInbox(Inbox):
    """Use it as `inbox` of the contract; the store posts nothing, its loop is this one's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._faults: list[BaseException] = []
        loop.set_exception_handler(self._note)

    def close(self) -> None:
        """End what still runs on the loop, and the loop."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()

        async def ended() -> None:
            await asyncio.gather(*tasks, return_exceptions=True)

        self._loop.run_until_complete(ended())
        self._loop.close()

    def run(self, awaitable: Awaitable[T]) -> T:
        """The value of what waits for completions, or its exception, or that of a callback meanwhile."""
        future: asyncio.Future[T] = self._loop.create_future()

        async def wait() -> T:
            return await awaitable

        def tell(value: T | None, error: BaseException | None) -> None:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)  # type: ignore[arg-type]  # without an error, the value is a T

        drive(wait(), tell)
        return self.run_on_loop(asyncio.wait_for(future, RETRY_FOR_S))

    def run_on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """The value of a coroutine of the loop's own."""
        try:
            return self._loop.run_until_complete(work)
        finally:
            self._raise_faults()

    def run_until(self, condition: Callable[[], bool]) -> None:
        """Run the loop until `condition` holds."""

        async def hold() -> None:
            while not condition():
                await asyncio.sleep(LOOK_AGAIN_S)

        self.run_on_loop(asyncio.wait_for(hold(), RETRY_FOR_S))

    def pass_time(self, seconds: float) -> None:
        """Let time pass on the loop."""
        self.run_on_loop(asyncio.sleep(seconds))

    def now_s(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def run_posted(self) -> int:
        """Run what the loop has to do at once."""
        self.run_on_loop(asyncio.sleep(0))
        return 0

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._faults.append(context.get("exception") or AssertionError(context["message"]))

    def _raise_faults(self) -> None:
        faults, self._faults = self._faults, []
        if faults:
            raise faults[0]
