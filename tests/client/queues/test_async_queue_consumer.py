from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headwater.client import AsyncQueueConsumer, QueueRecord
from tests.client.queues.queues import left_in, new_queue, put


def test_an_iteration_acknowledges_each_record_when_it_moves_on(kinesis: Any, at: dict[str, Any]) -> None:
    async def test() -> None:
        arn = new_queue(kinesis)
        put(kinesis, arn, "abc")
        seen = set()
        async with AsyncQueueConsumer(arn, **at) as consumer:
            async for record in consumer:
                seen.add(record.data)
                if len(seen) == 3:
                    await record.acknowledge()
                    break
        assert seen == {b"a", b"b", b"c"}
        assert await asyncio.to_thread(left_in, kinesis, arn) == []

    asyncio.run(test())


def test_handlers_run_at_the_same_time_until_stop(kinesis: Any, at: dict[str, Any]) -> None:
    async def test() -> None:
        arn = new_queue(kinesis)
        names = [f"{number:02}" for number in range(30)]
        put(kinesis, arn, names)
        consumer = AsyncQueueConsumer(arn, concurrency=3, **at)
        together = asyncio.Barrier(3)
        handled: list[str] = []

        async def handle(record: QueueRecord) -> None:
            await together.wait()
            handled.append(record.data.decode())
            if len(handled) == len(names):
                consumer.stop()

        await consumer.run(handle)
        assert sorted(handled) == names
        assert await asyncio.to_thread(left_in, kinesis, arn) == []

    asyncio.run(test())


def test_a_cancelled_run_gives_back_what_is_in_hand(kinesis: Any, at: dict[str, Any]) -> None:
    async def test() -> None:
        arn = new_queue(kinesis)
        put(kinesis, arn, ["a"])
        consumer = AsyncQueueConsumer(arn, **at)
        begun, was_cancelled = asyncio.Event(), False

        async def handle(_record: QueueRecord) -> None:
            nonlocal was_cancelled
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                was_cancelled = True
                raise

        running = asyncio.create_task(consumer.run(handle))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert was_cancelled
        assert await asyncio.to_thread(left_in, kinesis, arn) == [("a", 2)]

    asyncio.run(test())
