"""Leases of the client library in the DynamoDB beside the streams: one server for both."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.client import DynamoDBState, KinesisConsumer
from headwater.testing import Headwater
from tests.client.leases.lease_store_contract import LeaseStateContract, MakeState
from tests.waiting import RETRY_FOR_S

HALVES = [0, 2**127]


@pytest.fixture(scope="module")
def beside() -> Iterator[Headwater]:
    with Headwater() as headwater:
        yield headwater


class TestNeighbouringDynamoDB(LeaseStateContract):
    """What two workers do at the same moment, only one of them has done."""

    @pytest.fixture
    def make_state(self, beside: Headwater) -> MakeState:
        name = f"table-{uuid.uuid4().hex[:12]}"
        return lambda: DynamoDBState(name, endpoint_url=beside.endpoint_url)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # boto3's connections close when they like
def test_two_workers_share_a_stream_through_a_split(beside: Headwater) -> None:
    kinesis = beside.client()
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    seen: list[int] = []
    all_is_read = threading.Event()

    def consumer(name: str) -> KinesisConsumer:
        return KinesisConsumer(
            "orders",
            state=DynamoDBState("leases", endpoint_url=beside.endpoint_url),
            start="TRIM_HORIZON",
            lease_duration_s=1.0,
            worker_id=name,
            endpoint_url=beside.endpoint_url,
        )

    def read(batch: Any) -> None:
        seen.extend(int(record.data) for record in batch)
        if len(set(seen)) == 400:
            all_is_read.set()

    consumers = [consumer("first"), consumer("second")]
    threads = [threading.Thread(target=each.run, args=(read,)) for each in consumers]
    for thread in threads:
        thread.start()
    try:
        put(kinesis, range(200))
        kinesis.split_shard(
            StreamName="orders", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**126)
        )
        put(kinesis, range(200, 400))
        assert all_is_read.wait(RETRY_FOR_S), sorted(set(range(400)) - set(seen))
    finally:
        for each in consumers:
            each.stop()
        for thread in threads:
            thread.join(RETRY_FOR_S)
            assert not thread.is_alive()


def put(kinesis: Any, numbers: range) -> None:
    records = [
        {"Data": b"%d" % number, "PartitionKey": "key", "ExplicitHashKey": str(HALVES[number % 2])}
        for number in numbers
    ]
    assert kinesis.put_records(StreamName="orders", Records=records)["FailedRecordCount"] == 0
