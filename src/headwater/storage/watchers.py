"""Who wants to hear of which log, and how news leaves a store.

Rules:
- a watcher is called once for each commit, and never after its watch ended, not
  even when the watch ends while the news of the same commit is being delivered;
- a waiter or watcher that raises does not keep the others from being called.

Refuses to know what the news is about, and how a commit is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from headwater.storage.interface import Post


class Watchers:
    """The callbacks of every watched log."""

    def __init__(self) -> None:
        self.watched: dict[int, dict[object, Callable[[], None]]] = {}
        """By log; only those that somebody watches."""

    def add(self, log_id: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Watch a log; returns the function that ends the watch, harmless when called again."""
        watch = object()
        self.watched.setdefault(log_id, {})[watch] = callback

        def end() -> None:
            callbacks = self.watched.get(log_id, {})
            callbacks.pop(watch, None)
            if not callbacks:
                self.watched.pop(log_id, None)

        return end

    def calls(self, log_ids: Iterable[int]) -> Iterator[Callable[[], None]]:
        """The callbacks to call now that these logs have changed."""
        if not self.watched:
            return  # as long as nobody subscribes, which is most of the time
        for log_id in log_ids:
            for watch in tuple(self.watched.get(log_id, ())):
                callback = self.watched.get(log_id, {}).get(watch)
                if callback is not None:
                    yield callback


def deliver(calls: Iterator[Callable[[], None]], post: Post) -> None:
    """Make the calls in order. When one raises, the rest follow in a callback of their own."""
    try:
        for call in calls:
            call()
    except BaseException:
        post(partial(deliver, calls, post))
        raise
