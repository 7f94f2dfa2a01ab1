"""A consumer's core on an event loop in a thread of its own, run and stopped from other threads.

Rules:
- the thread starts with the first call; `close`, and the end of the program, end it;
- who runs a consumer ends it: `close` elsewhere stops it and waits, and in a handler it only stops it,
  since a consumer cannot end while a handler of its runs;
- in the main thread SIGTERM and SIGINT stop what is run.

Refuses to know what a core reads.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Protocol, TypeVar

from headwater.client.calls.loop_thread import LoopThread

Answer = TypeVar("Answer")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Core(Protocol):
    """A consumer that belongs to one event loop."""

    def stop(self) -> None:
        """Begin nothing more."""

    def fail(self, error: BaseException) -> None:
        """Stop, and raise an error at the end."""

    async def close(self) -> None:
        """Stop, and return when nothing is left to do."""

    async def ended(self) -> None:
        """Return when nothing is handled any more."""


class CoreThread:
    """The thread of one core. May be used in any thread."""

    def __init__(self, core: Core, name: str) -> None:
        self._core = core
        self._loop = LoopThread(name, core.fail, self.close)
        self._is_run = False
        self._within: set[int] = set()
        """The threads of handlers, which cannot wait for the consumer's end."""

    @property
    def is_running(self) -> bool:
        """Whether it has started and has not ended."""
        return self._loop.is_running

    @property
    def is_here(self) -> bool:
        """Whether the caller is in the thread of the loop."""
        return threading.get_ident() == self._loop.ident

    def call(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        """The result of a coroutine on the loop. Raises as `LoopThread.call`."""
        return self._loop.call(coroutine)

    def call_soon(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a function called on the loop; here and now when it does not run."""
        self._loop.call_soon(function, *arguments)

    def run(self, running: Coroutine[Any, Any, None], *, stop_signals: bool) -> None:
        """Run a coroutine of the core to its end, then end the thread. Raises what it raises."""
        restored = self._stop_at_signals() if stop_signals else {}
        self._is_run = True
        try:
            self.call(running)
        finally:
            for number, before in restored.items():
                signal.signal(number, signal.SIG_DFL if before is None else before)  # None: not Python's
            self.close()
            self._is_run = False
            self.close()

    def stop(self) -> None:
        """Have the core begin nothing more."""
        self.call_soon(self._core.stop)

    def close(self) -> None:
        """Close the core, and end the thread. May be called again."""
        if not self.is_running:
            return
        if self._is_run:
            self.stop()
            if threading.get_ident() not in self._within and not self.is_here:
                self.call(self._core.ended())
            return
        self._loop.end(self._core.close())

    def is_within(self) -> None:
        """Say that the calling thread runs handlers."""
        self._within.add(threading.get_ident())

    def _stop_at_signals(self) -> dict[int, Any]:
        """The handlers that the signals had before."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, lambda *_: self.stop()) for number in STOP_SIGNALS}


class AlreadyDone:
    """The result of what is done already: awaiting it returns at once."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()
