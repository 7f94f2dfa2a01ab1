"""Storing records: from a partition key to a shard, and from a position to a sequence number.

The hot path of the product: a request's records are columns from its members to its answer, so that
most steps are one call for all of them; one entry for each shard, and one store call for the whole request.

A reshard may seal a log between routing and commit. The store then gives no
position for that entry; its records are routed again over the stream's new shards, so
none is lost or misplaced. However often: a put waits once, and says to the store how long it has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from headwater.engine.engine import Engine
from headwater.engine.limits.throughput_limits import StreamLimits
from headwater.engine.live_stream import LiveStream
from headwater.engine.routing import Routes
from headwater.model.errors import (
    InternalFailureException,
    InvalidArgumentException,
    ResourceNotFoundException,
)
from headwater.model.hash_key import HASH_KEY_MAX
from headwater.model.new_records import NewRecord, NewRecords, picked
from headwater.model.record import encode_payload
from headwater.model.record_list import Placement, PlacementList
from headwater.model.sequence_number import number_texts, record_sequence_number, record_sequence_numbers
from headwater.model.stream import Stream
from headwater.storage.interface import Entry, Placed, StoreUnavailable

_REROUTES_MAX = 100
"""A record that finds its shard sealed this often has met a broken store, not a reshard."""

_new_entry = tuple.__new__
"""A third of the time of `Entry(...)`."""


class Appended(NamedTuple):
    """What came of records that were to be stored."""

    placements: PlacementList
    """Of each record, in order; `NOWHERE` for one that a failure kept from being stored."""
    stored_bytes: int
    is_whole: bool
    """All are stored for sure. If not, some may have been refused, or have failed."""


NOWHERE: Placement = ("", None)


async def append(engine: Engine, live: LiveStream, records: NewRecords, began_s: float) -> Appended:
    """Store the records with one call of the store, as far as the shards take them.

    `live` is the stream as it is served now; `began_s`: since when the records wait, by the engine's
    stopwatch. What fails after a reshard made a second call necessary,
    or in one shard of several, fails for its records alone. Raises ResourceNotFoundException when the
    stream is served no longer, StoreUnavailable when nothing was stored, and InternalFailureException.
    """
    limits = live.limits
    no_shard, no_number = NOWHERE
    shard_ids, sequence_numbers = [no_shard] * len(records), [no_number] * len(records)
    placements = PlacementList(shard_ids, sequence_numbers)
    pending: Sequence[int] = range(len(records))
    stored = stored_bytes = 0
    failure: StoreUnavailable | None = None
    try:
        for _ in range(_REROUTES_MAX):
            routes = live.routes
            arrival_ms = engine.arrival_ms()
            shares, share_payloads = _share_out(records, pending, live, limits, placements, engine.now_ms())
            entries = [
                Entry(routes[share.route_at].log_id, arrival_ms, payloads)
                for share, payloads in zip(shares, share_payloads, strict=True)
            ]
            appending = engine.store.append(entries, engine.stopwatch() - began_s)
            del entries, share_payloads  # what the store refuses at once is not kept while the rest waits
            outcomes = await appending
            refused: list[int] = []
            for (route_at, indexes, size), outcome in zip(shares, outcomes, strict=True):
                if not isinstance(outcome, Placed):
                    refused += indexes if outcome is None else ()
                    failure = outcome or failure
                    continue
                position, time_ms = outcome
                log_id, shard_id, base, epoch_s = routes[route_at]
                engine.log_sizes.grew(log_id, position, len(indexes), size)
                stored += len(indexes)
                stored_bytes += size
                if live.metrics.monitored:
                    live.metrics.shard_put(shard_id, len(indexes), size)
                numbers = record_sequence_numbers(base, epoch_s, position, time_ms, len(indexes))
                for index, number in zip(indexes, number_texts(numbers), strict=True):
                    sequence_numbers[index] = number
                    shard_ids[index] = shard_id
            if not refused:
                return _unless_failed(failure, stored, Appended(placements, stored_bytes, limits is None))
            pending = sorted(refused)
            live = await engine.serving(live.stream.full_name)
    except (ResourceNotFoundException, StoreUnavailable):
        if not stored:
            raise
        return Appended(placements, stored_bytes, is_whole=False)
    raise InternalFailureException("Internal Service Failure")


def _unless_failed(failure: StoreUnavailable | None, stored: int, appended: Appended) -> Appended:
    """What came of a call in which some shard may have failed. Raises its failure if nothing was stored."""
    if failure is None:
        return appended
    if not stored:
        raise failure
    return appended._replace(is_whole=False)


async def append_one(
    engine: Engine, live: LiveStream, record: NewRecord, size: int, began_s: float
) -> Placement:
    """Store one record of so many bytes: `append` without what it does for many. Raises the same."""
    stream, routes, limits = live.stream, live.routes, live.limits
    data, partition_key, _ = record
    log_id, shard_id, base, epoch_s = routes[route_of(record, routes, by_turn=stream.distribution == "AUTO")]
    if limits is not None:
        now_ms = engine.now_ms()
        _begin_window(live, limits, now_ms)
        if not limits.takes(log_id, size, now_ms):
            return shard_id, None
    arrival_ms = engine.arrival_ms()
    payload = encode_payload(data, partition_key, encrypted=stream.encryption_type == "KMS")
    (outcome,) = await engine.store.append((_new_entry(Entry, (log_id, arrival_ms, (payload,))),))
    if not isinstance(outcome, Placed):
        return await _append_again(engine, stream, record, outcome, began_s)
    position, time_ms = outcome
    engine.log_sizes.grew_by_one(log_id, position, size)
    if live.metrics.monitored:
        live.metrics.shard_put(shard_id, 1, size)
    return shard_id, record_sequence_number(base, epoch_s, position, time_ms)


async def _append_again(
    engine: Engine, stream: Stream, record: NewRecord, outcome: StoreUnavailable | None, began_s: float
) -> Placement:
    """Store a record that its shard did not take. Raises what `append` raises."""
    if outcome is not None:
        raise outcome
    (data, partition_key, explicit_hash_key), live = record, await engine.serving(stream.full_name)
    appended = await append(engine, live, NewRecords([data], [partition_key], [explicit_hash_key]), began_s)
    (placement,) = appended.placements
    return placement


class _RouteShare(NamedTuple):
    """What one shard gets of a request."""

    route_at: int
    indexes: Sequence[int]
    """Which of the request's records."""
    size: int
    """Of all of them."""


def _share_out(
    records: NewRecords,
    pending: Sequence[int],
    live: LiveStream,
    limits: StreamLimits | None,
    placements: PlacementList,
    now_ms: int,
) -> tuple[list[_RouteShare], list[Sequence[bytes]]]:
    """The pending records that their shards take now, and the payloads of each share.

    `placements` notes which they do not take.
    """
    # 1. What is to be stored of each, and where.
    wanted = records if len(pending) == len(records) else records.picked(pending)
    route_ats = _routes_of(wanted, live.routes, by_turn=live.stream.distribution == "AUTO")
    payloads, sizes = wanted.written(encrypted=live.stream.encryption_type == "KMS")
    # 2. Which of them are taken, by shard.
    taken: dict[int, list[int]] = defaultdict(list)
    if limits is None:
        for at, route_at in enumerate(route_ats):
            taken[route_at].append(at)
    else:
        _begin_window(live, limits, now_ms)
        for at, route_at in enumerate(route_ats):
            log_id, shard_id, _, _ = live.routes[route_at]
            if limits.takes(log_id, sizes[at], now_ms):
                taken[route_at].append(at)
            else:
                placements.shard_ids[pending[at]] = shard_id
    # 3. What each shard gets.
    shares = [
        _RouteShare(route_at, picked(pending, ats), sum(picked(sizes, ats)))
        for route_at, ats in taken.items()
    ]
    return shares, [picked(payloads, ats) for ats in taken.values()]


def _routes_of(records: NewRecords, routes: Routes, *, by_turn: bool) -> list[int]:
    """`route_of` each of the records, without a call for each if they have partition keys alone."""
    if by_turn or records.explicit_hash_keys.count(None) < len(records):
        return [route_of(record, routes, by_turn=by_turn) for record in records]
    return routes.by_partition_keys(records.partition_keys)


def _begin_window(live: LiveStream, limits: StreamLimits, now_ms: int) -> None:
    """See to it that the load of an on-demand stream is looked at."""
    if live.stream.mode == "ON_DEMAND":
        live.due_ms = min(live.due_ms, limits.load.begin(now_ms))


def route_of(record: NewRecord, routes: Routes, *, by_turn: bool) -> int:
    """Which of a stream's routes the record takes; with `by_turn`, whatever its key."""
    _, partition_key, explicit_hash_key = record
    if by_turn:
        return routes.in_turn()
    if explicit_hash_key is not None:
        return routes.by_hash_key(int(explicit_hash_key))
    assert partition_key is not None, "the operation lets a record without a key pass for AUTO only"
    return routes.by_partition_key(partition_key)


def check_explicit_hash_key(explicit_hash_key: str) -> None:
    """Raise InvalidArgumentException for a hash key above 2^128-1."""
    if int(explicit_hash_key) > HASH_KEY_MAX:
        raise InvalidArgumentException(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {explicit_hash_key}"
        )
