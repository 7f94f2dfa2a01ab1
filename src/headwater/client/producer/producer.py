"""A producer for threads and scripts.

    with KinesisProducer("orders") as producer:
        producer.put(b"...", partition_key="customer-7")

The work is `producer_core`'s, on an event loop in a thread of its own, which starts with
the first record: so a producer may be made before a process forks.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.endpoint import Session
from headwater.client.calls.errors import BufferFull, ProducerClosed, PutByParent
from headwater.client.calls.metrics import Metric
from headwater.client.producer import process_hooks
from headwater.client.producer.core import ProducerCore
from headwater.client.producer.counters import CallReport, ProducerCounters
from headwater.client.producer.exit_proof_executor import ExitProofExecutor
from headwater.client.producer.put_arguments import Data, new_put
from headwater.client.producer.put_future import PutFuture
from headwater.client.producer.put_queue import PutQueue
from headwater.client.producer.settings import ProducerSettings

_log = logging.getLogger("headwater.client")

_left_to_parent: list[Any] = []
"""A forked child must not close what it shares with its parent, so it never lets go of it."""


class KinesisProducer:
    """Puts records into one stream. Safe to use from several threads, and after a fork."""

    def __init__(
        self,
        stream: str,
        *,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        session: Session | None = None,
        verify: bool | str | None = None,
        on_call: Callable[[CallReport], object] | None = None,
        **settings: Any,
    ) -> None:
        """`stream` is a name or an ARN; `settings` are fields of `ProducerSettings`.

        `endpoint_url`, `region_name`, `session` and `verify` are as boto3's. `on_call` is told of each
        PutRecords call, in the producer's thread. Raises `ConfigurationError`, `ValueError`, `TypeError`.
        """
        self.stream = stream
        self.settings = ProducerSettings(**settings)
        self.counters = ProducerCounters()
        self._on_call = on_call
        self._service = AwsService("kinesis", endpoint_url, region_name, session, verify=verify)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin()
        process_hooks.watch(self, sigterm=self.settings.flush_on_sigterm)

    def put(
        self, data: Data, partition_key: str | None = None, explicit_hash_key: str | int | None = None
    ) -> PutFuture:
        """Take a record; its future gives (shard id, sequence number), or why it could not be put.

        Without a key a random one spreads the load. Waits only when the buffer is full. Raises
        `TypeError` and `ValueError` for what can be no record, `RecordTooLarge`, `BufferFull`,
        `ProducerClosed`.
        """
        if self._is_closed:
            raise ProducerClosed(f"the producer of {self.stream} is closed")
        put = new_put(data, partition_key, explicit_hash_key, time.monotonic())
        if not self._buffer.offer(put, self._wake):
            self._wait_for_room(put)
        if self._is_gone and not put.done():
            put.fail(ProducerClosed(f"the producer of {self.stream} was closed meanwhile"))
        return put

    def flush(self, timeout: float | None = None) -> None:
        """Return when all that has been put by now has its outcome. Raises `TimeoutError`."""
        loop = self._loop
        if loop is not None and not self._is_gone:
            asyncio.run_coroutine_threadsafe(self._core.flush(), loop).result(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Take no more, flush for `timeout` s at most, then fail what is left. Harmless when called again."""
        self._is_closed = True
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None:
            closing = asyncio.run_coroutine_threadsafe(self._close(timeout), self._loop)
            closing.result()
            thread.join()
        process_hooks.forget(self)

    def metrics(self) -> Iterator[Metric]:
        """The counters, and what is held, by name."""
        return self.counters.metrics(self.stream, self._buffer.records, self._buffer.bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def at_exit(self) -> None:
        """Flush: the program ends."""
        try:
            self.flush(self.settings.close_timeout_s)
        except TimeoutError:
            _log.error("the program ends with %d records not put into %s", self._buffer.records, self.stream)

    def after_exit(self) -> None:
        """Close: no thread can be started any more."""
        self.close(self.settings.close_timeout_s)

    def on_sigterm(self, then: Callable[[], object]) -> bool:  # noqa: ARG002 - it is done when this returns
        """Flush."""
        self.at_exit()
        return True

    def after_fork(self) -> None:
        """Begin empty in a child: what the parent holds is the parent's to put."""
        _left_to_parent.append((self._core, self._service, self._loop))
        self._core.abandon(PutByParent(f"put into {self.stream} before the process was forked"))
        self._service = self._service.twin()
        self.counters = ProducerCounters()
        self._begin()

    def _begin(self) -> None:
        settings = self.settings
        self._is_closed = False
        self._is_gone = False
        self._lock = threading.Lock()
        self._thread = self._loop = None
        self._told_to_stop: asyncio.Event | None = None
        self._buffer = PutQueue(
            settings.buffer_records, settings.buffer_bytes, settings.batch_records, settings.batch_bytes
        )
        self._core = ProducerCore(
            self.stream, settings, self._buffer, self.counters, self._service, self._on_call
        )

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
        """The loop, in a new thread unless another thread was faster."""
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
                raise BufferFull(f"{self._buffer.records} records wait to be put into {self.stream}")
            if self._is_closed:
                raise ProducerClosed(f"the producer of {self.stream} is closed")


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop of uvloop's, where there is one."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
