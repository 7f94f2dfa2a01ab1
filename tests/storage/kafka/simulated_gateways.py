"""Gateways over a simulated Kafka, whole but for their sockets: store, engine, ticks and operations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, cast

from headwater.api.held_answer import HeldAnswer
from headwater.api.operation import OPERATIONS, Operation
from headwater.api.other_engines import in_step
from headwater.api.validation.constraints import accept
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.server.asyncio_bridge import finished
from headwater.storage.kafka.cluster import Cluster
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.store import KafkaStore
from headwater.storage.kafka.topics import Topics
from headwater.wire.json_format import encode
from tests.engine.running_engine import CALLER
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop

TOPICS = Topics("simulated", 3)
BEGIN_S = 1_000_000.0
"""Some days after 1970; much later the loop could not tell instants apart."""
TICK_S = 0.1
TRANSITION_MS = 200


class LoopClock:
    """The time of the loop."""

    def now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)


class SimulatedGateway:
    """One gateway; to kill it is to end it without a word."""

    def __init__(self, kafka: SimulatedKafka, name: str) -> None:
        self.name = name
        self.cluster = SimulatedCluster(kafka)
        self.engine: Engine
        self.store: KafkaStore
        self._operations: dict[str, Operation]
        self._chance = Random(kafka.chance.random())
        self._ticking: asyncio.Task[None]

    async def start(self) -> None:
        """Open everything."""
        loop = asyncio.get_running_loop()
        self.store = KafkaStore(
            cast("Cluster", self.cluster), TOPICS, lambda _text: None, Producer(loop.time)
        )
        await self.store.open()
        settings = Settings(transition_ms=TRANSITION_MS, server_name=self.name)
        self.engine = Engine(self.store, LoopClock(), settings, self._chance.randbytes, loop.time)
        self.engine.open()
        self._operations = in_step(OPERATIONS, self.engine)
        self._ticking = loop.create_task(self._tick())

    def kill(self) -> None:
        """It does nothing any more."""
        self._ticking.cancel()
        self.store.close()

    @property
    def is_frozen(self) -> bool:
        """Whether it does nothing until it thaws."""
        return asyncio.get_running_loop().time() < self.cluster.frozen_until_s

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if not self.is_frozen:
                self.engine.tick()

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer of an operation; raises what it raises."""
        handler = self._operations[operation].handler
        assert handler is not None
        answer = await finished(handler(self.engine, CALLER, accept(operation, encode(members))))
        if isinstance(answer, HeldAnswer):
            answer = await finished(answer.answered())
        members = dict(cast("dict[str, Any]", answer) or {})
        received = members.get("QueueRecords")
        if received is not None and hasattr(received, "documents"):  # as the wire formats write them
            members["QueueRecords"] = received.documents()
        return members


def live(
    seed: int, count: int, history: Callable[[SimulatedKafka, list[SimulatedGateway]], Awaitable[None]]
) -> None:
    """Let a history run its course over `count` gateways of a cluster that is whole at first."""
    with asyncio.Runner(loop_factory=_loop) as runner:

        async def run() -> None:
            kafka = SimulatedKafka(Random(seed))
            kafka.is_whole = True
            gateways = [SimulatedGateway(kafka, f"gateway-{at}") for at in range(count)]
            await gateways[0].cluster.create_topics({TOPICS.meta: {}, TOPICS.snapshots: {}}, 3)
            for gateway in gateways:
                await gateway.start()
            try:
                await history(kafka, gateways)
            finally:
                for gateway in gateways:
                    gateway.kill()

        runner.run(run())


def _loop() -> VirtualTimeLoop:
    loop = VirtualTimeLoop()
    loop._leaping.now_s = BEGIN_S
    return loop
