"""A gateway that meets commands of a later format stops, and says so to who asks for its health."""

from __future__ import annotations

import asyncio
from math import inf

import pytest

from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreUnavailable
from headwater.storage.kafka import commands
from tests.storage.kafka.simulated_gateways import SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka


def test_a_gateway_that_cannot_read_a_command_is_ill_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def history(_kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
        one, other = gateways
        await other.call("CreateStream", StreamName="orders", ShardCount=1)
        assert one.engine.behind_s() < 30
        monkeypatch.setattr(commands, "FORMAT", max(commands.FORMATS) + 1)
        with pytest.raises(StoreUnavailable):
            await other.call("CreateStream", StreamName="late", ShardCount=1)
        await asyncio.sleep(5)
        assert one.engine.behind_s() == inf
        with pytest.raises(StoreUnavailable):
            await finished(one.store.catch_up())

    live(1, 2, history)
