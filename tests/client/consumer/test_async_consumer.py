"""`AsyncKinesisConsumer` against a running server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from headwater.client import (
    AsyncKinesisConsumer,
    Batch,
    HandlerFailed,
    LeaseLost,
    MemoryState,
    Record,
    SQLiteState,
)
from headwater.client.calls.errors import ServiceError
from headwater.client.leases.lease import taking
from tests.client.streams import identity_of, new_stream, no_shards


@pytest.fixture
def stream(kinesis: Any) -> str:
    """One shard with the numbers up to 100."""
    name = new_stream(kinesis)
    records = [{"PartitionKey": "key", "Data": b"%d" % number} for number in range(100)]
    kinesis.put_records(StreamName=name, Records=records)
    return name


async def take(consumer: AsyncKinesisConsumer, count: int) -> list[Record]:
    records = []
    async for record in consumer:
        records.append(record)
        if len(records) == count:
            break
    return records


def numbers(records: list[Record]) -> list[int]:
    return [int(record.data) for record in records]


def test_it_iterates_over_every_record(stream: str, at: dict[str, Any]) -> None:
    async def test() -> None:
        async with AsyncKinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer:
            assert numbers(await take(consumer, 60)) == list(range(60))
            assert numbers(await take(consumer, 40)) == list(range(60, 100))
            assert [lease.holder for lease in consumer.leases()] in ([consumer.worker_id], [None])

    asyncio.run(test())


def test_a_checkpoint_is_written_when_it_was_awaited(stream: str, at: dict[str, Any], tmp_path: Path) -> None:
    async def test() -> None:
        state = SQLiteState(tmp_path / "leases.db")
        async with AsyncKinesisConsumer(
            stream, state=state, start="TRIM_HORIZON", checkpoint="manual", **at
        ) as consumer:
            await (await take(consumer, 50))[-1].checkpoint()
        state = SQLiteState(tmp_path / "leases.db")
        async with AsyncKinesisConsumer(stream, state=state, start="TRIM_HORIZON", **at) as consumer:
            assert numbers(await take(consumer, 50)) == list(range(50, 100))

    asyncio.run(test())


def test_a_checkpoint_is_refused_when_another_worker_has_the_shard(
    kinesis: Any, stream: str, at: dict[str, Any]
) -> None:
    async def test() -> None:
        state = MemoryState()
        leases = await state.open(identity_of(kinesis, stream), no_shards)
        async with AsyncKinesisConsumer(
            stream, state=state, start="TRIM_HORIZON", checkpoint="manual", **at
        ) as consumer:
            records = await take(consumer, 10)
            (lease,) = await leases.leases()
            taken = await leases.change(taking(lease, "another"))
            with pytest.raises(LeaseLost):
                await records[-1].checkpoint()
            assert await leases.leases() == [taken]

    asyncio.run(test())


def test_run_ends_when_it_is_told_to(stream: str, at: dict[str, Any]) -> None:
    async def test() -> None:
        consumer = AsyncKinesisConsumer(stream, start="TRIM_HORIZON", **at)
        handled: list[int] = []

        async def handler(batch: Batch) -> None:
            await asyncio.sleep(0)
            handled.extend(numbers(batch.records))
            if len(handled) == 100:
                consumer.stop()

        await consumer.run(handler)
        assert handled == list(range(100))
        assert consumer.stats().records == 100

    asyncio.run(test())


def test_an_error_of_the_handler_reaches_who_runs_it(stream: str, at: dict[str, Any]) -> None:
    async def test() -> None:
        async def handler(_batch: Batch) -> None:
            raise ValueError("no")

        with pytest.raises(HandlerFailed):
            await AsyncKinesisConsumer(stream, start="TRIM_HORIZON", retries=0, **at).run(handler)

    asyncio.run(test())


def test_a_stream_that_is_deleted_ends_the_iteration_with_its_error(
    kinesis: Any, stream: str, at: dict[str, Any]
) -> None:
    async def test() -> None:
        async with AsyncKinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer:
            await take(consumer, 100)
            kinesis.delete_stream(StreamName=stream)
            with pytest.raises(ServiceError) as gone:
                await take(consumer, 1)
            assert gone.value.code == "ResourceNotFoundException"

    asyncio.run(test())


def test_stopping_before_the_start_is_remembered(stream: str, at: dict[str, Any]) -> None:
    async def test() -> None:
        async with AsyncKinesisConsumer(stream, start="TRIM_HORIZON", **at) as consumer:
            consumer.stop()
            assert await take(consumer, 1) == []

    asyncio.run(test())
