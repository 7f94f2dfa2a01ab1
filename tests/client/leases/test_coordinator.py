"""One worker's passes over the leases, in virtual time."""

from __future__ import annotations

import asyncio
import logging

import pytest

from headwater.client.calls.errors import ServiceError
from headwater.client.calls.timing import Timing
from headwater.client.leases.balancing import BalancingSettings
from headwater.client.leases.checkpoint import TRIM_HORIZON, Checkpoint
from headwater.client.leases.coordinator import LeaseCoordinator
from headwater.client.leases.lease import Lease, LeaseChange, taking
from headwater.client.leases.memory_store import MemoryLeases
from headwater.client.leases.owned_lease import OwnedLease
from tests.client.virtual_time import run_in_virtual_time

RULES = BalancingSettings(lease_duration_ms=10_000, hand_off_timeout_ms=30_000)


def coordinator_of(state: MemoryLeases, gained: list[OwnedLease], name: str = "me") -> LeaseCoordinator:
    return LeaseCoordinator(name, state, RULES, Timing(now_s=asyncio.get_running_loop().time), gained.append)


async def with_leases(state: MemoryLeases, *keys: str) -> None:
    for key in keys:
        await state.create(Lease(key, Checkpoint(TRIM_HORIZON)))


async def run_for(coordinator: LeaseCoordinator, duration_s: float) -> None:
    running = asyncio.create_task(coordinator.run())
    await asyncio.sleep(duration_s)
    if running.done():
        running.result()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class Hanging(MemoryLeases):
    """Writes of one lease get no answer any more."""

    hanging = ""

    async def change(self, change: LeaseChange) -> Lease | None:
        if change.key == self.hanging:
            await asyncio.sleep(1_000_000)
        return await super().change(change)


def test_a_write_that_hangs_does_not_keep_others_from_being_renewed() -> None:
    async def test() -> None:
        await with_leases(state := Hanging(), "a", "b")
        gained: list[OwnedLease] = []
        coordinator = coordinator_of(state, gained)
        await coordinator.balance()
        assert {held.key for held in gained} == {"a", "b"}
        state.hanging = "a"
        await run_for(coordinator, 60.0)
        by_key = {held.key: held for held in gained}
        assert by_key["b"].is_fresh
        assert not by_key["a"].is_fresh

    run_in_virtual_time(test())


def test_a_worker_that_comes_to_life_again_takes_what_others_do_not_hold() -> None:
    async def test() -> None:
        await with_leases(state := MemoryLeases(), "a", "b")
        await coordinator_of(state, [], "dead").balance()
        gained: list[OwnedLease] = []
        coordinator = coordinator_of(state, gained)
        await run_for(coordinator, 8.0)
        assert gained == []
        await run_for(coordinator, 8.0)
        assert {held.key for held in gained} == {"a", "b"}

    run_in_virtual_time(test())


def test_a_lease_that_was_lost_is_not_taken_again_before_it_was_forgotten() -> None:
    async def test() -> None:
        await with_leases(state := MemoryLeases(), "a")
        gained: list[OwnedLease] = []
        coordinator = coordinator_of(state, gained)
        await coordinator.balance()
        await state.change(taking(gained[0].lease, "other"))
        await run_for(coordinator, 40.0)
        assert (len(gained), gained[0].lost.is_set()) == (1, True)
        coordinator.forget(gained[0])
        await run_for(coordinator, 40.0)
        assert len(gained) == 2

    run_in_virtual_time(test())


def test_a_worker_that_leaves_takes_nothing_more() -> None:
    async def test() -> None:
        await with_leases(state := MemoryLeases(), "a")
        gained: list[OwnedLease] = []
        coordinator = coordinator_of(state, gained)
        await coordinator.leave()
        await run_for(coordinator, 40.0)
        assert gained == []

    run_in_virtual_time(test())


class Refusing(MemoryLeases):
    """Lists no leases, for good or for a while."""

    code = "AccessDeniedException"

    async def leases(self) -> list[Lease]:
        raise ServiceError(self.code, "No.")


def test_what_will_not_pass_ends_the_passes() -> None:
    async def test() -> None:
        with pytest.raises(ExceptionGroup) as ended:
            await run_for(coordinator_of(Refusing(), []), 5.0)
        assert ended.group_contains(ServiceError, match="AccessDenied")

    run_in_virtual_time(test())


def test_what_may_pass_is_tried_again_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        state = Refusing()
        state.code = "ProvisionedThroughputExceededException"
        with caplog.at_level(logging.WARNING, logger="headwater.client"):
            await run_for(coordinator_of(state, []), 10.0)

    run_in_virtual_time(test())
    assert len(caplog.records) > 1
    assert "me will look at the leases again" in caplog.text
