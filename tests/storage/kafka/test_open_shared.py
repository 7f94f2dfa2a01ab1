"""The folder of a server over a shared store: for itself alone, and gone when the store is closed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from headwater.storage.interface import FUNCTIONS_FOLDER, StoreUnavailable
from headwater.storage.kafka import back_end
from headwater.storage.kafka.security import BrokerSecurity
from headwater.storage.open_store import open_shared
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop

URL = "kafka://simulated:9092"


class ListedCluster(SimulatedCluster):
    """What is asked of a cluster before its first use, too."""

    producer_life_ms: str | None = None

    async def broker_setting(self, _name: str) -> str | None:
        return self.producer_life_ms

    def brokers(self) -> int:
        return 3


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    kafka = SimulatedKafka(Random(1))
    kafka.is_whole = True
    monkeypatch.setattr(back_end, "Cluster", lambda _bootstrap, _security: ListedCluster(kafka))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def live(history: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await history()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())


def test_each_server_has_its_own_and_takes_it_along_when_it_is_closed(temporary: Path) -> None:
    async def history() -> None:
        one, other = [await open_shared(URL, BrokerSecurity(), print) for _ in range(2)]
        assert set(temporary.iterdir()) == {one.folder, other.folder}
        (one.folder / FUNCTIONS_FOLDER).mkdir()
        one.store.close()
        assert list(temporary.iterdir()) == [other.folder]
        other.store.close()
        assert list(temporary.iterdir()) == []

    live(history)


def test_a_store_that_cannot_be_opened_leaves_none(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ListedCluster, "producer_life_ms", "60000")

    async def history() -> None:
        with pytest.raises(StoreUnavailable, match="forget producers"):
            await open_shared(URL, BrokerSecurity(), print)
        assert list(temporary.iterdir()) == []

    live(history)


def test_who_reads_alone_needs_none(temporary: Path) -> None:
    async def history() -> None:
        server = await open_shared(URL, BrokerSecurity(), print)
        reader = await open_shared(URL, BrokerSecurity(), print, to_read=True)
        assert list(temporary.iterdir()) == [server.folder]
        reader.store.close()
        server.store.close()

    live(history)
