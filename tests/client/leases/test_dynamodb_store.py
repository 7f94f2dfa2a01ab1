"""Leases in DynamoDB, in the layout of the Kinesis Client Library."""

from __future__ import annotations

import asyncio
import uuid
from decimal import Decimal

import pytest

from headwater.client.leases.dynamodb_store import DynamoDBState
from headwater.client.leases.store import StateError
from tests.client.leases.dynamodb import dynamodb_table, items
from tests.client.leases.lease_store_contract import FULL, NEW, ORDERS, LeaseStateContract, MakeState
from tests.client.streams import no_shards


@pytest.fixture
def name() -> str:
    return f"table-{uuid.uuid4().hex[:12]}"


class TestDynamoDBState(LeaseStateContract):
    """Each view has connections of its own."""

    @pytest.fixture
    def make_state(self, dynamodb_url: str, name: str) -> MakeState:
        return lambda: DynamoDBState(name, endpoint_url=dynamodb_url)


def test_a_lease_lies_under_the_names_of_the_client_library(dynamodb_url: str, name: str) -> None:
    async def test() -> None:
        state = DynamoDBState(name, endpoint_url=dynamodb_url)
        leases = await state.open(ORDERS, no_shards)
        await leases.create(FULL)
        await leases.close()

    asyncio.run(test())
    assert items(dynamodb_url, name)[FULL.key] == {
        "leaseKey": "shardId-000000000007",
        "leaseCounter": 12,
        "leaseOwner": "b",
        "checkpointOwner": "a",
        "ownerSwitchesSinceCheckpoint": 3,
        "checkpoint": "49590338271490256608559692538361571095921575989136588898",
        "checkpointSubSequenceNumber": 5,
        "parentShardId": {"shardId-000000000001", "shardId-000000000002"},
        "childShardIds": {"shardId-000000000008"},
        "startingHashKey": "0",
        "endingHashKey": "340282366920938463463374607431768211455",
        "throughputKBps": Decimal("12.5"),
        "latestSinceMillis": 1_700_000_000_123,
        "leasedStream": "arn:aws:kinesis:us-east-1:000000000000:stream/orders@1700000000",
    }


def test_what_else_is_in_the_table_is_no_lease_and_stays(dynamodb_url: str, name: str) -> None:
    async def test() -> None:
        state = DynamoDBState(name, endpoint_url=dynamodb_url)
        leases = await state.open(ORDERS, no_shards)
        statistics = {"leaseKey": "worker-1", "entityType": "WORKER_METRIC_STATS", "lut": 5}
        dynamodb_table(dynamodb_url, name).put_item(Item=statistics)
        await leases.create(NEW)
        assert await leases.leases() == [NEW]
        assert await leases.lease("worker-1") is None
        await leases.close()

    asyncio.run(test())
    assert set(items(dynamodb_url, name)) == {NEW.key, "worker-1"}


def test_a_table_that_is_missing_is_named_when_none_may_be_created(dynamodb_url: str, name: str) -> None:
    async def test() -> None:
        state = DynamoDBState(name, create_table=False, endpoint_url=dynamodb_url)
        with pytest.raises(StateError, match=name):
            await state.open(ORDERS, no_shards)

    asyncio.run(test())


def test_many_workers_may_find_no_table_at_the_same_moment(dynamodb_url: str, name: str) -> None:
    async def test() -> None:
        states = [DynamoDBState(name, endpoint_url=dynamodb_url) for _ in range(5)]
        opened = await asyncio.gather(*(state.open(ORDERS, no_shards) for state in states))
        assert await opened[0].leases() == []
        await asyncio.gather(*(leases.close() for leases in opened))

    asyncio.run(test())


def test_a_table_that_is_not_ready_in_time_is_named(
    dynamodb_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.client.leases.dynamodb_store.CREATION_TIMEOUT_S", 0.0)

    async def test() -> None:
        state = DynamoDBState(name, endpoint_url=dynamodb_url)
        with pytest.raises(StateError, match=name):
            await state.open(ORDERS, no_shards)

    asyncio.run(test())
