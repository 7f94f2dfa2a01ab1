"""The moments at which a process must see to its producers: its end, SIGTERM, a fork.

Rules:
- at the end of the program all producers are flushed while threads can still be
  started, which the last calls may need, and closed after that;
- on SIGTERM they are flushed, then happens what would have happened without them: the
  handler that was there before, or the end of the process by that signal;
- a handler is set only by the main thread, only once, and never in place of one that
  ignores the signal;
- a forked child forgets what its parent holds.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # so that its own end comes after ours
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol
from weakref import WeakSet

assert concurrent.futures.thread


class ProcessHooks(Protocol):
    """A producer, as these moments see it."""

    def at_exit(self) -> None:
        """Flush; the program ends."""

    def after_exit(self) -> None:
        """Close; no thread can be started any more."""

    def on_sigterm(self, then: Callable[[], object]) -> bool:
        """Flush; False: it goes on, and calls `then` when that is done."""

    def after_fork(self) -> None:
        """This is the child now."""


_producers: WeakSet[Any] = WeakSet()
_in_use: set[Any] = set()
"""Those that have taken records and are not closed, even when the application has dropped them."""
_previous: Any = None
_are_hooks_set = False
_is_handler_set = False
_hooks_lock = threading.Lock()


def watch(producer: ProcessHooks, *, sigterm: bool) -> None:
    """See to a producer at those moments."""
    global _are_hooks_set  # noqa: PLW0603 - there is one process
    with _hooks_lock:
        if not _are_hooks_set:
            _are_hooks_set = True
            # Called before threads are joined, the last registered first.
            getattr(threading, "_register_atexit", atexit.register)(_at_exit)
            atexit.register(_after_exit)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_after_fork)
        _producers.add(producer)
    if sigterm and threading.current_thread() is threading.main_thread():
        _set_handler()


def keep(producer: ProcessHooks) -> None:
    """It has taken a record."""
    _in_use.add(producer)


def forget(producer: ProcessHooks) -> None:
    """It is closed."""
    _producers.discard(producer)
    _in_use.discard(producer)


def _at_exit() -> None:
    for producer in tuple(_producers):
        producer.at_exit()


def _after_exit() -> None:
    for producer in tuple(_producers):
        producer.after_exit()


def _after_fork() -> None:
    global _hooks_lock  # noqa: PLW0603 - another thread of the parent may have held it
    _hooks_lock = threading.Lock()
    for producer in tuple(_producers):
        producer.after_fork()


def _set_handler() -> None:
    global _previous, _is_handler_set  # noqa: PLW0603 - there is one process
    present = signal.getsignal(signal.SIGTERM)
    if _is_handler_set or present is signal.SIG_IGN or present is None:
        return
    _is_handler_set = True
    _previous = present
    signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    """In the main thread, between two steps of whatever it does."""
    waiting = 1

    def flushed() -> None:
        nonlocal waiting
        waiting -= 1
        if waiting == 0:
            _go_on(number, frame)

    for producer in tuple(_producers):
        waiting += 1
        if producer.on_sigterm(flushed):
            waiting -= 1
    flushed()


def _go_on(number: int, frame: FrameType | None) -> None:
    """Let happen what would have happened."""
    if callable(_previous):
        _previous(number, frame)
        return
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
