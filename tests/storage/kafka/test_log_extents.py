"""How far logs reach, asked of brokers that do not always answer, over a simulated Kafka."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import pytest

from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreUnavailable
from tests.storage.kafka.simulated_gateways import SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka


async def stream_with_a_record(gateway: SimulatedGateway) -> int:
    """Its log, which the gateway has never read."""
    await gateway.call("CreateStream", StreamName="orders", ShardCount=1)
    await gateway.call("DescribeStreamSummary", StreamName="orders")
    await gateway.call("PutRecord", StreamName="orders", Data=b64encode(b"x").decode(), PartitionKey="alice")
    (log_id,) = gateway.engine.all_streams()[0].log_ids
    return log_id


def answer_from_the(gateway: SimulatedGateway, question: int) -> None:
    """Let leaders say that they are none until they are asked for the so-manieth time."""
    find_offsets, asked = gateway.cluster.find_offsets, 0

    async def find(topics: Sequence[str], time_ms: int) -> dict[str, int]:
        nonlocal asked
        asked += 1
        return await find_offsets(topics, time_ms) if asked >= question else {}

    gateway.cluster.find_offsets = find  # type: ignore[method-assign]  # a fault of the cluster


def test_a_leader_that_is_none_any_more_is_asked_again() -> None:
    async def history(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        (one,) = gateways
        log_id = await stream_with_a_record(one)
        answer_from_the(one, 7)
        (extent,) = await finished(one.store.find_extents([log_id]))
        assert extent is not None
        assert (extent.first, extent.next) == (0, 1)

    live(1, 1, history)


def test_what_no_broker_tells_is_not_taken_for_nothing() -> None:
    async def history(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        (one,) = gateways
        log_id = await stream_with_a_record(one)
        answer_from_the(one, 1_000_000)
        with pytest.raises(StoreUnavailable):
            await finished(one.store.find_extents([log_id]))

    live(1, 1, history)
