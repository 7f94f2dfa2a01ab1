"""Reading a topic on a simulated cluster, in virtual time."""

from __future__ import annotations

import asyncio
from random import Random
from typing import cast

import pytest

from headwater.storage.interface import StoreUnavailable
from headwater.storage.kafka import batches
from headwater.storage.kafka.cluster import Cluster
from headwater.storage.kafka.topic_reader import TopicReader
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop


async def _filled() -> TopicReader:
    """A reader of a cluster with a topic of two records."""
    kafka = SimulatedKafka(Random(1))
    kafka.is_whole = True
    cluster = SimulatedCluster(kafka)
    await cluster.create_topics({"log": {}}, 3)
    await cluster.produce("log", batches.build(1, 0, 0, [b"a", b"b"]))
    return TopicReader(cast("Cluster", cluster))


async def _payloads(reader: TopicReader, position: int, final: int | None) -> list[bytes]:
    page = await reader.page("log", 0, position, 100, 10_000, final, lambda: False)
    return [bytes(payload) for run in page.runs for payload in run.payloads]


def test_a_sealed_log_that_has_lost_its_last_records_is_not_waited_for_for_ever() -> None:
    async def live() -> None:
        reader = await _filled()
        assert await _payloads(reader, 0, None) == await _payloads(reader, 0, 2) == [b"a", b"b"]
        for position in (0, 2, 4):
            with pytest.raises(StoreUnavailable, match="ends at position 2, and had records up to 5"):
                await _payloads(reader, position, 5)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live())
