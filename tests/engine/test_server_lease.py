"""What must be done once: one of several servers over the same data does it, and another one goes on."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import pytest

from headwater.engine.server_lease import LeaseStatus, ServerLease
from headwater.model.clock import ManualClock
from headwater.storage.interface import Change, Post
from headwater.storage.memory_store import MemoryStore
from tests.engine.running_engine import RunningEngine
from tests.storage.inbox import Inbox
from tests.storage.shared_memory_store import SharedMemoryStore

GOES_ON_WITHIN_MS = 5_000
TICK_MS = 100


class Servers:
    """Two servers that share a store, and a clock each."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        first = SharedMemoryStore(self.inbox)
        self.stores = (first, SharedMemoryStore(self.inbox, first))
        self.clocks = (ManualClock(), ManualClock())
        self.leases = tuple(
            ServerLease(store, clock.now_ms, b"%d" % at, f"server-{at}")
            for at, (store, clock) in enumerate(zip(self.stores, self.clocks, strict=True))
        )
        for store, lease in zip(self.stores, self.leases, strict=True):
            store.watch_metadata(partial(self._told, store, lease))

    @staticmethod
    def _told(store: SharedMemoryStore, lease: ServerLease, keys: Collection[str]) -> None:
        for key in keys:
            if key.startswith("lease/"):
                lease.take_over(store.metadata_of(key))

    def pass_ms(self, duration_ms: int, *awake: int) -> None:
        """Time passes for all; the ones that are awake tick."""
        for _ in range(0, duration_ms, TICK_MS):
            for clock in self.clocks:
                clock.advance_ms(TICK_MS)
            for at in awake:
                self.leases[at].tick(self.clocks[at].now_ms())
            self.inbox.run_posted()

    @property
    def holders(self) -> list[int]:
        return [at for at, lease in enumerate(self.leases) if lease.is_held]


@pytest.fixture
def servers() -> Servers:
    return Servers()


def test_one_of_several_holds_it_and_all_know_which_one(servers: Servers) -> None:
    servers.pass_ms(TICK_MS, 0, 1)
    assert servers.holders == [0]
    servers.pass_ms(20_000, 1, 0)
    assert servers.holders == [0]
    assert [lease.status() for lease in servers.leases] == [
        LeaseStatus("server-0", is_held=True),
        LeaseStatus("server-0", is_held=False),
    ]


def test_when_the_holder_is_killed_another_one_goes_on_within_five_seconds(servers: Servers) -> None:
    servers.pass_ms(10_000, 0, 1)
    servers.pass_ms(GOES_ON_WITHIN_MS, 1)
    assert servers.holders == [1]


def test_a_holder_that_slept_holds_it_no_more_and_commits_nothing_under_it(servers: Servers) -> None:
    servers.pass_ms(10_000, 0, 1)
    decided = servers.leases[0].fence()
    servers.pass_ms(2_000, 1)
    assert servers.holders == []  # it acts no more before the other one does
    servers.pass_ms(3_000, 1)
    assert servers.holders == [1]
    for fence in (decided, servers.leases[0].fence()):
        assert servers.inbox.run(servers.stores[0].commit(Change({"done": b""}, fence))) == 0
    servers.pass_ms(10_000, 0, 1)
    assert servers.holders == [1]
    assert servers.inbox.run(servers.stores[1].commit(Change({"done": b""}, servers.leases[1].fence())))


def test_a_holder_that_slept_while_nobody_took_over_goes_on(servers: Servers) -> None:
    servers.pass_ms(10_000, 0)
    servers.pass_ms(60_000)
    assert servers.holders == []
    servers.pass_ms(TICK_MS, 0)
    assert servers.holders == [0]


def test_what_is_given_up_is_taken_at_once_and_under_another_version(servers: Servers) -> None:
    servers.pass_ms(1_000, 0, 1)
    decided = servers.leases[0].fence()
    servers.inbox.run(servers.leases[0].release())
    assert servers.leases[1].status() == LeaseStatus(None, is_held=False)
    servers.pass_ms(TICK_MS, 1)
    assert servers.holders == [1]
    servers.inbox.run(servers.leases[1].release())
    servers.pass_ms(TICK_MS, 0)
    assert servers.holders == [0]
    assert servers.inbox.run(servers.stores[0].commit(Change({"done": b""}, decided))) == 0


def test_a_clock_that_is_set_back_keeps_nobody_from_taking_over(servers: Servers) -> None:
    servers.pass_ms(10_000, 0, 1)
    servers.clocks[1].advance_ms(-3_600_000)
    servers.pass_ms(GOES_ON_WITHIN_MS, 1)
    assert servers.holders == [1]


def test_who_shares_nothing_holds_it_always() -> None:
    inbox = Inbox()
    store = MemoryStore(inbox)
    lease = ServerLease(store, ManualClock().now_ms, b"", "alone")
    lease.tick(0)
    inbox.run(lease.release())
    assert (lease.is_held, lease.status(), dict(lease.fence())) == (True, None, {})
    assert store.metadata() == {}


def test_of_two_engines_the_holder_alone_does_what_is_due() -> None:
    stores: list[SharedMemoryStore] = []

    def open_store(post: Post) -> SharedMemoryStore:
        stores.append(SharedMemoryStore(post, stores[0] if stores else None))
        return stores[-1]

    clock = ManualClock()
    one, other = (RunningEngine(open_store, clock, transition_ms=500, seed=seed) for seed in (1, 2))
    one.call("CreateStream", StreamName="orders", ShardCount=1)

    def pass_ms(engine: RunningEngine, duration_ms: int) -> None:
        for _ in range(0, duration_ms, TICK_MS):
            clock.advance_ms(TICK_MS)
            engine.engine.tick()
            engine.inbox.run_posted()

    def statuses() -> list[str]:
        return [stream.status for stream in one.engine.all_streams()]

    pass_ms(one, TICK_MS)
    clock.advance_ms(600)
    other.engine.tick()
    other.inbox.run_posted()
    assert statuses() == ["CREATING"]
    pass_ms(one, TICK_MS)
    assert statuses() == ["ACTIVE"]
    one.call("DeleteStream", StreamName="orders")
    pass_ms(other, GOES_ON_WITHIN_MS)  # the other one is gone
    assert statuses() == []
    one.close()
    other.close()
