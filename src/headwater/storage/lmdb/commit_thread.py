"""The thread that waits for the disk, so that the engine does not.

A transaction is filled on the engine's thread; only its commit, which is the
write and the fsync, runs here. The rest would gain nothing from a thread of its
own: LMDB's calls give up the interpreter's lock one by one, and each would have
to win it back from a busy engine.

Refuses to know what is in a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING

import lmdb

from headwater.storage.interface import CommitTimes, Post
from headwater.storage.lmdb.file import Transaction

if TYPE_CHECKING:
    from queue import SimpleQueue


def try_commit(transaction: Transaction, times: CommitTimes) -> lmdb.Error | None:
    """Commit, and note how long it took; returns the error that prevented it."""
    started_s = perf_counter()
    try:
        transaction.commit()
    except lmdb.Error as error:
        times.failures += 1
        return error
    finally:
        times.durations.add(perf_counter() - started_s)
    return None


class CommitThread:
    """Commits one transaction at a time and posts what came of it."""

    def __init__(self, post: Post, times: CommitTimes) -> None:
        from queue import SimpleQueue  # noqa: PLC0415 - for a synced store only

        self._post = post
        self._times = times
        self._handed_over: SimpleQueue[tuple[Transaction, Callable[[lmdb.Error | None], None]] | None]
        self._handed_over = SimpleQueue()
        self._last_error: lmdb.Error | None = None
        self._thread = Thread(target=self._run, name="headwater-append", daemon=True)
        self._thread.start()

    def commit(self, transaction: Transaction, on_done: Callable[[lmdb.Error | None], None]) -> None:
        """Commit, then post `on_done` with the error, if there was one."""
        self._handed_over.put((transaction, on_done))

    def stop(self) -> lmdb.Error | None:
        """Wait for the commit under way and end the thread. Returns the last commit's error."""
        self._handed_over.put(None)
        self._thread.join()
        return self._last_error

    def _run(self) -> None:
        while (handed_over := self._handed_over.get()) is not None:
            transaction, on_done = handed_over
            self._last_error = try_commit(transaction, self._times)
            self._post(partial(on_done, self._last_error))
            del handed_over, transaction, on_done  # the thread sleeps holding nothing
