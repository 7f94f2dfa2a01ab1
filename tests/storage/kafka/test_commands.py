"""The metadata's state machine: whatever the order of commands, all who apply them agree."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.storage.interface import Change, Metadata
from headwater.storage.kafka.commands import (
    Beat,
    Command,
    Complete,
    Effect,
    Forget,
    Log,
    Propose,
    Register,
    State,
    UnknownCommand,
    decode,
    encode,
    propose,
)

ONE, OTHER = 7, 8


class Cluster:
    """A state, and the place of the next command."""

    def __init__(self) -> None:
        self.state = State()
        self.next = 0
        self.apply(Register(ONE))
        self.apply(Register(OTHER))
        self.numbers = {ONE: 0, OTHER: 0}

    def apply(self, command: Command) -> Effect:
        effect = self.state.apply(self.next, decode(encode(command)))
        self.next += 1
        return effect

    def old_proposal(self, number: int, change: Change) -> list[object]:
        """What a gateway of the first format has written."""
        lists = (change.create_logs, change.seal_logs, change.delete_logs)
        return [4, ONE, number, dict(change.writes), dict(change.expected), *map(list, lists)]

    def propose(self, gateway: int, change: Change) -> Effect:
        self.numbers[gateway] += 1
        return self.apply(propose(gateway, self.numbers[gateway], change))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_a_change_whose_expectation_holds_is_made_at_once(cluster: Cluster) -> None:
    effect = cluster.propose(ONE, Change({"a": b"1"}, {"a": 0}, create_logs=[5]))
    assert (effect.is_applied, effect.proposal, tuple(effect.keys)) == (True, (ONE, 1), ("a",))
    assert cluster.state.metadata == {"a": Metadata(effect.version, b"1")}
    assert cluster.state.logs == {5: Log()}


def test_of_two_changes_that_expect_the_same_version_the_first_one_wins(cluster: Cluster) -> None:
    first = cluster.propose(ONE, Change({"a": b"1"}, {"a": 0}))
    assert first.is_applied
    effect = cluster.propose(OTHER, Change({"a": b"2"}, {"a": 0}, create_logs=[5]))
    assert (effect.is_applied, effect.proposal) == (False, (OTHER, 1))
    assert cluster.state.metadata == {"a": Metadata(first.version, b"1")}
    assert cluster.state.logs == {}


def test_a_key_that_is_made_anew_has_a_version_that_it_never_had(cluster: Cluster) -> None:
    versions = {cluster.propose(ONE, Change({"a": b"1"})).version}
    for _ in range(5):
        cluster.propose(ONE, Change({"a": b"2"}))
        versions.add(cluster.state.metadata["a"].version)
    cluster.propose(ONE, Change({"a": None}))
    assert cluster.propose(OTHER, Change({"a": b"3"}, {"a": 0})).is_applied
    assert cluster.state.metadata["a"].version > max(versions)
    assert not cluster.propose(ONE, Change({"a": b"4"}, {"a": max(versions)})).is_applied


def test_a_proposal_of_the_first_format_is_applied_as_it_was_then(cluster: Cluster) -> None:
    older = [cluster.old_proposal(number, Change({"a": value})) for number, value in ((1, b"1"), (2, None))]
    for proposal in (*older, cluster.old_proposal(3, Change({"a": b"3"}, create_logs=[5], seal_logs=[5]))):
        assert cluster.apply(decode(msgspec.msgpack.encode((1, proposal)))).is_applied
    assert cluster.state.metadata == {"a": Metadata(1, b"3")}
    assert cluster.state.logs == {5: Log()}


def test_a_log_that_is_made_and_sealed_at_once_is_empty_for_good(cluster: Cluster) -> None:
    assert cluster.propose(ONE, Change({}, create_logs=[5, 6], seal_logs=[6])).is_applied
    assert cluster.state.logs == {5: Log(), 6: Log(final=0)}


def test_a_change_that_seals_waits_for_its_completion(cluster: Cluster) -> None:
    made = cluster.propose(ONE, Change({"a": b"1"}, create_logs=[5])).version
    effect = cluster.propose(ONE, Change({"a": b"2"}, {"a": made}, create_logs=[6], seal_logs=[5]))
    assert (effect.proposal, tuple(effect.logs)) == (None, (5,))
    place = cluster.next - 1
    assert cluster.state.logs == {5: Log(closing=place)}
    assert cluster.state.pending[place].gateways == (ONE, OTHER)
    assert cluster.state.is_locked(["a"])
    effect = cluster.apply(Complete(place, {5: 42}))
    assert (effect.is_applied, effect.proposal) == (True, (ONE, 2))
    assert cluster.state.metadata == {"a": Metadata(made + 1, b"2")}
    assert cluster.state.logs == {5: Log(final=42), 6: Log()}
    assert not cluster.state.is_locked(["a"])


def test_a_second_completion_does_nothing(cluster: Cluster) -> None:
    cluster.propose(ONE, Change({"a": b"1"}, create_logs=[5]))
    cluster.propose(ONE, Change({"a": b"2"}, seal_logs=[5]))
    place = cluster.next - 1
    cluster.apply(Complete(place, {5: 42}))
    assert cluster.apply(Complete(place, {5: 43})) == Effect()
    assert cluster.state.logs == {5: Log(final=42)}


def test_what_is_part_of_a_pending_change_is_refused_to_others(cluster: Cluster) -> None:
    cluster.propose(ONE, Change({"a": b"1"}, create_logs=[5]))
    cluster.propose(ONE, Change({"a": b"2"}, {"b": 0}, seal_logs=[5]))
    for change in (Change({"a": b"3"}), Change({"b": b"3"}), Change({"c": b"3"}, delete_logs=[5])):
        assert cluster.propose(OTHER, change).is_applied is False
    assert cluster.propose(OTHER, Change({"c": b"3"})).is_applied


def test_who_registers_behind_a_proposal_is_not_fenced_for_it(cluster: Cluster) -> None:
    cluster.propose(ONE, Change({}, create_logs=[5]))
    cluster.propose(ONE, Change({}, seal_logs=[5]))
    place = cluster.next - 1
    cluster.apply(Register(9))
    assert cluster.state.pending[place].gateways == (ONE, OTHER)


def test_sealing_what_is_sealed_and_deleting_it_need_no_fence(cluster: Cluster) -> None:
    cluster.propose(ONE, Change({}, create_logs=[5]))
    cluster.propose(ONE, Change({}, seal_logs=[5]))
    cluster.apply(Complete(cluster.next - 1, {5: 1}))
    assert cluster.propose(OTHER, Change({"a": b"1"}, seal_logs=[5, 77])).is_applied
    assert cluster.propose(OTHER, Change({}, delete_logs=[5, 77])).is_applied
    assert cluster.state.logs == {}


def test_a_proposal_that_comes_twice_is_made_once(cluster: Cluster) -> None:
    proposal = propose(ONE, 1, Change({"a": b"1"}))
    effect = cluster.apply(proposal)
    assert effect.is_applied
    assert cluster.apply(proposal) == Effect()
    assert cluster.state.metadata == {"a": Metadata(effect.version, b"1")}


def test_a_gateway_is_forgotten_only_if_it_has_not_beaten_since(cluster: Cluster) -> None:
    cluster.apply(Beat(ONE))
    cluster.apply(Forget(ONE, 0))
    assert ONE in cluster.state.gateways
    cluster.apply(Forget(ONE, 1))
    assert ONE not in cluster.state.gateways
    cluster.apply(Beat(ONE))
    assert ONE not in cluster.state.gateways
    effect = cluster.propose(ONE, Change({"a": b"1"}))
    assert (effect.is_applied, effect.proposal) == (False, (ONE, 1))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\x03\x92\x01\x07", encode(Beat(1))[:-1]])
def test_what_is_no_command_of_this_format_is_refused(data: bytes) -> None:
    with pytest.raises(UnknownCommand):
        decode(data)


keys = st.sampled_from(["a", "b", "c"])
log_ids = st.integers(1, 4)
changes = st.builds(
    Change,
    writes=st.dictionaries(keys, st.none() | st.binary(max_size=2), max_size=2),
    expected=st.dictionaries(keys, st.integers(0, 2), max_size=2),
    create_logs=st.lists(log_ids, max_size=2),
    seal_logs=st.lists(log_ids, max_size=2),
    delete_logs=st.lists(log_ids, max_size=2),
)
steps = st.tuples(st.sampled_from([ONE, OTHER]), changes) | st.integers(0, 20)


@given(st.lists(steps, max_size=30))
def test_every_pending_change_can_be_completed_and_leaves_nothing_locked(
    history: list[tuple[int, Change] | int],
) -> None:
    cluster = Cluster()
    for step in history:
        if isinstance(step, int):
            completed = cluster.state.pending.get(step)
            cluster.apply(Complete(step, dict.fromkeys(completed.logs if completed else (), 5)))
        else:
            cluster.propose(*step)
        state = cluster.state
        closing = {log.closing for log in state.logs.values() if log.closing is not None}
        assert closing == state.pending.keys()
        assert all(metadata.version > 0 for metadata in state.metadata.values())
    for place, pending in tuple(cluster.state.pending.items()):
        assert isinstance(pending.proposal, Propose)
        effect = cluster.apply(Complete(place, dict.fromkeys(pending.logs, 9)))
        assert effect.is_applied
    assert not cluster.state.is_locked(["a", "b", "c"])
    assert all(log.closing is None for log in cluster.state.logs.values())
