"""The future of a record: its place in the stream, or the error.

A `concurrent.futures.Future` takes 2 us to make and 2 more to complete, which is more
than all the rest of a record's way. This one does the same for its readers, in any
thread or event loop, without a lock: to append to a list and to pop from it are each one
step, and the one that pops a callback runs it. So a signal handler may wait for it, wherever
it has interrupted a thread.

It is also the record while it waits to be put: one object for each, not two.

Rules:
- it is completed once, by the producer; callbacks run in the thread that completes it,
  or at once when it is done already;
- a callback that raises, whatever it is, is logged and stops nothing else (`users_code`);
- it cannot be cancelled: the record may be on its way.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from typing import NamedTuple

from headwater.client.calls.kinesis_calls import PutRecordsEntry, PutRecordsResult
from headwater.client.calls.users_code import listened

_DONE = PutRecordsEntry(b"", "")
"""The mark in place of the record when it is done: futures that are kept do not keep data."""


class PutResult(NamedTuple):
    """The place of a record: shard id and sequence number."""

    shard_id: str
    sequence_number: str


class PutFuture:
    """The future of one record. `await` it, or call `result`."""

    __slots__ = (
        "_callbacks", "_error", "_result", "attempts", "blocked_by", "entry", "retry_until_s", "since_s",
        "size_bytes",
    )  # fmt: skip
    tags = b""
    """What goes beside the record in an aggregate, encoded; a traced put has some."""

    def __init__(self, entry: PutRecordsEntry, size_bytes: int, since_s: float) -> None:
        self._result: PutRecordsResult | None = None
        self._error: Exception | None = None
        self._callbacks: list[Callable[[PutFuture], object]] = []
        # What follows is the producer's.
        self.entry = entry
        self.size_bytes = size_bytes
        self.since_s = since_s
        self.attempts = 0
        self.retry_until_s = 0.0
        self.blocked_by = 0

    def done(self) -> bool:
        """Whether the record has its outcome."""
        return self._result is not None or self._error is not None

    def result(self, timeout: float | None = None) -> PutResult:
        """The record's place, after at most `timeout` seconds. Raises `ProducerError` and `TimeoutError`."""
        self._wait(timeout)
        return self._outcome()

    def exception(self, timeout: float | None = None) -> Exception | None:
        """The record's error; None when it is in the stream. Waits like `result`; raises `TimeoutError`."""
        self._wait(timeout)
        return self._error

    def add_done_callback(self, callback: Callable[[PutFuture], object]) -> None:
        """Call `callback` with this future when it is done; at once if it is."""
        self._callbacks.append(callback)
        if self.done():
            self._run_callbacks()

    def __await__(self) -> Generator[object, None, PutResult]:
        if not self.done():
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = loop.create_future()
            self.add_done_callback(lambda _: _wake(loop, waiter))
            yield from waiter
        return self._outcome()

    def succeed(self, result: PutRecordsResult) -> None:
        """Complete the future. For the producer only."""
        self.entry = _DONE
        self._result = result
        if self._callbacks:
            self._run_callbacks()

    def fail(self, error: Exception) -> None:
        """Complete the future with an error. For the producer only."""
        self.entry = _DONE
        self._error = error
        if self._callbacks:
            self._run_callbacks()

    def members(self) -> tuple[PutFuture, ...]:
        """The user records in it: itself."""
        return (self,)

    def partition_keys(self) -> tuple[str, ...]:
        """The partition keys of its user records, each once."""
        return (self.entry.partition_key,)

    def _outcome(self) -> PutResult:
        if self._error is not None:
            raise self._error
        result = self._result
        assert result is not None
        return PutResult(str(result.shard_id), str(result.sequence_number))

    def _wait(self, timeout: float | None) -> None:
        if self.done():
            return
        done = threading.Event()
        self.add_done_callback(lambda _: done.set())
        if not done.wait(timeout):
            raise TimeoutError

    def _run_callbacks(self) -> None:
        callbacks = self._callbacks
        while callbacks:
            try:
                callback = callbacks.pop(0)
            except IndexError:  # another thread took the last one
                return
            listened("a callback of a put", callback, self)


def _wake(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None]) -> None:
    def set_result() -> None:
        if not waiter.done():
            waiter.set_result(None)

    if not loop.is_closed():
        loop.call_soon_threadsafe(set_result)
