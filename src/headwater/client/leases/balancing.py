"""The balancing of leases: which ones a worker takes, and which it steals. Pure decisions.

Every worker decides for itself, from the leases that it sees and from how long each has
stood still by its own clock; the conditional writes settle who was first. Workers are
those who hold, or are about to hold, a lease that can be read, and oneself.

Rules, in their order:
1. a lease that nobody holds, or whose holder has let a lease period pass without a
   renewal, is taken, up to a fair share: the number of leases over that of workers, rounded
   up. One that stood still for `LONG_EXPIRED_PERIODS` is taken beyond that too: who should
   have taken it cannot;
2. while somebody has two leases more than oneself, one is asked for, if that makes the
   heaviest worker lighter; if a worker is further than one from an even share, it is asked
   for in any case;
3. while the counts are within one of even, a lease is asked for that brings the loads, in
   KiB read a second, closer together by more than `LOAD_TOLERANCE` of the mean. It is never
   one that rule 2 would give back.

At most `max_steals` hand-offs to one worker are under way at a time.

Refuses to know how leases are written, and the time: `Observation` tells of it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import NamedTuple

from headwater.client.leases.lease import Lease

LONG_EXPIRED_PERIODS = 3
LOAD_TOLERANCE = 0.1
LOAD_NEGLIGIBLE_KBPS = 1.0
"""The mean load below which only counts matter."""


@dataclass(frozen=True, slots=True)
class BalancingSettings:
    """The settings of balancing."""

    lease_duration_ms: float
    hand_off_timeout_ms: float
    max_leases: float = inf
    """The most leases of one worker."""
    max_steals: int = 2
    """The most hand-offs to one worker at a time."""


class Observation(NamedTuple):
    """What a worker knows about a lease beyond what is stored."""

    age_ms: float = 0.0
    """The time for which its counter has stood still."""
    asked_ms: float = 0.0
    """The time for which its holder has been asked to hand it off to this worker."""
    is_read_here: bool = False


@dataclass(slots=True)
class BalancingDecision:
    """The leases to take and to steal now."""

    take: list[Lease] = field(default_factory=list)
    """Leases that nobody holds any more."""
    steals: list[Lease] = field(default_factory=list)
    """Leases that their holders are to hand off."""


@dataclass(slots=True)
class _WorkerShare:
    """The leases of one worker, with those on their way to it."""

    leases: list[Lease] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.leases)

    @property
    def load_kbps(self) -> float:
        return sum(lease.throughput_kbps or 0.0 for lease in self.leases)


def decide(
    worker: str,
    readable: Sequence[Lease],
    seen: Mapping[str, Observation],
    settings: BalancingSettings,
    rng: random.Random,
) -> BalancingDecision:
    """The decision of `worker` about the readable leases; `seen` has its observation of each."""
    # 1. Share out the leases that have a holder; this worker counts even without one.
    available = [lease for lease in readable if _is_available(lease, seen[lease.key], worker, settings)]
    available_keys = {lease.key for lease in available}
    shares: dict[str, _WorkerShare] = {worker: _WorkerShare()}
    for lease in readable:
        if lease.key not in available_keys and lease.owner is not None:
            shares.setdefault(lease.owner, _WorkerShare()).leases.append(lease)
    mine = shares[worker]
    # 2. Take available leases up to the fair share, long expired ones beyond it: rule 1.
    target = min(ceil(len(readable) / len(shares)), settings.max_leases)
    rng.shuffle(available)
    decision = BalancingDecision()
    for lease in available:
        is_long_expired = seen[lease.key].age_ms > LONG_EXPIRED_PERIODS * settings.lease_duration_ms
        limit = settings.max_leases if is_long_expired else target
        if mine.count + len(decision.take) < limit:
            decision.take.append(lease)
    # 3. Steal only when nothing is to be had otherwise: rules 2 and 3.
    if not available:
        decision.steals = _steals(worker, shares, len(readable), settings, rng)
    return decision


def _is_available(lease: Lease, observation: Observation, worker: str, settings: BalancingSettings) -> bool:
    if observation.is_read_here:
        return False
    if lease.holder is None or observation.age_ms > settings.lease_duration_ms:
        return True
    if lease.owner != worker:
        return False
    # What was let go for this worker, or what its holder does not let go of.
    return not lease.is_in_hand_off or observation.asked_ms > settings.hand_off_timeout_ms


def _steals(
    worker: str, shares: dict[str, _WorkerShare], leases: int, settings: BalancingSettings, rng: random.Random
) -> list[Lease]:
    mine = shares[worker]
    under_way = sum(lease.is_in_hand_off for lease in mine.leases)
    asked: list[Lease] = []
    while under_way + len(asked) < settings.max_steals and mine.count < settings.max_leases:
        lease = _by_count(worker, shares, leases, rng) or _by_load(worker, shares, leases)
        if lease is None or lease.owner is None:
            break
        asked.append(lease)
        shares[lease.owner].leases.remove(lease)
        mine.leases.append(lease)
    return asked


def _by_count(worker: str, shares: dict[str, _WorkerShare], leases: int, rng: random.Random) -> Lease | None:
    """The lease to steal so that counts come out even: rule 2."""
    mine = shares[worker]
    even = leases / len(shares)
    # 1. The worker with the most leases gives, if it has two more than this one.
    most = max((share for name, share in shares.items() if name != worker), key=_count, default=None)
    if most is None or most.count - mine.count < 2:
        return None
    # 2. Any of its leases that is not on its way already.
    candidates = [lease for lease in most.leases if not lease.is_in_hand_off]
    # 3. Where the counts come out even anyway, only one that makes nobody the busiest.
    if mine.count + 1 >= even and most.count - 1 <= even and not _is_negligible(shares):
        heaviest = max(mine.load_kbps, most.load_kbps)
        candidates = [c for c in candidates if mine.load_kbps + (c.throughput_kbps or 0.0) <= heaviest]
    if not candidates:
        return None
    # 4. Of those the one that brings both loads closest together; equal ones in random order.
    middle = (most.load_kbps - mine.load_kbps) / 2
    rng.shuffle(candidates)
    return min(candidates, key=lambda lease: abs((lease.throughput_kbps or 0.0) - middle))


def _by_load(worker: str, shares: dict[str, _WorkerShare], leases: int) -> Lease | None:
    """The lease to steal so that loads come out even: rule 3."""
    if _is_negligible(shares):
        return None
    mine = shares[worker]
    even = leases / len(shares)
    mean = sum(share.load_kbps for share in shares.values()) / len(shares)
    # 1. The worker with the highest load gives, unless the counts would come out uneven.
    heaviest = max((share for name, share in shares.items() if name != worker), key=_load, default=None)
    if heaviest is None or mine.count > even or heaviest.count < even:
        return None
    # 2. The lease whose move lowers the higher of both loads most, and by more than the tolerance.
    best: Lease | None = None
    before = heaviest.load_kbps
    for lease in heaviest.leases:
        moved = lease.throughput_kbps or 0.0
        after = max(mine.load_kbps + moved, heaviest.load_kbps - moved)
        if not lease.is_in_hand_off and before - after > (LOAD_TOLERANCE * mean if best is None else 0):
            best, before = lease, after
    return best


def _is_negligible(shares: Mapping[str, _WorkerShare]) -> bool:
    return sum(share.load_kbps for share in shares.values()) < LOAD_NEGLIGIBLE_KBPS * len(shares)


def _count(share: _WorkerShare) -> int:
    return share.count


def _load(share: _WorkerShare) -> float:
    return share.load_kbps
