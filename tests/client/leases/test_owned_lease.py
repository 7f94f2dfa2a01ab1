"""A lease in the hands of a worker, while calls fail and time passes."""

from __future__ import annotations

import asyncio

import pytest

from headwater.client.calls.errors import ConnectionFailed, ServiceError
from headwater.client.calls.timing import Timing
from headwater.client.leases.checkpoint import TRIM_HORIZON, Checkpoint
from headwater.client.leases.lease import Lease, LeaseChange, hand_off_request, taking
from headwater.client.leases.memory_store import MemoryLeases
from headwater.client.leases.owned_lease import OwnedLease
from headwater.client.leases.store import LeaseLost
from tests.client.virtual_time import run_in_virtual_time

NEW = Lease("shard", Checkpoint(TRIM_HORIZON))
DURATION_S = 10.0


class Failing(MemoryLeases):
    """Its next changes fail: after they were made, or instead of it."""

    answers_to_lose = 0
    requests_to_lose = 0

    async def change(self, change: LeaseChange) -> Lease | None:
        if self.requests_to_lose:
            self.requests_to_lose -= 1
            raise ServiceError("ThrottlingException", "Rate exceeded.")
        changed = await super().change(change)
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise ConnectionFailed("the answer was lost")
        return changed


async def held_in(state: MemoryLeases) -> OwnedLease:
    loop = asyncio.get_running_loop()
    await state.create(NEW)
    lease = await state.change(taking(NEW, "me"))
    assert lease is not None
    return OwnedLease(lease, "me", state, Timing(now_s=loop.time), DURATION_S, loop.time())


def test_a_checkpoint_moves_forward_only() -> None:
    async def test() -> None:
        held = await held_in(state := MemoryLeases())
        await held.advance(Checkpoint("20", 3))
        await held.advance(Checkpoint("20", 1))
        await held.advance(Checkpoint("3"))
        assert await state.lease("shard") == held.lease
        assert held.lease.checkpoint == Checkpoint("20", 3)

    run_in_virtual_time(test())


@pytest.mark.parametrize("what", ["answers_to_lose", "requests_to_lose"])
def test_a_call_that_failed_is_made_again_and_loses_nothing(what: str) -> None:
    async def test() -> None:
        held = await held_in(state := Failing())
        for number in range(1, 4):
            setattr(state, what, 1)
            await held.advance(Checkpoint(str(number)))
            setattr(state, what, 1)
            await held.renew()
        assert await state.lease("shard") == held.lease
        assert (held.lease.checkpoint, held.lost.is_set()) == (Checkpoint("3"), False)

    run_in_virtual_time(test())


def test_a_lease_that_cannot_be_renewed_in_time_is_given_up() -> None:
    async def test() -> None:
        held = await held_in(state := Failing())
        state.requests_to_lose = 1_000_000
        with pytest.raises(LeaseLost):
            await held.renew()
        assert held.lost.is_set()

    run_in_virtual_time(test())


def test_after_a_pause_it_is_not_fresh_until_renewed() -> None:
    async def test() -> None:
        held = await held_in(MemoryLeases())
        assert held.is_fresh
        await asyncio.sleep(DURATION_S)
        assert not held.is_fresh
        await held.renew()
        assert held.is_fresh

    run_in_virtual_time(test())


def test_after_a_pause_in_which_it_was_taken_nothing_can_be_written() -> None:
    async def test() -> None:
        held = await held_in(state := MemoryLeases())
        taken = await state.change(taking(held.lease, "other"))
        with pytest.raises(LeaseLost):
            await held.advance(Checkpoint("5"))
        with pytest.raises(LeaseLost):
            await held.complete([])
        await held.release()
        assert await state.lease("shard") == taken

    run_in_virtual_time(test())


def test_who_is_asked_for_it_learns_so_when_it_renews() -> None:
    async def test() -> None:
        held = await held_in(state := MemoryLeases())
        await state.change(hand_off_request(held.lease, "other"))
        assert not held.asked.is_set()
        await held.renew()
        assert held.asked.is_set()
        await held.advance(Checkpoint("5"))
        await held.release()
        lease = await state.lease("shard")
        assert lease is not None
        assert (lease.holder, lease.checkpoint) == ("other", Checkpoint("5"))

    run_in_virtual_time(test())


def test_who_asks_while_it_is_released_need_not_wait_for_it_to_expire() -> None:
    async def test() -> None:
        held = await held_in(state := MemoryLeases())
        await state.change(hand_off_request(held.lease, "other"))
        await held.release()
        released = await state.lease("shard")
        assert released is not None
        assert released.holder is None

    run_in_virtual_time(test())
