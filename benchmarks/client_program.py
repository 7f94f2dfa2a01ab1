"""Puts or consumes records with one client library, for `client_libraries`, which runs it.

Arguments: the library, `put` or `consume`, the endpoint, the stream, for how many seconds, of how many
bytes a record is, and how many there are to consume. It prints `begin` and waits for a line; then it
works, prints `end` with the number of records and the seconds that they took, and waits for another
line before it goes away, so that its processes can be looked at.

It runs on the Python of the library's environment, which may be old, and imports nothing else of ours.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from typing import Any

REGION = "us-east-1"
KEYS = [f"key-{number}" for number in range(1000)]
CHUNK = 500
UNLIMITED = 10**9


class Work:
    """What is to be done, and how it goes."""

    def __init__(self, endpoint_url: str, stream: str, seconds: float, size_bytes: int, held: int) -> None:
        self.endpoint_url = endpoint_url
        self.stream = stream
        self.seconds = seconds
        self.data = b"x" * size_bytes
        self.held = held
        self.keys = itertools.cycle(KEYS)
        self.begin_s = 0.0

    def begin(self) -> None:
        """Everything is ready."""
        print("begin", flush=True)
        sys.stdin.readline()
        self.begin_s = time.perf_counter()

    def goes_on(self, consumed: int = 0) -> bool:
        """Whether there is time left, and anything to consume."""
        return consumed < self.held and time.perf_counter() - self.begin_s < self.seconds

    def end(self, records: int) -> None:
        """All that was begun is done."""
        print(f"end {records} {time.perf_counter() - self.begin_s}", flush=True)
        sys.stdin.readline()


def put_headwater(work: Work, **settings: Any) -> None:
    from headwater.client import KinesisProducer  # noqa: PLC0415

    with KinesisProducer(
        work.stream, endpoint_url=work.endpoint_url, region_name=REGION, **settings
    ) as producer:
        producer.put(work.data).result()
        records = 0
        work.begin()
        while work.goes_on():
            for key in itertools.islice(work.keys, CHUNK):
                producer.put(work.data, key)
            records += CHUNK
        producer.flush()
        work.end(records)


def put_headwater_aggregated(work: Work) -> None:
    put_headwater(work, aggregate=True)


def put_headwater_asyncio(work: Work) -> None:
    from headwater.client import AsyncKinesisProducer  # noqa: PLC0415

    async def put() -> None:
        async with AsyncKinesisProducer(
            work.stream, endpoint_url=work.endpoint_url, region_name=REGION
        ) as producer:
            await (await producer.put(work.data))
            records = 0
            work.begin()
            while work.goes_on():
                for key in itertools.islice(work.keys, CHUNK):
                    await producer.put(work.data, key)
                records += CHUNK
            await producer.flush()
            work.end(records)

    _run(put())


def consume_headwater(work: Work) -> None:
    from headwater.client import KinesisConsumer  # noqa: PLC0415

    with KinesisConsumer(
        work.stream, endpoint_url=work.endpoint_url, region_name=REGION, start="TRIM_HORIZON"
    ) as consumer:
        work.begin()
        work.end(_count(work, consumer))


def consume_headwater_asyncio(work: Work) -> None:
    from headwater.client import AsyncKinesisConsumer  # noqa: PLC0415

    async def consume() -> None:
        async with AsyncKinesisConsumer(
            work.stream, endpoint_url=work.endpoint_url, region_name=REGION, start="TRIM_HORIZON"
        ) as consumer:
            work.begin()
            records = 0
            async for _ in consumer:
                records += 1
                if records % CHUNK == 0 and not work.goes_on(records):
                    break
            work.end(records)

    _run(consume())


def put_async_kinesis(work: Work) -> None:
    """At its fastest: without the limits that it keeps for each shard."""
    from kinesis import Producer  # noqa: PLC0415

    async def put() -> None:
        async with Producer(
            work.stream,
            endpoint_url=work.endpoint_url,
            region_name=REGION,
            processor=_plain_processor(),
            put_rate_limit_per_shard=UNLIMITED,
            put_bandwidth_limit_per_shard=UNLIMITED,
        ) as producer:
            await producer.put(work.data)
            await producer.flush()
            records = 0
            work.begin()
            while work.goes_on():
                for key in itertools.islice(work.keys, CHUNK):
                    await producer.put(work.data, partition_key=key)
                records += CHUNK
            await producer.flush()
            work.end(records)

    _run(put())


def consume_async_kinesis(work: Work) -> None:
    """At its fastest: without the limit of one GetRecords a second."""
    from kinesis import Consumer  # noqa: PLC0415

    async def consume() -> None:
        async with Consumer(
            work.stream,
            endpoint_url=work.endpoint_url,
            region_name=REGION,
            processor=_plain_processor(),
            shard_fetch_rate=UNLIMITED,
        ) as consumer:
            work.begin()
            records = 0
            while work.goes_on(records):
                async for _ in consumer:
                    records += 1
                    if records % CHUNK == 0 and not work.goes_on(records):
                        break
            work.end(records)

    _run(consume())


def put_kinesis_python(work: Work) -> None:
    """Its queue has no bound: it is kept from growing here."""
    from kinesis.producer import KinesisProducer  # noqa: PLC0415

    buffer_time_s = 0.1
    producer = KinesisProducer(work.stream, buffer_time=buffer_time_s)
    records = 0
    work.begin()
    while work.goes_on():
        for key in itertools.islice(work.keys, CHUNK):
            producer.put(work.data, partition_key=key)
        records += CHUNK
        while producer.queue.qsize() > 4 * CHUNK:
            time.sleep(0.001)
    while not producer.queue.empty():
        time.sleep(0.001)
    time.sleep(2 * buffer_time_s)
    work.end(records)
    producer.async_producer.process.terminate()


def consume_kinesis_python(work: Work) -> None:
    """At its fastest: with hardly a pause between calls."""
    from kinesis.consumer import KinesisConsumer  # noqa: PLC0415

    class FromTheBeginning:
        """A state without locks or checkpoints."""

        def lock_shard(self, shard_id: str, expires: float) -> bool:  # noqa: ARG002
            return True

        def get_iterator_args(self, shard_id: str) -> dict[str, str]:  # noqa: ARG002
            return {"ShardIteratorType": "TRIM_HORIZON"}

        def checkpoint(self, shard_id: str, seq: str) -> None:
            pass

    consumer = KinesisConsumer(work.stream, state=FromTheBeginning(), reader_sleep_time=0.001)
    work.begin()
    records = iter(consumer)  # held to the end: it would wait for its processes, which wait for it
    work.end(_count(work, records))


def _count(work: Work, records: Any) -> int:
    """How many records come in the time."""
    count = 0
    for _ in records:
        count += 1
        if count % CHUNK == 0 and not work.goes_on(count):
            break
    return count


def _plain_processor() -> Any:
    """Of async-kinesis: data as it is."""
    from kinesis.aggregators import SimpleAggregator  # noqa: PLC0415
    from kinesis.processors import Processor  # noqa: PLC0415

    class Plain(Processor, SimpleAggregator):  # type: ignore[misc]  # it has no types
        def serialize(self, item: bytes) -> bytes:
            return item

        def deserialize(self, data: bytes) -> bytes:
            return data

    return Plain()


def _run(work: Any) -> None:
    """On the event loop that is fastest for all."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


PROGRAMS = {
    ("headwater", "put"): put_headwater,
    ("headwater", "consume"): consume_headwater,
    ("headwater-asyncio", "put"): put_headwater_asyncio,
    ("headwater-asyncio", "consume"): consume_headwater_asyncio,
    ("headwater-aggregated", "put"): put_headwater_aggregated,
    ("async-kinesis", "put"): put_async_kinesis,
    ("async-kinesis", "consume"): consume_async_kinesis,
    ("kinesis-python", "put"): put_kinesis_python,
    ("kinesis-python", "consume"): consume_kinesis_python,
}

if __name__ == "__main__":
    library, what, url, name, duration_s, data_bytes, records_held = sys.argv[1:]
    PROGRAMS[library, what](Work(url, name, float(duration_s), int(data_bytes), int(records_held)))
