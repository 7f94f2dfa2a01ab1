"""The core of both consumers, on one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.errors import ConfigurationError
from headwater.client.calls.kinesis_calls import KinesisCalls
from headwater.client.calls.retry import retry
from headwater.client.calls.timing import Timing
from headwater.client.calls.tracing_setting import tracer_for
from headwater.client.calls.users_code import Call
from headwater.client.consumer.delivery import Delivery
from headwater.client.consumer.fan_out import FanOut
from headwater.client.consumer.handler_delivery import Handle, HandlerDelivery
from headwater.client.consumer.handler_processes import Handler, HandlerProcesses
from headwater.client.consumer.iterator_delivery import IteratorBatch, IteratorDelivery
from headwater.client.consumer.page import PageSource
from headwater.client.consumer.polling import LOCAL_PACE, Polling, PollingPace
from headwater.client.consumer.settings import ConsumerSettings, new_worker_id
from headwater.client.consumer.shard_reading import ShardReadingSettings
from headwater.client.consumer.stats import ConsumerStats
from headwater.client.consumer.user_records import Checkpointer
from headwater.client.consumer.worker import START_RETRY_FOR_S, Worker, WorkerSettings
from headwater.client.leases.checkpoint import AT_TIMESTAMP
from headwater.client.leases.lease import Lease
from headwater.client.leases.shard_listing import list_shards
from headwater.client.leases.store import LeaseStore, StreamLeases
from headwater.client.leases.stream_identity import StreamIdentity

CREATION_POLL_S = 0.25


class ConsumerCore:
    """The core of one consumer. All but `stats`, `leases` and batches belong to one event loop."""

    def __init__(
        self,
        stream: str,
        settings: ConsumerSettings,
        service: AwsService,
        state: LeaseStore,
        timing: Timing,
        adapt_checkpointer: Callable[[Checkpointer], Checkpointer],
    ) -> None:
        """`adapt_checkpointer` makes the function behind `record.checkpoint()` from a coroutine function.

        Raises `ConfigurationError` for tracing without its extra.
        """
        self.worker_id = settings.worker_id or new_worker_id()
        self._stream = stream
        self._settings = settings
        self._service = service
        self._calls = KinesisCalls(service)
        self._state = state
        self._timing = timing
        self._source = self._page_source()
        self._adapt_checkpointer = adapt_checkpointer
        self._tracer = tracer_for(settings.tracing)
        self._worker: Worker | None = None
        self._is_used = False
        self._is_stopped = False
        self._working: asyncio.Task[None] | None = None
        self._running: asyncio.Task[Any] | None = None
        self._iterator_delivery: IteratorDelivery | None = None
        self._taken: deque[IteratorBatch] = deque()
        self._in_hand: IteratorBatch | None = None

    def stats(self) -> ConsumerStats:
        """The statistics since the start. May be called in any thread."""
        return ConsumerStats(self.worker_id) if self._worker is None else self._worker.stats()

    def leases(self) -> list[Lease]:
        """The leases of all workers, as this one read them last. May be called in any thread."""
        return [] if self._worker is None else list(self._worker.coordinator.seen.values())

    async def handle(self, handle: Handle, call: Call) -> None:
        """Have batches handled until `stop`; `call` calls other plain functions of users'.

        Raises `HandlerFailed`, `ClientError`, and `ProgramExit` when a handler asked for the program's end.
        """
        self._running = asyncio.current_task()
        if self._tracer is not None:
            from headwater.client.consumer.batch_tracing import traced  # noqa: PLC0415 - an extra

            handle = traced(handle, self._tracer, self._stream, self.worker_id)
        await self._run(HandlerDelivery(handle, call, self._settings.errors, self._timing))

    async def handle_in_processes(self, handler: Handler, call: Call) -> None:
        """Have batches handled in processes until `stop`. Raises the same as `handle`."""
        processes = HandlerProcesses(handler, self._settings.processes)
        try:
            await self.handle(processes.handle, call)
        finally:
            await asyncio.to_thread(processes.close)

    def fail(self, error: BaseException) -> None:
        """Stop, and raise an error that came from outside of the awaited tasks."""
        self._is_stopped = True
        if self._worker is not None:
            self._worker.fail(error)

    async def next_batch(self) -> IteratorBatch | None:
        """The next batch for an iterator, first the one that an earlier iterator left; None at the end.

        Raises `ClientError` when that stopped the consumer.
        """
        if self._in_hand is None:
            if not self._taken:
                self._taken.extend(await self._take())
            self._in_hand = self._taken.popleft() if self._taken else None
        return self._in_hand

    def next_at_once(self) -> IteratorBatch | None:
        """The next batch if there is one now, for the thread that iterates; None when it must wait."""
        if self._in_hand is None and self._taken:
            self._in_hand = self._taken.popleft()
        return self._in_hand

    def moved_on(self, handed: IteratorBatch) -> None:
        """Take note that an iterator is through with a batch."""
        self._in_hand = None
        handed.finish()

    def stop(self) -> None:
        """Stop: begin no further batch."""
        self._is_stopped = True
        if self._worker is not None:
            self._worker.stop()

    async def close(self) -> None:
        """Stop, and wait until the leases are released. May be called again."""
        self.stop()
        if self._in_hand is not None:
            self._in_hand.leave()
            self._in_hand = None
        while self._taken:
            self._taken.popleft().leave()
        if self._working is not None:
            await asyncio.wait({self._working})
        await self._service.close()

    async def ended(self) -> None:
        """Wait until no batch is handled any more, and the leases are released."""
        if self._running is not None:
            await asyncio.wait({self._running})

    async def _take(self) -> list[IteratorBatch]:
        """The batches that wait for an iterator; empty at the end."""
        if self._iterator_delivery is None or self._working is None:
            self._iterator_delivery = IteratorDelivery()
            self._working = asyncio.create_task(self._run(self._iterator_delivery))
        taking = asyncio.create_task(self._iterator_delivery.take())
        try:
            await asyncio.wait({taking, self._working}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if taking.done():  # who iterates next gets them
                self._taken.extend(taking.result())
            raise
        else:
            if taking.done():
                return taking.result()
            self._working.result()
            return []
        finally:
            taking.cancel()

    async def _run(self, delivery: Delivery) -> None:
        if self._is_used:
            raise ConfigurationError("a consumer is run once, or iterated over")
        self._is_used = True
        if self._is_stopped:
            return
        try:
            stream = await retry(self._created_stream, self._timing, START_RETRY_FOR_S)
            leases = await retry(partial(self._open_state, stream), self._timing, START_RETRY_FOR_S)
            try:
                if isinstance(self._source, FanOut):
                    await retry(self._source.open, self._timing, START_RETRY_FOR_S)
                await self._work(leases, delivery)
            finally:
                await leases.close()
        finally:
            await self._service.close()

    async def _work(self, leases: StreamLeases, delivery: Delivery) -> None:
        self._worker = Worker(
            self._worker_settings(), self._calls, self._source, leases, delivery, self._timing
        )
        if not self._is_stopped:
            await self._worker.run()

    async def _created_stream(self) -> StreamIdentity:
        """The stream, after it has been created."""
        while True:
            summary = await self._calls.describe_stream_summary(self._stream)
            if summary["StreamStatus"] != "CREATING":
                return StreamIdentity.of(summary)
            await self._timing.sleep(CREATION_POLL_S)

    async def _open_state(self, stream: StreamIdentity) -> StreamLeases:
        return await self._state.open(stream, partial(list_shards, self._calls, self._stream))

    def _worker_settings(self) -> WorkerSettings:
        settings = self._settings
        start = settings.starting_position
        return WorkerSettings(
            self.worker_id,
            self._stream,
            start,
            settings.balancing,
            ShardReadingSettings(
                settings.deaggregate,
                settings.misplaced_records == "hand_over",
                settings.checkpoint == "manual",
                settings.checkpoint_interval_s,
                start.timestamp_s if start.word == AT_TIMESTAMP else None,
                self._adapt_checkpointer,
            ),
            settings.shard_sync_interval_s,
            settings.buffer_bytes,
        )

    def _page_source(self) -> PageSource:
        if self._settings.fan_out is not None:
            return FanOut(self._calls, self._stream, self._settings.fan_out, self._timing)
        pace = self._settings.polling
        if pace is None:
            pace = LOCAL_PACE if self._service.endpoint.is_loopback else PollingPace()
        return Polling(self._calls, self._stream, pace, self._timing)
