"""What every store promises, of the store on a simulated cluster: every day, and without waiting."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import cast

import pytest

from headwater.storage.interface import Store
from headwater.storage.kafka.cluster import Cluster
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.store import KafkaStore
from headwater.storage.kafka.topics import Topics
from tests.storage.kafka.loop_inbox import LoopInbox
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop
from tests.storage.store_contract import StoreContract

TOPICS = Topics("simulated", 3)


class TestSimulatedKafkaStore(StoreContract):
    @pytest.fixture
    def inbox(self) -> Iterator[LoopInbox]:
        found = LoopInbox(VirtualTimeLoop())
        yield found
        found.close()

    @pytest.fixture
    def store(self, inbox: LoopInbox) -> Store:
        kafka = SimulatedKafka(Random(1))
        kafka.is_whole = True
        cluster = SimulatedCluster(kafka)

        async def opened() -> KafkaStore:
            await cluster.create_topics({TOPICS.meta: {}, TOPICS.snapshots: {}}, 3)
            store = KafkaStore(cast("Cluster", cluster), TOPICS, print, Producer())
            await store.open()
            return store

        return inbox.run_on_loop(opened())
