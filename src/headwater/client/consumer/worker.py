"""A worker: the leases that it owns, and a reading for each.

Rules:
- when it stops it begins nothing more, lets what is in hand finish while it goes on
  renewing, writes the checkpoints and releases the leases;
- the first error that trying again will not help stops it, and is raised;
- when the task that runs it is cancelled, handlers in hand that can be are cancelled too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from headwater.client.calls.errors import ClientError, is_transient
from headwater.client.calls.kinesis_calls import KinesisCalls
from headwater.client.calls.retry import retry
from headwater.client.calls.timing import Timing
from headwater.client.calls.users_code import is_cancelled_itself, translated
from headwater.client.consumer.buffer_bound import BufferBound
from headwater.client.consumer.delivery import Delivery
from headwater.client.consumer.misplaced_records import MisplacedRecords
from headwater.client.consumer.page import PageSource
from headwater.client.consumer.shard_reading import ShardReading, ShardReadingSettings
from headwater.client.consumer.stats import ConsumerStats, StatsBook
from headwater.client.leases.balancing import BalancingSettings
from headwater.client.leases.checkpoint import StartingPosition
from headwater.client.leases.coordinator import LeaseCoordinator
from headwater.client.leases.owned_lease import OwnedLease
from headwater.client.leases.shard_listing import list_shards
from headwater.client.leases.shard_tree import ShardNode, child_leases
from headwater.client.leases.store import StreamLeases

_log = logging.getLogger("headwater.client")

START_RETRY_FOR_S = 30.0
"""The seconds for which a start is retried after transient errors."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The settings of a consumer, as its parts need them."""

    worker_id: str
    stream: str
    start: StartingPosition
    balancing: BalancingSettings
    reading: ShardReadingSettings
    sync_interval_s: float
    buffer_bytes: int


class Worker:
    """A worker, which reads its share of a stream's shards until it is stopped."""

    def __init__(
        self,
        settings: WorkerSettings,
        calls: KinesisCalls,
        source: PageSource,
        leases: StreamLeases,
        delivery: Delivery,
        timing: Timing,
    ) -> None:
        self._settings = settings
        self._calls = calls
        self._source = source
        self._leases = leases
        self._delivery = delivery
        self._timing = timing
        self._bound = BufferBound(settings.buffer_bytes)
        self._misplaced = MisplacedRecords(
            settings.stream, is_kept=settings.reading.keeps_misplaced, timing=timing
        )
        self._book = StatsBook(settings.worker_id)
        self._readings: dict[str, ShardReading] = {}
        self._reading_tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._error: Exception | None = None
        self.coordinator = LeaseCoordinator(
            settings.worker_id,
            leases,
            settings.balancing,
            timing,
            self._begin_reading,
            lambda shard_id: self._book.throughput_kbps(shard_id, timing.now_s()),
        )

    async def run(self) -> None:
        """Work until `stop`. Raises the error that stopped it otherwise."""
        await retry(self._sync, self._timing, START_RETRY_FOR_S)
        passes = [
            asyncio.create_task(self._or_stop(self.coordinator.run())),
            asyncio.create_task(self._or_stop(self._sync_for_ever())),
        ]
        try:
            try:
                await self._stopping.wait()
                await self._end_readings()
            except asyncio.CancelledError:
                for task in self._reading_tasks:
                    task.cancel()
                await self._end_readings()
                raise
        finally:
            for task in passes:
                task.cancel()
            await asyncio.gather(*passes, return_exceptions=True)
            self._misplaced.tell(at_once=True)
        if self._error is not None:
            raise self._error

    async def _end_readings(self) -> None:
        """Wait until all shards are released; leases of running batches are still renewed."""
        for reading in self._readings.values():
            reading.end()
        await self.coordinator.leave()
        while self._reading_tasks:
            await asyncio.wait(self._reading_tasks)

    def stop(self) -> None:
        """End `run`, after the batches that are being handled."""
        self._stopping.set()

    def stats(self) -> ConsumerStats:
        """The statistics since the start."""
        return self._book.stats()

    def fail(self, error: BaseException) -> None:
        """End `run` with this error, unless it has one, after the batches that are being handled."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if self._error is None:
            self._error = translated(error)
        self._stopping.set()

    async def _or_stop(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a background task; an error of any class stops the worker."""
        try:
            await work
        except BaseException as error:
            if is_cancelled_itself():
                raise
            self.fail(error)

    async def _sync(self) -> None:
        shards = await list_shards(self._calls, self._settings.stream)
        await self.coordinator.sync(shards, self._settings.start)
        self.coordinator.balance_soon()

    async def _sync_for_ever(self) -> None:
        while True:
            await self._timing.sleep(self._settings.sync_interval_s)
            try:
                await self._sync()
            except ClientError as error:
                if not is_transient(error):
                    raise
                _log.warning("%s will list the shards again: %s", self._settings.worker_id, error)

    def _begin_reading(self, owned: OwnedLease) -> None:
        stats = self._book.begin(owned.key, owned.lease.checkpoint.sequence_number)
        reading = ShardReading(
            owned,
            self._source,
            self._delivery,
            self._settings.reading,
            stats,
            self._bound,
            self._timing,
            self._end_of_shard,
            self._misplaced,
        )
        self._readings[owned.key] = reading
        if self._stopping.is_set():
            reading.end()
        task = asyncio.create_task(self._or_stop(self._read(owned, reading)))
        self._reading_tasks.add(task)
        task.add_done_callback(self._reading_tasks.discard)

    async def _read(self, owned: OwnedLease, reading: ShardReading) -> None:
        try:
            await reading.run()
        finally:
            self._book.end(reading.stats)
            del self._readings[owned.key]
            self.coordinator.forget(owned)
            self.coordinator.balance_soon()

    async def _end_of_shard(self, children: list[ShardNode]) -> list[str]:
        """Create the leases of a shard's children; their ids.

        The child of a merge may have another parent, which has no lease yet because its own parents
        are still being read. It must get one first, or the child would not wait for it.
        """
        if not children or any(len(child.parent_ids) > 1 for child in children):
            await self._sync()
        await self.coordinator.create_children(child_leases(children))
        return [child.shard_id for child in children]
