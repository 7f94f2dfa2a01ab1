"""One delivery at work: follows its source, gathers by size and by age, delivers one batch after another.

Rules:
- a batch is due when it has the size, or when its oldest record has the age, by the engine's clock. What is
  older already when it is read waits for `CATCH_UP_MS` at most, so that a backlog goes in large batches;
- the next batch gathers while one is delivered; when it is full, too, nothing is read;
- a batch's plan is kept before its delivery begins, and its end before the next one's plan. What was begun
  before the server ended is made again from the same records, first of all;
- a delivery that fails is tried again, for ever, with pauses that grow to a minute.

Refuses to know what a batch is delivered to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from headwater.delivery.batch_plan import BatchPlan, DeliveryProgress, ShardPlace
from headwater.delivery.context import DeliveryContext
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.results import BatchResult, DeliveryResults
from headwater.delivery.source import Source, SourcePage
from headwater.model.shard import Shard
from headwater.storage.interface import StoreUnavailable

CATCH_UP_MS = 1_000
RETRY_MS_MIN = 500
RETRY_MS_MAX = 60_000


class Hints(NamedTuple):
    """When a batch is due."""

    size: int
    """In bytes, as the batch itself counts."""
    age_ms: int


class Batch(Protocol):
    """Records that are gathered for one delivery."""

    @property
    def size(self) -> int:
        """In bytes, as `Hints` mean it."""

    @property
    def records(self) -> int:
        """How many records were added."""

    @property
    def result(self) -> BatchResult:
        """What its delivery has left where."""

    def add(self, page: SourcePage) -> None:
        """Gather records. On the loop: it must be quick."""

    async def deliver(self, plan: BatchPlan) -> None:
        """Deliver it. Called again, with the same plan, after it has raised `DeliveryFailed`.

        After a kill an equal batch is made of the same records and delivered with the same plan.
        """


class Destination(Protocol):
    """Where the batches of a delivery go."""

    def new_batch(self) -> Batch:
        """An empty batch."""

    def hints(self) -> Hints:
        """When a batch is due, as of now."""

    def failed(self, batch: Batch, error: DeliveryFailed, attempts: int) -> None:
        """A batch was not delivered, so many times; it is tried again."""

    def delivered(self, batch: Batch, plan: BatchPlan) -> None:
        """A batch was delivered, and the delivery's progress has it."""


class Delivery:
    """See the module's text. A `PageTarget`. `run` it in a task, `stop` it."""

    def __init__(
        self,
        context: DeliveryContext,
        delivery_id: str,
        source: Source,
        destination: Destination,
        start: Callable[[Shard], ShardPlace],
    ) -> None:
        """`start` says where a shard begins that the delivery has not begun with."""
        self._context = context
        self._id = delivery_id
        self._source = source
        self._destination = destination
        self._start = start
        self._places = dict(context.progress.progress(delivery_id).places)
        """Where the next page of each shard begins: what is before it is delivered, or gathered."""
        self._gathered = destination.new_batch()
        self._under_way = 0
        """Records of the batch that is being delivered."""
        self._due_ms: int | None = None
        self._attempts = 0
        self._last_error = ""
        self._results = DeliveryResults()
        self._stopping = False
        self._wake = asyncio.Event()

    def stop(self) -> None:
        """Let `run` end, once a batch that is being delivered is done or has failed."""
        self._stopping = True
        self._source.stop()
        self._wake.set()

    def refresh(self) -> None:
        """The hints have changed."""
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`."""
        await self._finish_begun()
        if self._stopping:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._source.run(self))
            tasks.create_task(self._deliver_all())

    # What the source asks and gives

    def place(self, shard: Shard) -> ShardPlace:
        """Where to begin with a shard."""
        return self._places.get(shard.log_id) or self._start(shard)

    def take(self, log_id: int, page: SourcePage, place: ShardPlace) -> None:
        """Gather records."""
        if not len(page):
            self._places[log_id] = place
            return
        self._gathered.add(page)
        self._places[log_id] = place  # not before it is gathered: what fails is read again
        hints, now_ms = self._destination.hints(), self._context.engine.now_ms()
        due_ms = max(page.first_arrival_ms + hints.age_ms, now_ms + CATCH_UP_MS)
        if self._due_ms is None or due_ms < self._due_ms:
            self._due_ms = due_ms
            self._wake.set()
        if self._gathered.size >= hints.size:
            self._wake.set()

    def has_room(self) -> bool:
        """Whether more may be read."""
        return self._gathered.size < self._destination.hints().size

    def keep_only(self, log_ids: set[int]) -> None:
        """Forget the shards that have left the stream."""
        for log_id in self._places.keys() - log_ids:
            del self._places[log_id]

    # Delivering

    def _progress(self) -> DeliveryProgress:
        return self._context.progress.progress(self._id)

    async def _finish_begun(self) -> None:
        """Deliver the batch that was begun when the server ended, made again of the same records."""
        progress = self._progress()
        plan = progress.plan
        if plan is None:
            return
        batch = self._destination.new_batch()
        await self._source.again(lambda shard: self.place(shard).position, plan.places, batch.add)
        if await self._delivered(batch, plan):
            self._places = dict(plan.places)

    async def _deliver_all(self) -> None:
        while not self._stopping:
            self._wake.clear()
            if self._is_due():
                await self._deliver_next()
            else:
                await self._wait_until(self._due_ms)

    def _is_due(self) -> bool:
        if not self._gathered.records:
            return False
        is_old = self._due_ms is not None and self._due_ms <= self._context.engine.now_ms()
        return is_old or self._gathered.size >= self._destination.hints().size

    async def _deliver_next(self) -> None:
        batch, self._gathered = self._gathered, self._destination.new_batch()
        self._due_ms = None
        before = self._progress()
        planned = before.planned(self._context.engine.now_ms(), dict(self._places))
        self._source.on_room()
        if (
            await self._kept(lambda: planned if self._progress() == before else None)
            and planned.plan is not None
        ):
            await self._delivered(batch, planned.plan)

    async def _delivered(self, batch: Batch, plan: BatchPlan) -> bool:
        """Deliver a batch, however long it takes; no, if the delivery was stopped before."""
        self._under_way = batch.records
        while True:
            try:
                if batch.records:
                    await batch.deliver(plan)
                break
            except DeliveryFailed as error:
                self._destination.failed(batch, error, self._attempts + 1)
                if not await self._pause(error.message):
                    return False
        if not await self._kept(lambda: self._done(plan)):
            return False
        self._under_way, self._attempts, self._last_error = 0, 0, ""
        self._results.add(batch.records, batch.size, batch.result, self._context.engine.now_ms())
        self._destination.delivered(batch, plan)
        return True

    def _done(self, plan: BatchPlan) -> DeliveryProgress | None:
        """The progress once this batch is done; `None` if another server has gone on from there meanwhile."""
        progress = self._progress()
        return progress.delivered() if progress.plan == plan else None

    async def _kept(self, make: Callable[[], DeliveryProgress | None]) -> bool:
        """Keep what `make` gives, however long it takes; no, if that is nothing, or it was stopped before."""
        while True:
            progress = make()
            if progress is None:
                return False
            try:
                await self._context.progress.keep(self._id, progress)
            except StoreUnavailable as error:
                if not await self._pause(str(error)):
                    return False
            else:
                return True

    async def _pause(self, reason: str) -> bool:
        """Wait before the next attempt; no, if the delivery is stopped."""
        self._last_error = reason
        pause_ms = min(RETRY_MS_MIN * 2**self._attempts, RETRY_MS_MAX)
        self._attempts = min(self._attempts + 1, 32)
        again_ms = self._context.engine.now_ms() + pause_ms
        while not self._stopping and self._context.engine.now_ms() < again_ms:
            self._wake.clear()
            await self._wait_until(again_ms)
        return not self._stopping

    async def _wait_until(self, due_ms: int | None) -> None:
        """Until the clock has this time, or anything has changed."""
        if due_ms is None:
            await self._wake.wait()
            return
        cancel = self._context.alarms.set(due_ms, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            cancel()

    # For who looks

    def status(self) -> dict[str, Any]:
        """How far it is, and what it fails on, for the person who runs the server."""
        progress = self._progress()
        records, since_ms = self._source.behind(
            lambda shard: progress.places.get(shard.log_id) or self._start(shard)
        )
        return {
            "id": self._id,
            "batches_delivered": progress.next_number - 1,
            "records_behind": records,
            "behind_ms": since_ms,
            "gathered_bytes": self._gathered.size,
            "gathered_records": self._gathered.records,
            "records_under_way": self._under_way,
            "failed_attempts": self._attempts,
            "last_error": self._last_error,
            **self._results.shown(),
        }
