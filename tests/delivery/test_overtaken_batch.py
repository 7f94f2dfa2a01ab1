"""A batch whose server has slept: when another one has gone on from there, its late end changes nothing."""

from __future__ import annotations

import asyncio
from time import perf_counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from headwater.delivery.batch_plan import BatchPlan, DeliveryProgress, ShardPlace
from headwater.delivery.context import DeliveryContext
from headwater.delivery.delivery import Delivery
from headwater.delivery.progress import ProgressStore
from headwater.delivery.results import BatchResult
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.model.clock import ManualClock
from headwater.storage.memory_store import MemoryStore
from tests.lambda_.mapped_stream import in_loop, post

ID = "channel:one"
FIRST = BatchPlan(1, 5, {7: ShardPlace(10)})
SECOND = BatchPlan(2, 6, {7: ShardPlace(20)})


class Batch:
    """One record, whose delivery takes as long as its server sleeps."""

    size = records = 1
    result = BatchResult()

    def __init__(self, may_end: asyncio.Event) -> None:
        self._may_end = may_end

    def add(self, _page: object) -> None:
        """It has its record."""

    async def deliver(self, _plan: BatchPlan) -> None:
        await self._may_end.wait()


class Ends:
    """A `Source` without records, and a `Destination`."""

    def __init__(self, may_end: asyncio.Event) -> None:
        self._may_end = may_end
        self.delivered_plans: list[BatchPlan] = []

    async def again(self, *_places: object) -> None:
        """It has none."""

    def stop(self) -> None:
        """It has stopped."""

    def new_batch(self) -> Batch:
        return Batch(self._may_end)

    def delivered(self, _batch: object, plan: BatchPlan) -> None:
        self.delivered_plans.append(plan)


@pytest.mark.parametrize(
    "there_now",
    [
        DeliveryProgress(FIRST.places, 2),
        DeliveryProgress(FIRST.places, 2, SECOND),
        DeliveryProgress(SECOND.places, 3),
    ],
)
@in_loop
async def test_what_another_server_has_begun_or_done_is_left_as_it_is(there_now: DeliveryProgress) -> None:
    engine = Engine(MemoryStore(post()), ManualClock(), Settings(), bytes, perf_counter)
    engine.open()
    progress = ProgressStore(engine)
    progress.open()
    await progress.keep(ID, DeliveryProgress({}, 1, FIRST))
    may_end = asyncio.Event()
    ends = Ends(may_end)
    context = cast("DeliveryContext", SimpleNamespace(engine=engine, progress=progress, alarms=None))
    delivery = Delivery(context, ID, cast("Any", ends), cast("Any", ends), lambda _shard: ShardPlace(0))
    running = asyncio.create_task(delivery.run())
    await asyncio.sleep(0)
    delivery.stop()
    await progress.keep(ID, there_now)
    may_end.set()
    await running
    assert progress.progress(ID) == there_now
    assert ends.delivered_plans == []
