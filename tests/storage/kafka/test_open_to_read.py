"""A store that is opened to read, beside gateways, on a simulated cluster."""

from __future__ import annotations

import asyncio
from random import Random
from typing import cast

from headwater.storage.interface import Change
from headwater.storage.kafka.cluster import Cluster
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.store import ADOPT_S, KafkaStore
from headwater.storage.kafka.topics import Topics
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop

TOPICS = Topics("simulated", 3)


def test_it_leaves_what_a_gateway_did_not_finish_to_gateways() -> None:
    async def live() -> None:
        kafka = SimulatedKafka(Random(1))
        kafka.is_whole = True
        clusters = [SimulatedCluster(kafka) for _ in range(3)]
        await clusters[0].create_topics({TOPICS.meta: {}, TOPICS.snapshots: {}}, 3)
        now_s = asyncio.get_running_loop().time

        def store_of(cluster: SimulatedCluster) -> KafkaStore:
            return KafkaStore(cast("Cluster", cluster), TOPICS, lambda _text: None, Producer(now_s))

        gateway, reader, another = map(store_of, clusters)
        await gateway.open()
        await reader.open_to_read(has_snapshots=True)
        gateway.commit(Change({"a": b"1"}, create_logs=[1]))
        while gateway.metadata_of("a") is None:
            await asyncio.sleep(0.1)
        gateway.commit(Change({"a": b"2"}, seal_logs=[1]))
        while not gateway._metadata.state.pending:
            await asyncio.sleep(0.001)
        gateway.close()
        await asyncio.sleep(10 * ADOPT_S)
        assert reader._metadata.state.pending
        assert reader.metadata()["a"].value == b"1"
        await another.open()
        await asyncio.sleep(10 * ADOPT_S)
        assert not reader._metadata.state.pending
        assert reader.metadata()["a"].value == b"2"
        for store in (reader, another):
            store.close()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live())
