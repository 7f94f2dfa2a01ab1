"""Snapshots of the metadata: equal to a replay of all commands, whole or not there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.storage.interface import Change, Metadata
from headwater.storage.kafka import snapshot_format, snapshots
from headwater.storage.kafka.cluster import Cluster
from headwater.storage.kafka.commands import (
    Beat,
    Command,
    Complete,
    Forget,
    Propose,
    Register,
    State,
)
from headwater.storage.kafka.membership import BEAT_S
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.snapshot_format import (
    Assembly,
    UnknownSnapshot,
    pack_state,
    pieces_of,
    unpack_state,
)
from headwater.storage.kafka.store import KafkaStore
from headwater.storage.kafka.topics import Topics
from tests.storage.kafka.loop_inbox import LoopInbox
from tests.storage.kafka.simulated_kafka import SimulatedCluster, SimulatedKafka, VirtualTimeLoop

TOPICS = Topics("simulated", 3)

keys = st.sampled_from(("a", "b", "c"))
logs = st.lists(st.integers(1, 4), max_size=2).map(tuple)
gateways = st.integers(1, 3)
commands = st.one_of(
    st.builds(Register, gateways),
    st.builds(Beat, gateways),
    st.builds(Forget, gateways, st.integers(0, 2)),
    st.builds(
        Propose,
        gateways,
        st.integers(1, 20),
        st.dictionaries(keys, st.none() | st.binary(max_size=3), max_size=2),
        st.dictionaries(keys, st.integers(0, 2), max_size=1),
        logs,
        logs,
        logs,
    ),
    st.builds(
        Complete, st.integers(0, 30), st.dictionaries(st.integers(1, 4), st.integers(0, 9), max_size=4)
    ),
)


def replayed(state: State, history: list[Command], begin: int, end: int) -> list[object]:
    """What each of these commands does to a state."""
    return [state.apply(place, history[place]) for place in range(begin, end)]


@given(st.lists(commands, max_size=30), st.data())
def test_the_state_from_a_snapshot_on_is_that_of_a_replay_from_the_beginning(
    history: list[Command], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(history)))
    whole = State()
    replayed(whole, history, 0, cut)
    resumed = unpack_state(pack_state(whole))
    assert pack_state(resumed) == pack_state(whole)
    assert replayed(resumed, history, cut, len(history)) == replayed(whole, history, cut, len(history))
    assert pack_state(resumed) == pack_state(whole)
    assert [resumed.is_locked([key]) for key in "abc"] == [whole.is_locked([key]) for key in "abc"]


def test_a_snapshot_is_whole_once_all_pieces_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_format, "PIECE_BYTES", 10)
    data = bytes(range(95))
    pieces = pieces_of(data, next_place=7)
    assert len(pieces) == 10
    found = Assembly()
    for position, piece in enumerate(pieces[:-1]):
        found.add(position, piece)
    assert found.whole() == []
    found.add(20, pieces[3])  # another gateway writes the same
    found.add(21, pieces[-1])
    assert [(snapshot.next, snapshot.first, snapshot.data) for snapshot in found.whole()] == [(7, 0, data)]


def test_the_newest_snapshot_comes_last_and_an_empty_state_has_one_too() -> None:
    found = Assembly()
    for position, next_place in enumerate((9, 3)):
        found.add(position, pieces_of(pack_state(State()), next_place)[0])
    assert [snapshot.next for snapshot in found.whole()] == [3, 9]
    assert unpack_state(found.whole()[0].data).metadata == {}


def test_a_snapshot_of_a_later_format_is_not_guessed_at() -> None:
    (piece,) = pieces_of(pack_state(State()), 1)
    later = [snapshot_format.FORMAT + 1, *msgspec.msgpack.decode(piece)[1:]]
    for data in (msgspec.msgpack.encode(later), b"\xff"):
        with pytest.raises(UnknownSnapshot):
            Assembly().add(0, data)
    with pytest.raises(UnknownSnapshot):
        unpack_state(b"\xff")


class Deployment:
    """Gateways on a simulated cluster, in virtual time."""

    def __init__(self, inbox: LoopInbox) -> None:
        self.inbox = inbox
        self.kafka = SimulatedKafka(Random(1))
        self.kafka.is_whole = True
        self.noted: list[str] = []
        self.clusters: list[SimulatedCluster] = []

    def opened(self) -> KafkaStore:
        """One more gateway."""
        cluster = SimulatedCluster(self.kafka)
        self.clusters.append(cluster)

        async def opened() -> KafkaStore:
            await cluster.create_topics({TOPICS.meta: {}, TOPICS.snapshots: {}}, 3)
            store = KafkaStore(
                cast("Cluster", cluster), TOPICS, self.noted.append, Producer(asyncio.get_running_loop().time)
            )
            await store.open()
            return store

        return self.inbox.run_on_loop(opened())

    def first_command(self) -> int:
        """The place of the first command that is still there."""
        return self.kafka.topics[TOPICS.meta].first


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    monkeypatch.setattr(snapshots, "COMMANDS_MIN", 20)
    inbox = LoopInbox(VirtualTimeLoop())
    yield Deployment(inbox)
    inbox.close()


def change_often(deployment: Deployment, store: KafkaStore, rounds: int) -> None:
    """Changes of one key, with time in between in which gateways beat."""
    for at in range(rounds):
        for _ in range(10):
            assert deployment.inbox.run(store.commit(Change({"a": b"%d" % at})))
        deployment.inbox.pass_time(BEAT_S)


def test_commands_are_forgotten_and_a_gateway_that_starts_knows_what_they_did(deployment: Deployment) -> None:
    store = deployment.opened()
    made = deployment.inbox.run(store.commit(Change({"b": b"kept"}, create_logs=[1, 2])))
    assert deployment.inbox.run(store.commit(Change({}, seal_logs=[2])))
    change_often(deployment, store, 12)
    assert deployment.first_command() > 50
    assert len(deployment.kafka.topics[TOPICS.snapshots].log) < 10
    other = deployment.opened()
    assert other.metadata() == store.metadata()
    assert other.metadata_of("b") == Metadata(made, b"kept")
    assert other._metadata.state.logs == store._metadata.state.logs
    known, told = store._metadata.state.gateways, other._metadata.state.gateways
    assert {number: told[number] for number in known} == known  # it may know of itself already
    assert deployment.inbox.run(other.commit(Change({"b": None}, {"b": made})))
    deployment.inbox.run(store.catch_up())
    assert store.metadata_of("b") is None
    assert deployment.noted == []


def test_a_gateway_that_slept_through_forgotten_commands_goes_on_from_a_snapshot(
    deployment: Deployment,
) -> None:
    sleeper, store = deployment.opened(), deployment.opened()
    made = deployment.inbox.run(store.commit(Change({"b": b"1"}, create_logs=[1, 2])))
    deployment.inbox.run(sleeper.catch_up())
    told: list[str] = []
    sleeper.watch_metadata(told.extend)
    deployment.clusters[0].frozen_until_s = deployment.inbox.now_s() + 20 * BEAT_S
    assert deployment.inbox.run(store.commit(Change({"b": b"2"}, seal_logs=[1])))
    change_often(deployment, store, 15)
    seen = sleeper._metadata.next
    assert seen < deployment.first_command()
    deployment.inbox.pass_time(10 * BEAT_S)
    deployment.inbox.run(sleeper.catch_up())
    assert {"a", "b"} <= set(told)
    assert sleeper.metadata() == store.metadata()
    assert sleeper._metadata.state.logs == store._metadata.state.logs
    assert deployment.inbox.run(sleeper.commit(Change({"b": b"3"}, {"b": made + 1})))
