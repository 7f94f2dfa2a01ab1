"""The proof that brokers fence: of those that do, those that do not, and those that are not ready yet."""

from __future__ import annotations

import asyncio
from random import Random
from typing import cast

import pytest

from headwater.storage.kafka import batches, fence
from headwater.storage.kafka.cluster import NONE, Cluster
from headwater.storage.kafka.produce_request import Produced
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop

NOT_LEADER, NOT_ENOUGH_REPLICAS = 6, 19


class UnreadyCluster(SimulatedCluster):
    """Its leaders refuse each batch twice before they look at it."""

    def __init__(self, kafka: SimulatedKafka) -> None:
        super().__init__(kafka)
        self._refusals: dict[bytes, list[int]] = {}

    async def produce(self, topic: str, batch: bytes, lane: int = 0) -> Produced:
        left = self._refusals.setdefault(batch, [NOT_LEADER, NOT_ENOUGH_REPLICAS])
        return Produced(left.pop(), -1, -1) if left else await super().produce(topic, batch, lane)


class UnfencedCluster(SimulatedCluster):
    """Its leaders take what comes, whatever its epoch."""

    async def produce(self, topic: str, batch: bytes, lane: int = 0) -> Produced:
        (found,) = batches.batches(batch)
        return Produced(NONE, found.sequence, 0)


def prove(kind: type[SimulatedCluster]) -> None:
    kafka = SimulatedKafka(Random(1))
    kafka.is_whole = True

    async def live() -> None:
        cluster = kind(kafka)
        await cluster.create_topics({"proof": {}}, 3)
        await fence.prove(cast("Cluster", cluster), "proof")

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live())


@pytest.mark.parametrize("kind", [SimulatedCluster, UnreadyCluster])
def test_brokers_that_fence_may_be_used_also_when_their_leaders_are_found_late(
    kind: type[SimulatedCluster],
) -> None:
    prove(kind)


def test_brokers_that_do_not_fence_are_refused() -> None:
    with pytest.raises(fence.NotFenced, match="whose epoch another batch has raised"):
        prove(UnfencedCluster)
