"""AsyncKinesisProducer: the same core on the caller's event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from headwater.client import AsyncKinesisProducer
from headwater.client.calls.errors import BufferFull, ProducerClosed, PutFailed
from tests.client.refusing_front import RefusingFront, Seen
from tests.client.streams import new_stream, stored

NEVER_MS = 3_600_000


def test_awaiting_a_future_tells_where_its_record_is(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)

    async def run() -> list[tuple[str, str]]:
        async with AsyncKinesisProducer(name, **at) as producer:
            puts = [await producer.put(str(number), "k") for number in range(3)]
            first = await puts[0]
            return [first, *await asyncio.gather(*puts[1:])]

    placed = asyncio.run(run())
    assert [record[:2] for record in stored(kinesis, name)] == placed


def test_a_record_that_fails_raises_where_it_is_awaited(at: dict[str, Any]) -> None:
    async def run() -> None:
        async with AsyncKinesisProducer("no-such-stream", buffer_time_ms=0, **at) as producer:
            put = await producer.put(b"x")
            with pytest.raises(PutFailed, match="ResourceNotFoundException"):
                await put

    asyncio.run(run())


def test_flush_and_close_put_what_is_held(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)

    async def run() -> None:
        producer = AsyncKinesisProducer(name, buffer_time_ms=NEVER_MS, **at)
        await producer.flush()
        await producer.put(b"1", "k")
        await producer.flush()
        assert len(stored(kinesis, name)) == 1
        await producer.put(b"2", "k")
        await producer.close()
        await producer.close()
        with pytest.raises(ProducerClosed):
            await producer.put(b"3", "k")

    asyncio.run(run())
    assert [record.data for record in stored(kinesis, name)] == [b"1", b"2"]


def test_put_waits_for_room_while_the_loop_goes_on(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)

    async def run() -> None:
        settings: dict[str, Any] = {"buffer_records": 2, "buffer_time_ms": NEVER_MS}
        async with AsyncKinesisProducer(name, **settings, **at) as producer:
            await asyncio.gather(*(producer.put(str(number)) for number in range(20)))

    asyncio.run(run())
    assert len(stored(kinesis, name)) == 20


def test_put_raises_when_there_is_no_room_for_too_long(kinesis: Any, at: dict[str, Any]) -> None:
    name = new_stream(kinesis)
    released = threading.Event()

    def hold(records: list[Seen]) -> list[str | None]:
        return [None if released.is_set() else "InternalFailure"] * len(records)

    async def run(url: str) -> None:
        settings: dict[str, Any] = {"buffer_records": 1, "put_timeout_s": 0.05}
        async with AsyncKinesisProducer(name, **settings, **at | {"endpoint_url": url}) as producer:
            await producer.put(b"x")
            with pytest.raises(BufferFull):
                await producer.put(b"y")
            released.set()

    with RefusingFront(at["endpoint_url"], hold) as front:
        asyncio.run(run(front.url))
    assert [record.data for record in stored(kinesis, name)] == [b"x"]


def test_a_close_with_a_time_limit_fails_what_is_left(kinesis: Any, at: dict[str, Any]) -> None:
    async def run(url: str) -> None:
        producer = AsyncKinesisProducer(new_stream(kinesis), **at | {"endpoint_url": url})
        put = await producer.put(b"x")
        await producer.close(0.1)
        assert isinstance(put.exception(), ProducerClosed)
        assert producer.counters.user_records_failed == 1

    with RefusingFront(at["endpoint_url"], lambda records: ["InternalFailure"] * len(records)) as front:
        asyncio.run(run(front.url))
