"""What a request meets when its broker goes while the connection to it is being made."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from headwater.storage.kafka import cluster as cluster_module
from headwater.storage.kafka.batch_requests import LANES
from headwater.storage.kafka.cluster import NONE, Cluster, KafkaError, Unsent, _BrokerNode
from headwater.storage.kafka.patience import SILENT_SWEEPS
from headwater.storage.kafka.produce_request import Produced
from headwater.storage.kafka.security import BrokerSecurity

# aiokafka leaves the socket of a connection that it was to give up to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

TOPIC = "orders-1"


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Nothing of a test is collected in another one."""
    yield
    gc.collect()


async def fetch_from_a_broker_that_hangs(cluster: Cluster) -> tuple[asyncio.Task[object], asyncio.Server]:
    """A fetch that waits for its connection, as the broker accepts it and says nothing."""
    accepted = asyncio.Event()
    broker = await asyncio.start_server(lambda *_: accepted.set(), "127.0.0.1", 0)
    host, port = broker.sockets[0].getsockname()
    cluster._nodes[1] = _BrokerNode(host, port)
    cluster._leaders[TOPIC] = 1
    fetch: asyncio.Task[object] = asyncio.create_task(cluster.fetch(TOPIC, 0, 1))
    await accepted.wait()
    return fetch, broker


def test_who_waits_for_a_connection_that_is_given_up_is_told() -> None:
    async def run() -> None:
        cluster = Cluster([], BrokerSecurity())
        fetch, broker = await fetch_from_a_broker_that_hangs(cluster)
        cluster._take_nodes({2: ("127.0.0.1", 1)})  # the others say that it is gone
        with pytest.raises(Unsent):
            await fetch
        broker.close()
        await cluster.close()

    asyncio.run(run())


def test_who_is_cancelled_while_it_waits_for_a_connection_stays_cancelled() -> None:
    async def run() -> None:
        cluster = Cluster([], BrokerSecurity())
        fetch, broker = await fetch_from_a_broker_that_hangs(cluster)
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        broker.close()
        await cluster.close()

    asyncio.run(run())


def test_a_broker_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_TIMEOUT_MS", 100)

    async def run() -> None:
        cluster = Cluster([], BrokerSecurity())
        fetch, broker = await fetch_from_a_broker_that_hangs(cluster)
        async with asyncio.timeout(10):
            with pytest.raises(Unsent):
                await fetch
        broker.close()
        await cluster.close()

    asyncio.run(run())


def test_a_batch_that_waits_behind_a_broker_that_goes_leaves_for_the_next_leader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        cluster = Cluster([], BrokerSecurity())
        topics = [f"orders-{at}" for at in range(LANES + 1)]
        cluster._leaders.update(dict.fromkeys(topics, 1))
        asked: list[tuple[int, list[str]]] = []
        goes = asyncio.Event()

        async def produce_all(node_id: int, batches: dict[str, bytes], _lane: int) -> dict[str, Produced]:
            asked.append((node_id, list(batches)))
            if node_id == 1:
                await goes.wait()
                raise KafkaError("gone")
            return dict.fromkeys(batches, Produced(NONE, 7, 8))

        async def leader(topic: str) -> int:
            cluster._leaders[topic] = 2
            return 2

        monkeypatch.setattr(cluster, "_produce_all", produce_all)
        monkeypatch.setattr(cluster, "leader", leader)
        producing = []
        for topic in topics:
            producing.append(asyncio.create_task(cluster.produce_joined(topic, b"batch")))
            await asyncio.sleep(0.01)
        goes.set()
        *under_way, waiting = await asyncio.gather(*producing, return_exceptions=True)
        assert [type(outcome) for outcome in under_way] == [KafkaError] * LANES  # they are in doubt
        assert waiting == Produced(NONE, 7, 8)
        assert asked[LANES:] == [(2, topics[-1:])]
        await cluster.close()

    asyncio.run(run())


def test_a_broker_is_silent_for_its_own_topics_and_any_for_a_topic_without_a_leader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        cluster = Cluster([], BrokerSecurity())
        cluster._leaders.update({"of-1": 1, "of-2": 2, "of-3": 3})
        hangs = asyncio.Event()

        async def produce_all(node_id: int, batches: dict[str, bytes], _lane: int) -> dict[str, Produced]:
            if node_id == 1:
                await hangs.wait()
            return dict.fromkeys(batches, Produced(NONE, 7, 8))

        monkeypatch.setattr(cluster, "_produce_all", produce_all)
        hanging = asyncio.create_task(cluster.produce_joined("of-1", b"batch"))
        await cluster.produce_joined("of-2", b"batch")
        assert not any(cluster.is_silent(topic) for topic in ("of-1", "of-2", "of-3", "of-none"))
        for _ in range(SILENT_SWEEPS):
            cluster.sweep()
        silent = {topic: cluster.is_silent(topic) for topic in ("of-1", "of-2", "of-3", "of-none")}
        assert silent == {"of-1": True, "of-2": False, "of-3": False, "of-none": True}
        hangs.set()
        await hanging
        assert not any(cluster.is_silent(topic) for topic in ("of-1", "of-none"))
        await cluster.close()

    asyncio.run(run())
