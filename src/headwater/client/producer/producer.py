"""A producer for threads and scripts.

    with KinesisProducer("orders") as producer:
        producer.put(b"...", partition_key="customer-7")

The work is `ProducerCore`'s, on an event loop in a thread of its own, which starts with
the first record: so a producer may be made before a process forks.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from headwater.client.calls.errors import BufferFull, ClientError, ProducerClosed
from headwater.client.producer import process_hooks
from headwater.client.producer.base import ProducerBase
from headwater.client.producer.exit_proof_executor import ExitProofExecutor
from headwater.client.producer.put_arguments import Data, new_put
from headwater.client.producer.put_future import PutFuture

_log = logging.getLogger("headwater.client")


class KinesisProducer(ProducerBase):
    """A producer of one stream for threads. Safe to use from several threads, and after a fork."""

    _thread: threading.Thread | None

    def put(
        self, data: Data, partition_key: str | None = None, explicit_hash_key: str | int | None = None
    ) -> PutFuture:
        """Take a record. Its future gives (shard id, sequence number), or raises `ProducerError`.

        Without a partition key it gets a random one. Waits only when the buffer is full. Raises
        `TypeError` and `ValueError` for an invalid record, `RecordTooLarge`, `BufferFull` and
        `ProducerClosed`.
        """
        if self._is_closed:
            raise self._closed()
        put = new_put(data, partition_key, explicit_hash_key, time.monotonic(), self._kind)
        if not self._buffer.offer(put, self._wake):
            try:
                self._wait_for_room(put)
            except ClientError as error:
                put.fail(error)  # nobody has it, except who traces it
                raise
        if self._is_gone and not put.done():
            put.fail(ProducerClosed(f"the producer of {self.stream} was closed meanwhile"))
        return put

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every record that was put so far has its outcome. Raises `TimeoutError`."""
        loop = self._loop
        if loop is not None and not self._is_gone:
            asyncio.run_coroutine_threadsafe(self._core.flush(), loop).result(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Close: flush for `timeout` seconds at most, then fail the rest. May be called again."""
        self._is_closed = True
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None:
            closing = asyncio.run_coroutine_threadsafe(self._close(timeout), self._loop)
            closing.result()
            thread.join()
        process_hooks.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def at_exit(self) -> None:
        """Flush, at the end of the program."""
        try:
            self.flush(self.settings.close_timeout_s)
        except TimeoutError:
            _log.error("the program ends with %d records not put into %s", self._buffer.records, self.stream)

    def after_exit(self) -> None:
        """Close, when no thread can be started any more."""
        self.close(self.settings.close_timeout_s)

    def on_sigterm(self, then: Callable[[], object]) -> bool:  # noqa: ARG002 - it is done when this returns
        """Flush, on SIGTERM."""
        self.at_exit()
        return True

    def _begin(self) -> None:
        super()._begin()
        self._is_gone = False
        self._lock = threading.Lock()
        self._thread = None
        self._told_to_stop: asyncio.Event | None = None

    def _wake(self) -> None:
        self._in_loop(self._core.wake)

    def _in_loop(self, callback: Callable[[], object]) -> None:
        loop = self._loop or self._start()
        try:
            loop.call_soon_threadsafe(callback)
        except RuntimeError:  # it was closed meanwhile
            if not self._is_closed:
                raise

    def _start(self) -> asyncio.AbstractEventLoop:
        """Start the event loop in a thread, unless another thread did."""
        with self._lock:
            if self._loop is None:
                process_hooks.keep(self)
                started = threading.Event()
                name = f"producer of {self.stream}"
                self._thread = threading.Thread(target=self._run, args=(started,), name=name, daemon=True)
                self._thread.start()
                started.wait()
            assert self._loop is not None
            return self._loop

    def _run(self, started: threading.Event) -> None:
        with asyncio.Runner(loop_factory=_new_event_loop) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        self._told_to_stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ExitProofExecutor())
        started.set()
        await self._told_to_stop.wait()

    async def _close(self, timeout: float | None) -> None:
        await self._core.flush_within(timeout)
        self._is_gone = True
        await self._core.close()
        assert self._told_to_stop is not None
        self._told_to_stop.set()

    def _wait_for_room(self, put: PutFuture) -> None:
        timeout_s = self.settings.put_timeout_s
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            room = threading.Event()
            self._buffer.when_room(room.set)
            if self._buffer.offer(put, self._wake):
                return
            self._in_loop(self._core.drain)
            if not room.wait(None if until_s is None else max(0.0, until_s - time.monotonic())):
                raise BufferFull(self._full())
            if self._is_closed:
                raise self._closed()


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop of uvloop's if it is installed, else asyncio's."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
