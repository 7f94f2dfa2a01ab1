"""An event loop in a thread of its own, for callers without one.

Rules:
- the thread starts with the first call, and ends when it is told to, or with the program;
- a caller that is interrupted while it waits leaves nothing waiting on the loop;
- SystemExit and KeyboardInterrupt of a task that users' code has made do not end the
  loop: they are told to `on_exit`.

Refuses to know what the calls do.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from headwater.client.calls.errors import ConfigurationError
from headwater.client.calls.users_code import exits_as_asked

Answer = TypeVar("Answer")


class LoopThread:
    """One event loop and its thread. May be used in any thread."""

    def __init__(
        self, name: str, on_exit: Callable[[BaseException], None], at_exit: Callable[[], None]
    ) -> None:
        """`on_exit` is called on the loop; `at_exit` when the program ends before `end`."""
        self._name = name
        self._on_exit = on_exit
        self._at_exit = at_exit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has started and has not ended."""
        return self._thread is not None

    @property
    def ident(self) -> int | None:
        """The number of its thread, as of `threading.get_ident`."""
        return None if self._thread is None else self._thread.ident

    def call(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        """What a coroutine comes to on the loop. Raises what it raises, and `ConfigurationError` after `end`.

        A SystemExit or KeyboardInterrupt of users' code is raised as it was.
        """
        try:
            loop = self._started()
        except ConfigurationError:
            coroutine.close()
            raise
        called = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            with exits_as_asked():
                return called.result()
        except BaseException:
            called.cancel()  # Ctrl-C must not leave it waiting
            raise

    def call_soon(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a function called on the loop; here and now when it does not run."""
        if self._loop is None or self._loop.is_closed():
            function(*arguments)
        else:
            self._loop.call_soon_threadsafe(function, *arguments)

    def end(self, last: Coroutine[Any, Any, Any]) -> None:
        """Run a last coroutine, then end the loop and its thread."""
        atexit.unregister(self._at_exit)
        try:
            self.call(last)
        finally:
            if self._loop is not None and self._thread is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._thread = None

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None and self._thread is None:
            raise ConfigurationError("the consumer is closed")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._run, args=(self._loop,), name=self._name, daemon=True
            )
            self._thread.start()
            atexit.register(self._at_exit)
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            while True:
                try:
                    loop.run_forever()
                    break
                except (SystemExit, KeyboardInterrupt) as error:
                    self._on_exit(error)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
