"""Storing records: from a partition key to a shard, and from a position to a sequence number.

The hot path of the product: plain loops over a request's records, one entry for each
shard, one store call for the whole request, and no object for a record but the tuple
that it comes in and the one that says where it went.

A reshard may seal a log between routing and commit. The store then gives no
position for that entry; its records are routed again over the stream's new shards, so
none is lost or misplaced. However often: a put waits once, and says to the store how long it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from headwater.engine.engine import Engine
from headwater.engine.limits.throughput_limits import StreamLimits
from headwater.engine.live_stream import LiveStream
from headwater.engine.routing import Routes
from headwater.model.alike_records import encode_alike
from headwater.model.errors import (
    InternalFailureException,
    InvalidArgumentException,
    ResourceNotFoundException,
)
from headwater.model.hash_key import HASH_KEY_MAX
from headwater.model.record import encode_payload, encode_payloads, record_sizes
from headwater.model.record_list import Placement
from headwater.model.sequence_number import number_texts, record_sequence_number, record_sequence_numbers
from headwater.model.stream import Stream
from headwater.storage.interface import Entry, Placed, StoreUnavailable

_REROUTES_MAX = 100
"""A record that finds its shard sealed this often has met a broken store, not a reshard."""

_new_entry = tuple.__new__
"""A third of the time of `Entry(...)`."""

NewRecord: TypeAlias = tuple[bytes, str | None, str | None]
"""What a producer gives: data, partition key, explicit hash key."""


class Appended(NamedTuple):
    """What came of records that were to be stored."""

    placements: list[Placement]
    """Of each record, in order; `NOWHERE` for one that a failure kept from being stored."""
    stored_bytes: int
    is_whole: bool
    """All are stored for sure. If not, some may have been refused, or have failed."""


NOWHERE: Placement = ("", None)


async def append(engine: Engine, live: LiveStream, records: Sequence[NewRecord], began_s: float) -> Appended:
    """Store the records with one call of the store, as far as the shards take them.

    `live` is the stream as it is served now; `began_s`: since when the records wait, by the engine's
    stopwatch. What fails after a reshard made a second call necessary,
    or in one shard of several, fails for its records alone. Raises ResourceNotFoundException when the
    stream is served no longer, StoreUnavailable when nothing was stored, and InternalFailureException.
    """
    limits = live.limits
    placements: list[Placement] = [NOWHERE] * len(records)
    pending: Sequence[int] = range(len(records))
    stored = stored_bytes = 0
    failure: StoreUnavailable | None = None
    try:
        for _ in range(_REROUTES_MAX):
            routes = live.routes
            arrival_ms = engine.arrival_ms()
            shares = _share_out(records, pending, live, limits, placements, engine.now_ms())
            entries = [
                Entry(routes[at].log_id, arrival_ms, share.take_payloads()) for at, share in shares.items()
            ]
            appending = engine.store.append(entries, engine.stopwatch() - began_s)
            del entries  # what the store refuses at once is not kept while the rest waits
            outcomes = await appending
            refused: list[int] = []
            for (route_at, share), outcome in zip(shares.items(), outcomes, strict=True):
                indexes, size = share.indexes, share.size
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
                    placements[index] = (shard_id, number)
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
    appended = await append(engine, await engine.serving(stream.full_name), (record,), began_s)
    return appended.placements[0]


class _RouteShare:
    """What one shard gets of a request: which records, their payloads, and the bytes of all."""

    __slots__ = ("indexes", "payloads", "size")

    def __init__(self) -> None:
        self.indexes: list[int] = []
        self.payloads: list[bytes] = []
        self.size = 0

    def take_payloads(self) -> list[bytes]:
        """The payloads, which are not kept here any more."""
        payloads, self.payloads = self.payloads, []
        return payloads


def _share_out(
    records: Sequence[NewRecord],
    pending: Sequence[int],
    live: LiveStream,
    limits: StreamLimits | None,
    placements: list[Placement],
    now_ms: int,
) -> dict[int, _RouteShare]:
    """The pending records that their shards take now, by route; `placements` notes which they do not."""
    routes = live.routes
    wanted = records if len(pending) == len(records) else [records[index] for index in pending]
    route_ats = _routes_of(wanted, routes, by_turn=live.stream.distribution == "AUTO")
    encrypted = live.stream.encryption_type == "KMS"
    payloads = encode_alike(wanted, encrypted=encrypted) or encode_payloads(wanted, encrypted=encrypted)
    shares: dict[int, _RouteShare] = {}
    if limits is not None:
        _begin_window(live, limits, now_ms)
    for index, route_at, payload, size in zip(
        pending, route_ats, payloads, record_sizes(wanted), strict=True
    ):
        if limits is not None:
            log_id, shard_id, _, _ = routes[route_at]
            if not limits.takes(log_id, size, now_ms):
                placements[index] = (shard_id, None)
                continue
        share = shares.get(route_at)
        if share is None:
            share = shares[route_at] = _RouteShare()
        share.indexes.append(index)
        share.payloads.append(payload)
        share.size += size
    return shares


def _routes_of(records: Sequence[NewRecord], routes: Routes, *, by_turn: bool) -> list[int]:
    """`route_of` each of the records, without a call for each if they have partition keys alone."""
    _, partition_keys, explicit_hash_keys = zip(*records, strict=True)
    if by_turn or explicit_hash_keys.count(None) < len(records):
        return [route_of(record, routes, by_turn=by_turn) for record in records]
    return routes.by_partition_keys(partition_keys)


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
