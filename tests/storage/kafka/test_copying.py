"""From a data directory to Kafka and back: every record where and when it was, and gaps that nobody reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import cast

import pytest

from headwater.server.asyncio_bridge import finished
from headwater.storage.copying import Copying
from headwater.storage.interface import (
    END_MS,
    Change,
    LogPage,
    Store,
    StoreFilling,
    StoreUnavailable,
    StoreUnreadable,
)
from headwater.storage.kafka import batches, filling
from headwater.storage.kafka.cluster import Cluster
from headwater.storage.kafka.filling import KafkaFilling
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.store import KafkaStore
from headwater.storage.kafka.topics import Topics
from headwater.storage.lmdb.filling import LmdbFilling
from headwater.storage.lmdb.store import LmdbStore
from tests.storage.inbox import Inbox
from tests.storage.kafka.loop_inbox import LoopInbox
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop
from tests.storage.records import StoredRecord, entry, records

TOPICS = Topics("simulated", 3)
DAY_MS = 86_400_000


class Deployment:
    """A simulated cluster, filled and then served."""

    def __init__(self, inbox: LoopInbox) -> None:
        self.inbox = inbox
        self.kafka = SimulatedKafka(Random(1))
        self.kafka.is_whole = True
        self.cluster = cast("Cluster", SimulatedCluster(self.kafka))
        inbox.run_on_loop(self.cluster.create_topics({TOPICS.meta: {}, TOPICS.snapshots: {}}, 3))

    def begun(self) -> KafkaFilling:
        """One that takes what comes. Raises `StoreUnreadable`."""
        begun = KafkaFilling(self.cluster, TOPICS)
        self.inbox.run_on_loop(begun.open())
        return begun

    def served(self) -> KafkaStore:
        """A gateway's store."""

        async def opened() -> KafkaStore:
            store = KafkaStore(self.cluster, TOPICS, print, Producer())
            await store.open()
            return store

        return self.inbox.run_on_loop(opened())

    def copy(self, store: Store, to: StoreFilling) -> Copying:
        """Copy logs 1 to 4 and the metadata."""
        logs = {log_id: DAY_MS for log_id in range(1, 5) if store.extent(log_id) is not None}

        async def read(log_id: int, position: int) -> LogPage | None:
            async def page() -> LogPage | None:
                return await store.read(log_id, position, 3, 50)

            return await finished(page())

        async def copied() -> Copying:
            copying = Copying(read, to)
            sealed = {log_id for log_id in logs if (e := store.extent(log_id)) is not None and e.sealed}
            await copying.copy(logs, sealed)
            await to.finish(store.metadata())
            await to.close()
            return copying

        return self.inbox.run_on_loop(copied())


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    inbox = LoopInbox(VirtualTimeLoop())
    yield Deployment(inbox)
    inbox.close()


@pytest.fixture
def source(tmp_path: Path) -> Iterator[LmdbStore]:
    """Log 1 is trimmed, 2 closed, 3 closed and forgotten, 4 new."""
    inbox = Inbox()
    store = LmdbStore(tmp_path, inbox, synced=False)
    inbox.run(store.commit(Change({"a": b"1", "seal-key": b"x"}, create_logs=[1, 2, 3, 4])))
    inbox.run(store.commit(Change({"a": b"2"})))
    for log_id in (1, 2, 3):
        entries = [entry(log_id, 1000 + 10 * at, b"%d/%d" % (log_id, at), b"", b"x" * 60) for at in range(20)]
        inbox.run(store.append(entries))
    inbox.run(store.trim(1, 31))
    inbox.run(store.commit(Change({}, seal_logs=[2, 3])))
    inbox.run(store.trim(3, 60))
    yield store
    store.close()
    inbox.run_posted()


def all_of(inbox: Inbox, store: Store) -> dict[int, tuple[int, int, bool, list[StoredRecord]]]:
    """First, next, sealed and the records of each log."""
    found = {}
    for log_id in range(1, 5):
        page, extent = inbox.run(store.read(log_id, 0, 10_000, 10**8)), store.extent(log_id)
        if page is not None and extent is not None:
            found[log_id] = (page.first, page.next, extent.sealed, records(page))
    return found


def test_records_keep_positions_and_arrivals_both_ways(
    deployment: Deployment, source: LmdbStore, tmp_path: Path
) -> None:
    before = all_of(Inbox(), source)
    copying = deployment.copy(source, deployment.begun())
    assert (copying.copied.logs, copying.copied.records) == (4, 29 + 60)
    assert copying.ends == {1: 60, 2: 60, 3: 60, 4: 0}
    store = deployment.served()
    assert store.metadata() == source.metadata()
    assert all_of(deployment.inbox, store) == before
    assert deployment.inbox.run(store.find(1, 1150)) == 45
    (placed,) = deployment.inbox.run(store.append([entry(1, 5, b"more")]))
    assert placed is not None
    assert not isinstance(placed, StoreUnavailable)
    assert placed.position == 60
    assert deployment.inbox.run(store.append([entry(2, 5, b"late")])) == [None]

    deployment.copy(store, LmdbFilling(tmp_path / "back"))
    inbox = Inbox()
    back = LmdbStore(tmp_path / "back", inbox, synced=False)
    assert all_of(inbox, back) == all_of(deployment.inbox, store)
    assert back.metadata() == store.metadata()
    assert inbox.run(back.find(1, END_MS)) == 61
    back.close()


def test_positions_of_fences_stay_without_a_record(deployment: Deployment, tmp_path: Path) -> None:
    """Of two gateways, one that is not fenced yet stores between the fences of a log that is closed."""
    store = deployment.served()
    inbox = deployment.inbox
    assert inbox.run(store.commit(Change({"a": b"1"}, create_logs=[1])))
    inbox.run(store.append([entry(1, 5, b"a", b"b")]))

    async def fence_and_go_on() -> None:
        topic, other = TOPICS.log(1), await deployment.cluster.new_producer_id()
        await deployment.cluster.produce(topic, batches.build(other, batches.FENCE_EPOCH, 0, [b"fence"]))

    inbox.run_on_loop(fence_and_go_on())
    inbox.run(store.append([entry(1, 5, b"c")]))
    assert inbox.run(store.commit(Change({}, seal_logs=[1])))
    there = all_of(inbox, store)
    assert [(r.position, r.payload) for r in there[1][3]] == [(0, b"a"), (1, b"b"), (3, b"c")]

    deployment.copy(store, LmdbFilling(tmp_path / "back"))
    own = Inbox()
    back = LmdbStore(tmp_path / "back", own, synced=False)
    assert all_of(own, back) == there
    for position in (2, 3):
        assert records(own.run(back.read(1, position, 1, 100))) == there[1][3][2:]
    assert own.run(back.find(1, there[1][3][2].time_ms)) in (2, 3)
    assert back.check() == []

    again = Deployment(inbox)
    again.copy(back, again.begun())
    assert all_of(inbox, again.served()) == there
    back.close()


def test_a_wide_gap_is_several_batches(
    deployment: Deployment, source: LmdbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "GAP_POSITIONS_MAX", 4)
    deployment.copy(source, deployment.begun())
    assert all_of(deployment.inbox, deployment.served()) == all_of(Inbox(), source)


def test_what_was_given_up_half_way_is_made_anew(deployment: Deployment, source: LmdbStore) -> None:
    given_up = deployment.begun()

    async def begin() -> None:
        await deployment.cluster.create_topics({TOPICS.log(1): {}, TOPICS.log(2): {}}, 3)
        await deployment.cluster.produce(TOPICS.log(1), batches.build(99, 0, 0, [b"left over"]))
        await given_up.close()

    deployment.inbox.run_on_loop(begin())
    deployment.copy(source, deployment.begun())
    assert all_of(deployment.inbox, deployment.served()) == all_of(Inbox(), source)


def test_a_deployment_that_is_not_empty_is_refused(deployment: Deployment, source: LmdbStore) -> None:
    deployment.copy(source, deployment.begun())
    with pytest.raises(StoreUnreadable, match="are not empty"):
        deployment.begun()


def test_a_deployment_that_a_gateway_has_used_is_refused(deployment: Deployment) -> None:
    deployment.served()
    with pytest.raises(StoreUnreadable, match="are not empty"):
        deployment.begun()


def test_a_directory_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreUnreadable, match="is not empty"):
        LmdbFilling(tmp_path)
