"""Who follows a log at one gateway hears what another one appends, over a simulated Kafka."""

from __future__ import annotations

import asyncio
from base64 import b64encode

from tests.storage.kafka.simulated_gateways import SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka


async def _told(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    one, other = gateways
    await one.call("CreateStream", StreamName="orders", ShardCount=1)
    await asyncio.sleep(1)
    (log_id,) = one.engine.all_streams()[0].log_ids
    told = asyncio.Event()
    one.engine.watch_log(log_id, told.set)
    await told.wait()  # of what came before
    told.clear()
    await other.call("PutRecord", StreamName="orders", Data=b64encode(b"x").decode(), PartitionKey="alice")
    await told.wait()
    # Though nothing was read here yet: whoever reads now, and gets less, knows that there is more.
    extent = one.engine.extent(log_id)
    assert extent is not None
    assert extent.next == 1


def test_a_watched_log_is_known_to_reach_as_far_as_was_told() -> None:
    live(1, 2, _told)
