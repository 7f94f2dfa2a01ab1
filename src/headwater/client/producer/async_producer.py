"""A producer for asyncio.

    async with AsyncKinesisProducer("orders") as producer:
        put = await producer.put(b"...", partition_key="customer-7")
        shard_id, sequence_number = await put

It lives on the event loop of its first record. What that loop leaves when it ends is put
at the end of the program, by another one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from headwater.client.calls.errors import BufferFull, ClientError
from headwater.client.producer import process_hooks
from headwater.client.producer.base import ProducerBase
from headwater.client.producer.exit_proof_executor import ExitProofExecutor
from headwater.client.producer.put_arguments import Data, new_put
from headwater.client.producer.put_future import PutFuture


class AsyncKinesisProducer(ProducerBase):
    """A producer of one stream for asyncio, on one event loop."""

    _flushing: asyncio.Task[None] | None

    async def put(
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
                await self._wait_for_room(put)
            except ClientError as error:
                put.fail(error)  # nobody has it, except who traces it
                raise
        return put

    async def flush(self) -> None:
        """Wait until every record that was put so far has its outcome."""
        if self._loop is not None:
            await self._core.flush()

    async def close(self, timeout: float | None = None) -> None:
        """Close: flush for `timeout` seconds at most, then fail the rest. May be called again."""
        if not self._is_closed:
            self._is_closed = True
            if self._loop is not None:
                await self._core.flush_within(timeout)
            await self._core.close()
        process_hooks.forget(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def at_exit(self) -> None:
        """Put the records of a loop that has ended, or flush if it runs in another thread."""
        loop = self._loop
        if loop is None or self._is_closed:
            return
        if loop.is_running():
            self._flush_from_outside(loop)
            return
        left = self._core.unfinished()
        if left:
            asyncio.run(self._put_left(left))

    def after_exit(self) -> None:
        """Do nothing: `at_exit` has closed it."""

    def on_sigterm(self, then: Callable[[], object]) -> bool:
        """Flush on the loop of the thread that got the signal, if that is the producer's."""
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

    def _begin(self) -> None:
        super()._begin()
        self._thread_id = 0
        self._flushing = None

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
                        raise self._closed()
        except TimeoutError:
            raise BufferFull(self._full()) from None

    def _flush_from_outside(self, loop: asyncio.AbstractEventLoop) -> None:
        timeout_s = self.settings.close_timeout_s
        asyncio.run_coroutine_threadsafe(self._core.flush_within(timeout_s), loop).result()

    async def _put_left(self, left: list[PutFuture]) -> None:
        """Put the records of a loop that has ended."""
        self._service = self._service.twin()
        self._buffer, self._core = self._new_core()
        self._core.resume(left)
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ExitProofExecutor())
        await self._core.flush_within(self.settings.close_timeout_s)
        await self._core.close()
