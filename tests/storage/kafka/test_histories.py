"""What holds of several gateways however they are stopped and killed, and that the fence is why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.kafka.gateways import Gateway
from tests.storage.kafka.history import History

pytestmark = pytest.mark.long
DURATION_S = 30.0


@pytest.fixture
def gateways(store_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[Gateway]]:
    found = [
        Gateway(store_url, tmp_path / f"gateway-{at}.log", fenced=getattr(request, "param", True))
        for at in range(3)
    ]
    for gateway in found:
        gateway.start()
    yield found
    for gateway in found:
        gateway.kill()


def test_nothing_acknowledged_is_lost_doubled_or_out_of_order(gateways: list[Gateway]) -> None:
    history = History(gateways, seed=1)
    asyncio.run(history.run(DURATION_S))
    assert history.broken() == [], history.told()
    assert len(history.acknowledged) > 200, history.told()
    assert len(history.ended) > 2, history.told()


@pytest.mark.parametrize("gateways", [False], indirect=True, ids=["unfenced"])
def test_the_same_history_without_the_fence_loses_records(gateways: list[Gateway]) -> None:
    for seed in range(5):
        history = History(gateways, seed, stream=f"orders-{seed}")
        asyncio.run(history.run(DURATION_S, kills=False))
        if history.broken():
            assert any("was acknowledged at" in text for text in history.broken())
            return
    pytest.fail("the checker finds nothing where something must be wrong")
