"""How many records of a queue wait, are in flight, or are dead letters, and how old the oldest is.

What waits behind the cursors is counted from the positions, so a number is a little too high where a log
has gaps, or records past retention that are not trimmed yet.

Refuses to know who asks.
"""

from __future__ import annotations

from typing import NamedTuple

from headwater.engine.queues.log_runs import read_runs
from headwater.engine.queues.tracking import ShardTracking, Tracking
from headwater.storage.interface import Store


class QueueCounts(NamedTuple):
    """Of one queue at one moment."""

    visible: int
    in_flight: int
    dead_visible: int
    dead_in_flight: int


class QueueTotals(NamedTuple):
    """What was done with a queue since the server started."""

    received: int = 0
    acknowledged: int = 0
    empty_receives: int = 0
    """Receives that ended without a record. Of dead letters nothing is counted here."""


def count_records(tracking: Tracking, store: Store) -> QueueCounts:
    """The records of a queue by what may be done with them."""
    counted = {(is_dead, in_flight): 0 for is_dead in (False, True) for in_flight in (False, True)}
    for record in tracking.records():
        counted[record.is_dead, record.phase != "visible"] += 1
    waiting = sum(_waiting(shard, store) for shard in tracking.shards.values())
    return QueueCounts(
        visible=counted[False, False] + waiting,
        in_flight=counted[False, True],
        dead_visible=counted[True, False],
        dead_in_flight=counted[True, True],
    )


def _waiting(shard: ShardTracking, store: Store) -> int:
    extent = store.extent(shard.log_id)
    begin = max(shard.cursor, extent.first) if extent is not None else 0
    if extent is None or begin >= extent.next:
        return 0
    tracked = sum(position >= begin for position in shard.records)
    return extent.next - begin - shard.progress.acknowledged_count(begin, extent.next) - tracked


async def oldest_arrival_ms(tracking: Tracking, store: Store, horizon_ms: int) -> int | None:
    """When the oldest record arrived that is not acknowledged and no dead letter; `None` without any.

    Raises `StoreUnavailable`.
    """
    living = [record.arrival_ms for record in tracking.records() if not record.is_dead]
    arrivals = [arrival_ms for arrival_ms in living if arrival_ms is not None and arrival_ms >= horizon_ms]
    for shard in list(tracking.shards.values()):
        arrival_ms = await _first_arrival_ms(shard, store, horizon_ms)
        if arrival_ms is not None:
            arrivals.append(arrival_ms)
    return min(arrivals, default=None)


async def _first_arrival_ms(shard: ShardTracking, store: Store, horizon_ms: int) -> int | None:
    extent = store.extent(shard.log_id)
    position = shard.progress.next_open(shard.cursor)
    if extent is None or position >= extent.next:
        return None
    runs = await read_runs(store, shard.log_id, position, 1, 1)
    if runs and runs[0].time_ms < horizon_ms:
        kept = await store.find(shard.log_id, horizon_ms)
        runs = await read_runs(store, shard.log_id, kept, 1, 1)
    return runs[0].time_ms if runs else None
