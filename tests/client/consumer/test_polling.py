"""Reading by GetRecords: the pace, and what happens to who is too fast."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest

from headwater.client import KinesisConsumer, PollingPace
from headwater.client.calls.errors import ServiceError
from headwater.client.calls.kinesis_calls import ListedShard
from headwater.client.calls.timing import Timing
from headwater.client.consumer.page import Page, ReadFrom
from headwater.client.consumer.polling import LOCAL_PACE, Polling
from headwater.client.consumer.stats import ShardStats
from headwater.testing import Headwater
from tests.client.streams import new_stream
from tests.client.virtual_time import run_in_virtual_time
from tests.conftest import RunningServer, client_for, started_server
from tests.waiting import RETRY_FOR_S, wait_until


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with AWS's limits."""
    with started_server(tmp_path_factory.mktemp("strict") / "log", "--enforce-limits") as running:
        yield running


def test_the_pace_leaves_to_each_page_its_share_of_calls_and_bytes() -> None:
    pace = PollingPace()
    assert pace.pause_s(0) == pace.pause_s(100_000) == 0.2
    assert pace.pause_s(10 * 1024 * 1024) == 5.0
    assert LOCAL_PACE.pause_s(10 * 1024 * 1024) == 0.0


def test_who_is_throttled_goes_on_later_and_misses_nothing() -> None:
    with Headwater(enforce_limits=True) as server:
        kinesis = server.client()
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        records = [{"PartitionKey": "key", "Data": b"%d" % number} for number in range(200)]
        assert kinesis.put_records(StreamName="orders", Records=records)["FailedRecordCount"] == 0
        server.clock.stop()  # until more was read than a second is for
        numbers: list[int] = []
        with KinesisConsumer(
            "orders",
            start="TRIM_HORIZON",
            polling=PollingPace(calls_per_s=1000, max_records=20),
            endpoint_url=server.endpoint_url,
            region_name="us-east-1",
        ) as consumer:

            def read() -> None:
                for record in consumer:
                    numbers.append(int(record.data))
                    if len(numbers) == 200:
                        break

            reading = threading.Thread(target=read)
            reading.start()
            wait_until(lambda: consumer.stats().throttled > 0, "a refusal")
            server.clock.go_on()
            reading.join(RETRY_FOR_S)
    assert numbers == list(range(200))


def test_the_usual_pace_is_within_the_limits(strict: RunningServer) -> None:
    kinesis = client_for(strict.endpoint_url)
    stream = new_stream(kinesis)
    records = [{"PartitionKey": "key", "Data": b"%d" % number} for number in range(8)]
    kinesis.put_records(StreamName=stream, Records=records)
    with KinesisConsumer(
        stream,
        start="TRIM_HORIZON",
        polling=PollingPace(max_records=1),
        endpoint_url=strict.endpoint_url,
        region_name="us-east-1",
    ) as consumer:
        assert [int(record.data) for _, record in zip(range(8), consumer, strict=False)] == list(range(8))
        assert consumer.stats().throttled == 0
    kinesis.close()


class NoShard:
    """A stream from which the shard that is asked for is gone, or which is gone itself."""

    def __init__(self, *, has_stream: bool, throttled_listings: int = 0) -> None:
        self._has_stream = has_stream
        self._throttled_listings = throttled_listings

    async def get_shard_iterator(self, *_: object, **__: object) -> str:
        raise ServiceError("ResourceNotFoundException", "Shard shardId-000000000000 does not exist")

    async def list_shards(self, _stream: str) -> list[ListedShard]:
        if self._throttled_listings:
            self._throttled_listings -= 1
            raise ServiceError("LimitExceededException", "Rate exceeded.")
        if self._has_stream:
            return []
        raise ServiceError("ResourceNotFoundException", "Stream stream not found.")


async def first_page(calls: Any) -> Page:
    pages = Polling(calls, "stream", LOCAL_PACE, Timing()).pages(
        "shard", ReadFrom("LATEST"), ShardStats("shard")
    )
    async with aclosing(pages):
        return await anext(pages)


def test_a_shard_that_left_retention_is_at_its_end() -> None:
    assert asyncio.run(first_page(NoShard(has_stream=True))).children == []


def test_a_stream_that_is_gone_is_not_at_its_end() -> None:
    with pytest.raises(ServiceError, match="Stream stream not found"):
        asyncio.run(first_page(NoShard(has_stream=False)))


def test_whether_a_shard_left_retention_is_asked_again_when_the_listing_is_throttled() -> None:
    no_shard = NoShard(has_stream=True, throttled_listings=2)
    assert run_in_virtual_time(first_page(no_shard)).children == []
