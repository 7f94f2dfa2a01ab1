"""What every place for leases must do; each state's test is a subclass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from headwater.client.leases.checkpoint import SHARD_END, TRIM_HORIZON, Checkpoint
from headwater.client.leases.lease import (
    Lease,
    LeaseChange,
    completion,
    hand_off_request,
    progress,
    release,
    renewal,
    taking,
)
from headwater.client.leases.store import LeaseStore, StreamLeases
from headwater.client.leases.stream_identity import StreamIdentity
from tests.client.streams import no_shards

MakeState = Callable[[], LeaseStore]

NEW = Lease("shardId-000000000000", Checkpoint(TRIM_HORIZON))
FULL = Lease(
    "shardId-000000000007",
    Checkpoint("49590338271490256608559692538361571095921575989136588898", 5),
    counter=12,
    owner="b",
    checkpoint_owner="a",
    owner_switches=3,
    parent_ids=("shardId-000000000001", "shardId-000000000002"),
    child_ids=("shardId-000000000008",),
    starting_hash_key="0",
    ending_hash_key="340282366920938463463374607431768211455",
    throughput_kbps=12.5,
    latest_since_ms=1_700_000_000_123,
)


ORDERS = StreamIdentity("arn:aws:kinesis:us-east-1:000000000000:stream/orders", 1_700_000_000)


def with_two(make_state: MakeState, test: Callable[[StreamLeases, StreamLeases], Awaitable[None]]) -> None:
    """Run a test with two views of the same leases, such as two workers have."""

    async def opened() -> None:
        mine = await make_state().open(ORDERS, no_shards)
        other = await make_state().open(ORDERS, no_shards)
        try:
            await test(mine, other)
        finally:
            await mine.close()
            await other.close()

    asyncio.run(opened())


async def changed(state: StreamLeases, change: LeaseChange) -> Lease:
    lease = await state.change(change)
    assert lease is not None
    return lease


class LeaseStateContract:
    """The tests."""

    @pytest.fixture
    def make_state(self) -> MakeState:
        """Give views of leases that no other test has."""
        raise NotImplementedError

    @pytest.mark.parametrize("lease", [NEW, FULL], ids=["new", "full"])
    def test_a_lease_is_read_as_it_was_created(self, make_state: MakeState, lease: Lease) -> None:
        async def test(mine: StreamLeases, other: StreamLeases) -> None:
            assert await mine.leases() == []
            assert await mine.lease(lease.key) is None
            assert await mine.create(lease)
            assert await other.lease(lease.key) == lease
            assert await other.leases() == [lease]

        with_two(make_state, test)

    def test_a_lease_is_created_once(self, make_state: MakeState) -> None:
        async def test(mine: StreamLeases, other: StreamLeases) -> None:
            assert await mine.create(NEW)
            assert not await other.create(Lease(NEW.key, Checkpoint("5")))
            assert await mine.leases() == [NEW]

        with_two(make_state, test)

    def test_only_one_of_two_takes_a_lease(self, make_state: MakeState) -> None:
        async def test(mine: StreamLeases, other: StreamLeases) -> None:
            await mine.create(NEW)
            taken = await asyncio.gather(mine.change(taking(NEW, "a")), other.change(taking(NEW, "b")))
            (winner,) = [lease for lease in taken if lease is not None]
            assert (winner.counter, winner.holder in {"a", "b"}) == (1, True)
            assert await mine.lease(NEW.key) == winner

        with_two(make_state, test)

    def test_who_lost_a_lease_can_write_nothing_more(self, make_state: MakeState) -> None:
        async def test(mine: StreamLeases, other: StreamLeases) -> None:
            await mine.create(NEW)
            old = await changed(mine, taking(NEW, "a"))
            new = await changed(other, taking(old, "b"))
            assert new.owner_switches == 1
            new = await changed(other, progress(new, Checkpoint("100", 2)))
            assert new.owner_switches == 0
            for change in (
                renewal(old),
                progress(old, Checkpoint("50")),
                completion(old, Checkpoint(SHARD_END), ["c"]),
                release(old),
                taking(old, "a"),
            ):
                assert await mine.change(change) is None
            assert await mine.lease(NEW.key) == new

        with_two(make_state, test)

    def test_a_hand_over_leaves_the_holder_writing_until_it_lets_go(self, make_state: MakeState) -> None:
        async def test(mine: StreamLeases, other: StreamLeases) -> None:
            await mine.create(NEW)
            held = await changed(mine, taking(NEW, "a"))
            asked = await changed(other, hand_off_request(held, "b"))
            assert (asked.owner, asked.holder, asked.counter) == ("b", "a", held.counter)
            assert await other.change(hand_off_request(held, "c")) is None
            held = await changed(mine, renewal(held, throughput_kbps=3.0))
            assert held.is_in_hand_off
            held = await changed(mine, progress(held, Checkpoint("7")))
            let_go = await changed(mine, release(held))
            assert (let_go.owner, let_go.holder, let_go.owner_switches) == ("b", "b", 1)
            assert let_go.checkpoint == Checkpoint("7")
            assert await mine.change(renewal(held)) is None

        with_two(make_state, test)

    def test_a_finished_shard_is_nobodys_and_names_its_children(self, make_state: MakeState) -> None:
        async def test(mine: StreamLeases, other: StreamLeases) -> None:
            await mine.create(NEW)
            held = await changed(mine, taking(NEW, "a"))
            await changed(mine, completion(held, Checkpoint(SHARD_END), ["shard-2", "shard-1"]))
            done = await other.lease(NEW.key)
            assert done is not None
            assert (done.is_complete, done.holder, done.child_ids) == (True, None, ("shard-1", "shard-2"))

        with_two(make_state, test)

    def test_a_lease_is_removed_only_as_it_is(self, make_state: MakeState) -> None:
        async def test(mine: StreamLeases, other: StreamLeases) -> None:
            await mine.create(NEW)
            held = await changed(other, taking(NEW, "b"))
            assert not await mine.delete(NEW)
            assert await mine.delete(held)
            assert not await mine.delete(held)
            assert await mine.change(renewal(held)) is None

        with_two(make_state, test)

    def test_many_leases_are_listed_whole(self, make_state: MakeState) -> None:
        async def test(mine: StreamLeases, other: StreamLeases) -> None:
            keys = [f"shardId-{number:012}" for number in range(50)]
            for key in keys:
                await mine.create(Lease(key, Checkpoint(TRIM_HORIZON)))
            assert sorted(lease.key for lease in await other.leases()) == keys

        with_two(make_state, test)
