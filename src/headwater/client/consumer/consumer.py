"""A consumer for threads and scripts.

    with KinesisConsumer("orders", start="TRIM_HORIZON") as consumer:
        for record in consumer:
            ...

The work is `ConsumerCore`'s, on an event loop in a thread of its own, which starts when
the first record is asked for. Batches cross from that thread to the caller's, not
records: an iteration costs no more than one over a list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, Unpack

from headwater.client.calls.core_thread import AlreadyDone, CoreThread
from headwater.client.calls.endpoint import Session
from headwater.client.calls.record import Record
from headwater.client.calls.timing import Timing
from headwater.client.calls.users_code import (
    Outcome,
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
        self._thread = CoreThread(self._core, "headwater-consumer")

    def run(self, handler: Callable[[Batch], Any], *, stop_signals: bool = True) -> None:
        """Call a handler with batches, those of one shard one by one, until `stop`.

        In the main thread SIGTERM and SIGINT stop it too, unless `stop_signals` is False. Raises
        `HandlerFailed`, `ClientError` unless it is transient, and the SystemExit or
        KeyboardInterrupt of a handler, after the batches that are being handled.
        """
        with ThreadPoolExecutor(self._threads, "headwater-handler", self._thread.is_within) as threads:

            async def handle(batch: Batch) -> Outcome:
                return await outcome_in_thread(threads, outcome_of_whole, handler, batch)

            async def call(function: Callable[..., Any], *arguments: Any) -> Outcome:
                return await outcome_in_thread(threads, outcome_of, function, *arguments)

            if self.settings.processes:
                running = self._core.handle_in_processes(handler, call)
            else:
                running = self._core.handle(handle, call)
            self._thread.run(running, stop_signals=stop_signals)

    def stop(self) -> None:
        """End `run`, or the iteration, after the batches that are being handled. For any thread."""
        self._thread.stop()

    def close(self) -> None:
        """Stop, write the checkpoints, and release the leases. May be called again.

        In a handler this is `stop`: the consumer cannot end while it runs.
        """
        self._thread.close()

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
        return self._core.next_at_once() or self._thread.call(self._core.next_batch())

    def _adapted_checkpointer(self, checkpointer: Checkpointer) -> Checkpointer:
        """The function behind `record.checkpoint()`: it returns when the checkpoint is written.

        In the consumer's own event loop, where an async `on_failure` runs, its result is awaited.
        """

        async def written(record: Record) -> None:
            await checkpointer(record)

        def checkpoint(record: Record) -> Awaitable[None]:
            if not self._thread.is_running:
                raise LeaseLost("the consumer has released its shards")
            if self._thread.is_here:
                return written(record)
            self._thread.call(written(record))
            return AlreadyDone()

        return checkpoint
