"""Who does what must be done once, over a simulated Kafka: gateways that freeze, leaders that are deposed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from tests.storage.kafka.simulated_gateways import SimulatedGateway, live
from tests.storage.kafka.simulated_kafka import SimulatedKafka

DURATION_S = 120.0
LOOK_S = 0.05
GOES_ON_WITHIN_S = 5.0


def holders(gateways: Collection[SimulatedGateway]) -> list[str]:
    """Those that would act now; who is frozen does not."""
    return [gateway.name for gateway in gateways if not gateway.is_frozen and gateway.engine.lease.is_held]


async def lived(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    loop, chance = asyncio.get_running_loop(), kafka.chance
    kafka.is_whole = False
    until_s = loop.time() + DURATION_S
    found = set()
    while loop.time() < until_s:
        if chance.random() < 0.01:
            kafka.depose_some()
        if chance.random() < 0.01:
            chance.choice(gateways).cluster.frozen_until_s = loop.time() + chance.choice((1.0, 4.0, 20.0))
        await asyncio.sleep(LOOK_S)
        now = holders(gateways)
        assert len(now) <= 1
        found.update(now)
    assert len(found) > 1  # it has gone from one to another
    kafka.is_whole = True
    await asyncio.sleep(30)  # what was under way is over
    assert len(holders(gateways)) == 1


async def killed(kafka: SimulatedKafka, gateways: list[SimulatedGateway]) -> None:
    assert kafka.is_whole
    await asyncio.sleep(10)
    while len(gateways) > 1:
        (name,) = holders(gateways)
        holder = next(gateway for gateway in gateways if gateway.name == name)
        holder.kill()
        gateways.remove(holder)
        await asyncio.sleep(GOES_ON_WITHIN_S)
        assert len(holders(gateways)) == 1
        await asyncio.sleep(10 * kafka.chance.random())


@pytest.mark.parametrize("seed", range(1, 3))
def test_never_two_hold_it_and_somebody_does_in_the_end(seed: int) -> None:
    live(seed, 3, lived)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
def test_never_two_hold_it_in_many_histories(seed: int) -> None:
    live(seed, 3, lived)


@pytest.mark.parametrize("seed", range(1, 4))
def test_when_the_holder_is_killed_another_one_goes_on_within_five_seconds(seed: int) -> None:
    live(seed, 4, killed)
