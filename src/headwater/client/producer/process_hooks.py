"""Hooks of a process for its producers: at its end, at SIGTERM, at a fork.

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
    """The protocol of a producer for these hooks."""

    def at_exit(self) -> None:
        """Flush, at the end of the program."""

    def after_exit(self) -> None:
        """Close, when no thread can be started any more."""

    def on_sigterm(self, then: Callable[[], object]) -> bool:
        """Flush; False: the flush goes on, and calls `then` at its end."""

    def after_fork(self) -> None:
        """Begin empty in a forked child."""


_producers: WeakSet[Any] = WeakSet()
_in_use: set[Any] = set()
"""The producers that have taken records and are not closed; they live even if the application drops them."""
_previous: Any = None
_are_hooks_set = False
_is_handler_set = False
_hooks_lock = threading.Lock()


def watch(producer: ProcessHooks, *, sigterm: bool) -> None:
    """Call a producer's hooks from now on."""
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
    """Keep a producer alive that has taken a record."""
    _in_use.add(producer)


def forget(producer: ProcessHooks) -> None:
    """Let go of a closed producer."""
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
    """The signal handler: it runs in the main thread, between any two steps."""
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
    """Let the signal have the effect that it had without the producer."""
    if callable(_previous):
        _previous(number, frame)
        return
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
