"""What a store counts of its batches, on a simulated cluster in virtual time."""

from __future__ import annotations

import asyncio
from random import Random
from typing import cast

from headwater.storage.interface import Change, Entry
from headwater.storage.kafka.cluster import Cluster
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.store import KafkaStore
from headwater.storage.kafka.topics import Topics
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop

TOPICS = Topics("simulated", 3)


def test_a_batch_counts_while_it_is_under_way_and_each_time_it_is_sent_again() -> None:
    async def live() -> None:
        kafka = SimulatedKafka(Random(1))
        kafka.is_whole = True
        cluster = SimulatedCluster(kafka)
        await cluster.create_topics({TOPICS.meta: {}, TOPICS.snapshots: {}}, 3)
        now_s = asyncio.get_running_loop().time
        store = KafkaStore(cast("Cluster", cluster), TOPICS, lambda _text: None, Producer(now_s))
        await store.open()
        store.commit(Change({"a": b"1"}, create_logs=[1]))
        while store.metadata_of("a") is None:
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        times = store.commit_times
        assert (times.under_way, times.retries) == (0, 0)
        topic = kafka.topics.pop(TOPICS.log(1))  # nobody leads it
        store.append([Entry(1, 0, (b"late",))])
        await asyncio.sleep(2)
        assert times.under_way == 1
        assert times.retries > 1
        kafka.topics[TOPICS.log(1)] = topic
        await asyncio.sleep(5)
        assert (times.under_way, times.failures) == (0, 0)
        store.close()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live())
