"""An executor for an event loop that still works while the program ends.

When the interpreter shuts down, its executors refuse work; but the last records may need
credentials or an address, which event loops ask for in threads. Then that is done at
once, in the loop's own thread, which has nothing else to do by then.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class ExitProofExecutor(ThreadPoolExecutor):
    """An executor that runs work in the caller's thread when no thread can be started."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """The future of the work, which may be done already."""
        try:
            return super().submit(work, *arguments, **named)
        except RuntimeError:
            done: Future[Any] = Future()
            try:
                done.set_result(work(*arguments, **named))
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the work
                done.set_exception(error)
            return done
