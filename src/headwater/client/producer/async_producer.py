"""A producer for asyncio.

    async with AsyncKinesisProducer("orders") as producer:
        put = await producer.put(b"...", partition_key="customer-7")
        shard_id, sequence_number = await put

It lives on the event loop of its first record. What that loop leaves when it ends is put
at the end of the program, by another one.
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


class AsyncKinesisProducer:
    """Puts records into one stream, on one event loop."""

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
        PutRecords call. Raises `ConfigurationError`, `ValueError`, `TypeError`.
        """
        self.stream = stream
        self.settings = ProducerSettings(**settings)
        self.counters = ProducerCounters()
        self._on_call = on_call
        self._service = AwsService("kinesis", endpoint_url, region_name, session, verify=verify)
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_id = 0
        self._flushing: asyncio.Task[None] | None = None
        self._buffer, self._core = self._new_core()
        process_hooks.watch(self, sigterm=self.settings.flush_on_sigterm)

    async def put(
        self, data: Data, partition_key: str | None = None, explicit_hash_key: str | int | None = None
    ) -> PutFuture:
        """Take a record; awaiting its future gives (shard id, sequence number), or raises why there are none.

        Without a key a random one spreads the load. Waits only when the buffer is full. Raises
        `TypeError` and `ValueError` for what can be no record, `RecordTooLarge`, `BufferFull`,
        `ProducerClosed`.
        """
        if self._is_closed:
            raise ProducerClosed(f"the producer of {self.stream} is closed")
        put = new_put(data, partition_key, explicit_hash_key, time.monotonic())
        if not self._buffer.offer(put, self._wake):
            await self._wait_for_room(put)
        return put

    async def flush(self) -> None:
        """Return when all that has been put by now has its outcome."""
        if self._loop is not None:
            await self._core.flush()

    async def close(self, timeout: float | None = None) -> None:
        """Take no more, flush for `timeout` s at most, then fail what is left. Harmless when called again."""
        if not self._is_closed:
            self._is_closed = True
            if self._loop is not None:
                await self._core.flush_within(timeout)
            await self._core.close()
        process_hooks.forget(self)

    def metrics(self) -> Iterator[Metric]:
        """The counters, and what is held, by name."""
        return self.counters.metrics(self.stream, self._buffer.records, self._buffer.bytes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def at_exit(self) -> None:
        """Put what the loop has left, or flush while it still runs in another thread."""
        loop = self._loop
        if loop is None or self._is_closed:
            return
        if loop.is_running():
            self._flush_from_outside(loop)
            return
        left = self._core.held()
        if left:
            asyncio.run(self._put_left(left))

    def after_exit(self) -> None:
        """There is nothing more to do."""

    def on_sigterm(self, then: Callable[[], object]) -> bool:
        """Flush, beside what the loop does, when it is the loop of the thread that got the signal."""
        loop = self._loop
        if loop is None or self._is_closed or not loop.is_running():
            self.at_exit()
            return True
        if self._thread_id != threading.get_ident():
            self._flush_from_outside(loop)
            return True

        def flush() -> None:
            self._flushing = loop.create_task(self._core.flush_within(self.settings.close_timeout_s))
            self._flushing.add_done_callback(lambda _: then())

        loop.call_soon_threadsafe(flush)
        return False

    def after_fork(self) -> None:
        """Begin empty in a child: what the parent holds is the parent's to put."""
        _left_to_parent.append((self._core, self._service, self._loop))
        self._core.abandon(PutByParent(f"put into {self.stream} before the process was forked"))
        self._service = self._service.twin()
        self.counters = ProducerCounters()
        self._is_closed = False
        self._loop = None
        self._buffer, self._core = self._new_core()

    def _new_core(self) -> tuple[PutQueue, ProducerCore]:
        settings = self.settings
        buffer = PutQueue(
            settings.buffer_records, settings.buffer_bytes, settings.batch_records, settings.batch_bytes
        )
        core = ProducerCore(self.stream, settings, buffer, self.counters, self._service, self._on_call)
        return buffer, core

    def _wake(self) -> None:
        self._running_loop().call_soon(self._core.wake)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            process_hooks.keep(self)
            self._loop = asyncio.get_running_loop()
            self._thread_id = threading.get_ident()
        return self._loop

    async def _wait_for_room(self, put: PutFuture) -> None:
        try:
            async with asyncio.timeout(self.settings.put_timeout_s):
                while True:
                    room = asyncio.Event()
                    self._buffer.when_room(room.set)
                    if self._buffer.offer(put, self._wake):
                        return
                    self._core.drain()
                    await room.wait()
                    if self._is_closed:
                        raise ProducerClosed(f"the producer of {self.stream} is closed")
        except TimeoutError:
            text = f"{self._buffer.records} records wait to be put into {self.stream}"
            raise BufferFull(text) from None

    def _flush_from_outside(self, loop: asyncio.AbstractEventLoop) -> None:
        timeout_s = self.settings.close_timeout_s
        asyncio.run_coroutine_threadsafe(self._core.flush_within(timeout_s), loop).result()

    async def _put_left(self, left: list[PutFuture]) -> None:
        """Put what the loop that has ended held."""
        self._service = self._service.twin()
        self._buffer, self._core = self._new_core()
        self._core.resume(left)
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ExitProofExecutor())
        await self._core.flush_within(self.settings.close_timeout_s)
        await self._core.close()
