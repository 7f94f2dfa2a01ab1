"""Who has caught up knows all that anybody was told before, whatever leaders that are deposed say."""

from __future__ import annotations

import asyncio

import pytest

from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import Change, StoreUnavailable
from tests.storage.kafka.simulated_gateways import SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka

CHANGES = 40


async def committed(gateway: SimulatedGateway, change: Change) -> bool:
    return await gateway.store.commit(change) > 0


async def changed_and_looked_at(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    kafka.is_whole = False
    caught_up = 0
    for number in range(CHANGES):
        if kafka.chance.random() < 0.2:
            kafka.depose_some()
        key = f"about {number}"
        writer, reader = kafka.chance.sample(gateways, 2)
        try:
            assert await finished(committed(writer, Change(writes={key: b"it"})))
            await finished(reader.store.catch_up())
        except StoreUnavailable:
            continue
        caught_up += 1
        assert reader.store.metadata_of(key) is not None
        await asyncio.sleep(kafka.chance.random())
    assert caught_up > CHANGES // 4


@pytest.mark.parametrize("seed", range(1, 6))
def test_what_was_told_before_is_known(seed: int) -> None:
    live(seed, 3, changed_and_looked_at)
