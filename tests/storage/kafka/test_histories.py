"""What holds of three gateways on three nodes however they are stopped and killed, and why: the fence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.storage.kafka.gateways import Gateway
from tests.storage.kafka.history import History
from tests.storage.kafka.nodes import KafkaNodes

pytestmark = pytest.mark.long
DURATION_S = 60.0
UNFENCED_S = 30.0
UNFENCED_HISTORIES = 12
"""At most: the first or second one has lost something, unless the machine is busy."""
LOST = ("was acknowledged at", "the reader has seen other records")
"""What the checker says of a record behind the end that readers were told."""
_deployments = count()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNodes]:
    """Three of them."""
    found = KafkaNodes(tmp_path_factory.mktemp("three-nodes"), 3)
    yield found
    found.close()


@pytest.fixture
def gateways(nodes: KafkaNodes, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[Gateway]]:
    url = nodes.url(f"history-{next(_deployments)}")
    found = [
        Gateway(url, tmp_path / f"gateway-{at}.log", fenced=getattr(request, "param", True))
        for at in range(3)
    ]
    for gateway in found:
        gateway.start()
    yield found
    for gateway in found:
        gateway.kill()


def test_nothing_acknowledged_is_lost_doubled_or_out_of_order(
    gateways: list[Gateway], nodes: KafkaNodes
) -> None:
    history = History(gateways, seed=1)
    asyncio.run(history.run(DURATION_S, nodes=nodes.nodes, least=has_enough))
    assert history.broken() == [], history.told()
    assert has_enough(history), history.told()


def has_enough(history: History) -> bool:
    """Whether so much has happened that it says something."""
    return len(history.acknowledged) > 200 and len(history.ended) > 2 and history.brief_streams > 0


@pytest.mark.parametrize("gateways", [False], indirect=True, ids=["unfenced"])
def test_the_same_history_without_the_fence_loses_records(gateways: list[Gateway]) -> None:
    for seed in range(UNFENCED_HISTORIES):
        history = History(gateways, seed, stream=f"orders-{seed}")
        asyncio.run(history.run(UNFENCED_S, kills=False))
        if any(lost in text for text in history.broken() for lost in LOST):
            return
    pytest.fail("the checker finds nothing where something must be wrong")
