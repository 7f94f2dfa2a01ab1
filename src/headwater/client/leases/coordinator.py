"""The lease coordinator of one worker: it takes, renews and steals leases of a stream.

It works in passes, each of which looks and acts once: `renew` for what it holds, `balance`
for what others hold or nobody, `sync` for shards that have no lease yet. `run` makes the
passes at their times until it is cancelled; a test makes them itself.

Rules:
- a lease that is taken is given to `on_gain`, and is not taken again before it was forgotten,
  be it lost or not: what was begun with it may still be under way;
- leases are renewed apart from each other: one whose write hangs holds up no other;
- a pass that failed for a reason that may pass is made again at its next time.

Refuses to know what is done with a lease.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from headwater.client.calls.errors import ClientError, is_transient
from headwater.client.calls.timing import Timing
from headwater.client.calls.users_code import is_cancelled_itself, translated
from headwater.client.leases.balancing import BalancingSettings, Observation, decide
from headwater.client.leases.checkpoint import StartingPosition
from headwater.client.leases.lease import Lease, hand_off_request, taking
from headwater.client.leases.owned_lease import OwnedLease
from headwater.client.leases.shard_tree import ShardNode, may_start, missing_leases, outlived_leases
from headwater.client.leases.store import LeaseLost, StreamLeases

_log = logging.getLogger("headwater.client")

RENEWALS_PER_PERIOD = 3
BALANCES_PER_PERIOD = 3


class LeaseCoordinator:
    """The leases of one worker."""

    def __init__(
        self,
        worker: str,
        leases: StreamLeases,
        settings: BalancingSettings,
        timing: Timing,
        on_gain: Callable[[OwnedLease], None],
        throughput_kbps: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        """`worker` is unique in the lease store; `throughput_kbps` gives a shard's, in KiB a second."""
        self.worker = worker
        self.owned: dict[str, OwnedLease] = {}
        self.seen: dict[str, Lease] = {}
        """All leases, as the last pass read them."""
        self._leases = leases
        self._settings = settings
        self._timing = timing
        self._on_gain = on_gain
        self._throughput_kbps = throughput_kbps
        self._moved_at_s: dict[str, tuple[int, float]] = {}
        self._asked_at_s: dict[str, float] = {}
        self._renewal_pause_s = settings.lease_duration_ms / 1000 / RENEWALS_PER_PERIOD
        self._renewing: dict[str, asyncio.Task[None]] = {}
        self._balance_soon = asyncio.Event()
        self._balancing = asyncio.Lock()
        self._is_leaving = False

    async def run(self) -> None:
        """Make the passes until cancelled. Raises `ClientError` when it is not transient."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew_for_ever())
                group.create_task(self._balance_for_ever())
        finally:
            for renewing in self._renewing.values():
                renewing.cancel()

    def balance_soon(self) -> None:
        """Balance without waiting for the next pass."""
        self._balance_soon.set()

    async def sync(self, shards: list[ShardNode], start: StartingPosition) -> None:
        """Create the missing leases of the stream's shards, and remove the outlived ones."""
        leases = {lease.key: lease for lease in await self._leases.leases()}
        for lease in missing_leases(shards, leases, start):
            if await self._leases.create(lease):
                _log.info("%s has found %s", self.worker, lease.key)
        for lease in outlived_leases(shards, leases.values()):
            await self._leases.delete(lease)

    async def create_children(self, leases: list[Lease]) -> None:
        """Create the leases of the children of a finished shard."""
        for lease in leases:
            await self._leases.create(lease)

    async def renew(self) -> None:
        """Renew all owned leases. A lease whose last renewal is unanswered is skipped."""
        for key, owned in self.owned.items():
            if key not in self._renewing and not owned.lost.is_set():
                self._renewing[key] = asyncio.create_task(self._renew_one(owned))
        if self._renewing:
            await asyncio.wait(self._renewing.values(), timeout=self._renewal_pause_s)
        for key, renewing in list(self._renewing.items()):
            if renewing.done():
                del self._renewing[key]
                renewing.result()

    async def balance(self) -> None:
        """Take leases without a holder, and steal up to a fair share."""
        async with self._balancing:
            if not self._is_leaving:
                await self._balance()

    async def leave(self) -> None:
        """Stop taking leases, and wait for writes under way. Owned leases are still renewed."""
        self._is_leaving = True
        async with self._balancing:
            pass

    async def _balance(self) -> None:
        leases = {lease.key: lease for lease in await self._leases.leases()}
        self._observe(leases)
        readable = [lease for lease in leases.values() if may_start(lease, leases)]
        seen = {lease.key: self._observation(lease) for lease in readable}
        decision = decide(self.worker, readable, seen, self._settings, self._timing.rng)
        for lease in decision.take:
            await self._take(lease)
        for lease in decision.steals:
            if await self._leases.change(hand_off_request(lease, self.worker)) is not None:
                self._asked_at_s[lease.key] = self._timing.now_s()
                _log.info("%s has asked %s to hand over %s", self.worker, lease.owner, lease.key)

    def forget(self, owned: OwnedLease) -> None:
        """Forget a lease whose reading has ended: it may be taken again."""
        if self.owned.get(owned.key) is owned:
            del self.owned[owned.key]

    def _observe(self, leases: Mapping[str, Lease]) -> None:
        now_s = self._timing.now_s()
        self._moved_at_s = {
            key: moved
            if (moved := self._moved_at_s.get(key)) is not None and moved[0] == lease.counter
            else (lease.counter, now_s)
            for key, lease in leases.items()
        }
        self._asked_at_s = {
            key: asked_at_s
            for key, asked_at_s in self._asked_at_s.items()
            if key in leases and leases[key].owner == self.worker and leases[key].is_in_hand_off
        }
        self.seen = dict(leases)

    def _observation(self, lease: Lease) -> Observation:
        now_s = self._timing.now_s()
        age_ms = 1000 * (now_s - self._moved_at_s[lease.key][1])
        asked_at_s = self._asked_at_s.setdefault(lease.key, now_s) if self._waits_for(lease) else now_s
        return Observation(age_ms, 1000 * (now_s - asked_at_s), lease.key in self.owned)

    def _waits_for(self, lease: Lease) -> bool:
        return lease.owner == self.worker and lease.is_in_hand_off

    async def _take(self, lease: Lease) -> None:
        taken_at_s = self._timing.now_s()
        taken = await self._leases.change(taking(lease, self.worker))
        if taken is None:
            return
        _log.info("%s has taken %s, which is at %s", self.worker, lease.key, taken.checkpoint.sequence_number)
        duration_s = self._settings.lease_duration_ms / 1000
        owned = OwnedLease(taken, self.worker, self._leases, self._timing, duration_s, taken_at_s)
        self.owned[lease.key] = owned
        self._on_gain(owned)

    async def _renew_one(self, owned: OwnedLease) -> None:
        try:
            await owned.renew(self._throughput_kbps(owned.key))
        except LeaseLost:
            _log.warning("%s has lost %s to another worker", self.worker, owned.key)

    async def _renew_for_ever(self) -> None:
        while True:
            await self._pass(self.renew)
            await self._timing.sleep(self._renewal_pause_s)

    async def _balance_for_ever(self) -> None:
        pause_s = self._settings.lease_duration_ms / 1000 / BALANCES_PER_PERIOD
        while True:
            self._balance_soon.clear()
            await self._pass(self.balance)
            pause = asyncio.ensure_future(self._timing.sleep(pause_s * self._timing.rng.uniform(0.8, 1.2)))
            woken = asyncio.ensure_future(self._balance_soon.wait())
            try:
                await asyncio.wait({pause, woken}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                woken.cancel()

    async def _pass(self, make: Callable[[], Awaitable[None]]) -> None:
        try:
            await make()
        except ClientError as error:
            if not is_transient(error):
                raise
            _log.warning("%s will look at the leases again: %s", self.worker, error)
        except BaseException as error:  # a state may be the application's own
            if is_cancelled_itself():
                raise
            raise translated(error) from error
