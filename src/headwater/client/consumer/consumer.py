"""A consumer for threads and scripts.

    with KinesisConsumer("orders", start="TRIM_HORIZON") as consumer:
        for record in consumer:
            ...

The work is `ConsumerCore`'s, on an event loop in a thread of its own, which starts when
the first record is asked for. Batches cross from that thread to the caller's, not
records: an iteration costs no more than one over a list.
"""

from __future__ import annotations

import asyncio
import atexit
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from headwater.client.calls.endpoint import Session
from headwater.client.calls.errors import ConfigurationError
from headwater.client.calls.record import Record
from headwater.client.calls.timing import Timing
from headwater.client.calls.users_code import (
    Outcome,
    exits_as_asked,
    outcome_in_thread,
    outcome_of,
    outcome_of_whole,
)
from headwater.client.consumer.base import ConsumerBase
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.iterator_delivery import IteratorBatch
from headwater.client.consumer.settings import ConsumerOptions
from headwater.client.consumer.user_records import Checkpointer
from headwater.client.leases.store import LeaseLost, LeaseStore

Answer = TypeVar("Answer")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class KinesisConsumer(ConsumerBase):
    """A consumer of one stream for threads: one worker, alone or with others on the same lease store."""

    def __init__(
        self,
        stream: str,
        *,
        state: LeaseStore | None = None,
        threads: int = 16,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        session: Session | None = None,
        verify: bool | str | None = None,
        timing: Timing | None = None,
        **settings: Unpack[ConsumerOptions],
    ) -> None:
        """`threads` is the number of shards whose batches `run` handles at the same time.

        `stream` is a name or an ARN; `settings` are fields of `ConsumerSettings`. `state` is the lease
        store, with the checkpoints; without one they end with the consumer. `endpoint_url`,
        `region_name`, `session` and `verify` are as boto3's. Nothing is connected yet. Raises
        `ConfigurationError` for what botocore cannot use, `ValueError` for a setting out of range and
        `TypeError` for an unknown one.
        """
        super().__init__(
            stream,
            state=state,
            endpoint_url=endpoint_url,
            region_name=region_name,
            session=session,
            verify=verify,
            timing=timing,
            **settings,
        )
        self._threads = threads
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_run = False
        self._within: set[int] = set()
        """The threads that cannot wait for the consumer's end: those of its loop and its handlers."""

    def run(self, handler: Callable[[Batch], Any], *, stop_signals: bool = True) -> None:
        """Call a handler with batches, those of one shard one by one, until `stop`.

        In the main thread SIGTERM and SIGINT stop it too, unless `stop_signals` is False. Raises
        `HandlerFailed`, `ClientError` unless it is transient, and the SystemExit or
        KeyboardInterrupt of a handler, after the batches that are being handled.
        """
        with ThreadPoolExecutor(self._threads, "headwater-handler", self._is_within) as threads:

            async def handle(batch: Batch) -> Outcome:
                return await outcome_in_thread(threads, outcome_of_whole, handler, batch)

            async def call(function: Callable[..., Any], *arguments: Any) -> Outcome:
                return await outcome_in_thread(threads, outcome_of, function, *arguments)

            if self.settings.processes:
                self._run(self._core.handle_in_processes(handler, call), stop_signals)
            else:
                self._run(self._core.handle(handle, call), stop_signals)

    def stop(self) -> None:
        """End `run`, or the iteration, after the batches that are being handled. For any thread."""
        if self._loop is None or self._loop.is_closed():
            self._core.stop()
        else:
            self._loop.call_soon_threadsafe(self._core.stop)

    def close(self) -> None:
        """Stop, write the checkpoints, and release the leases. May be called again.

        In a handler this is `stop`: the consumer cannot end while it runs.
        """
        if self._loop is None or self._thread is None:
            return
        if self._is_run:
            self.stop()
            if threading.get_ident() not in self._within:
                self._call(self._core.ended())
            return
        atexit.unregister(self.close)
        try:
            self._call(self._core.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Record]:
        """The records, until `stop` or `close`. A record is done when the next one is asked for.

        Raises `ClientError` unless it is transient.
        """
        while (handed := self._next()) is not None:
            yield from handed.begin()
            self._core.moved_on(handed)

    def _next(self) -> IteratorBatch | None:
        return self._core.next_at_once() or self._call(self._core.next_batch())

    def _run(self, running: Coroutine[Any, Any, None], stop_signals: bool) -> None:
        restored = self._stop_at_signals() if stop_signals else {}
        self._is_run = True
        try:
            self._call(running)
        finally:
            for number, before in restored.items():
                signal.signal(number, signal.SIG_DFL if before is None else before)  # None: not Python's
            self.close()
            self._is_run = False
            self.close()

    def _call(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            loop = self._running_loop()
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

    def _adapted_checkpointer(self, checkpointer: Checkpointer) -> Checkpointer:
        """The function behind `record.checkpoint()`: it returns when the checkpoint is written.

        In the consumer's own event loop, where an async `on_failure` runs, its result is awaited.
        """

        async def written(record: Record) -> None:
            await checkpointer(record)

        def checkpoint(record: Record) -> Awaitable[None]:
            if self._thread is None:
                raise LeaseLost("the consumer has released its shards")
            if threading.current_thread() is self._thread:
                return written(record)
            self._call(written(record))
            return _Written()

        return checkpoint

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None and self._thread is None:
            raise ConfigurationError("the consumer is closed")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._run_loop, args=(self._loop,), name="headwater-consumer", daemon=True
            )
            self._thread.start()
            atexit.register(self.close)
        return self._loop

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_within()
        asyncio.set_event_loop(loop)
        try:
            while True:
                try:
                    loop.run_forever()
                    break
                except (SystemExit, KeyboardInterrupt) as error:  # of a task that users' code has made
                    self._core.fail(error)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def _is_within(self) -> None:
        self._within.add(threading.get_ident())

    def _stop_at_signals(self) -> dict[int, Any]:
        """The handlers that the signals had before."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, lambda *_: self.stop()) for number in STOP_SIGNALS}


class _Written:
    """The result of a written checkpoint: awaiting it returns at once."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()
