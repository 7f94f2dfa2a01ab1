"""Storing records: from a partition key to a shard, and from a position to a sequence number.

The hot path of the product: a few plain loops, one store call for the whole
request, no object for a record beyond the entry that the store takes.

A reshard may seal a log between routing and commit. The store then gives no
position for that record; it is routed again over the stream's new shards, so it
is neither lost nor misplaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headwater.engine.engine import Engine, Held
from headwater.engine.routing import Route
from headwater.model.arn import StreamName
from headwater.model.errors import InternalFailureException, InvalidArgumentException
from headwater.model.hash_key import HASH_KEY_MAX, hash_key_of
from headwater.model.record import encode_payload
from headwater.model.sequence_number import record_sequence_number
from headwater.storage.interface import Entry

_REROUTES_MAX = 100
"""A record that finds its shard sealed this often has met a broken store, not a reshard."""


class NewRecord(NamedTuple):
    """What a producer gives."""

    data: bytes
    partition_key: str | None
    explicit_hash_key: str | None


class Placement(NamedTuple):
    """Where a record went."""

    shard_id: str
    sequence_number: str


async def append(engine: Engine, name: StreamName, records: Sequence[NewRecord]) -> list[Placement]:
    """Store the records in one commit; each one's placement, in order.

    Raises ResourceNotFoundException while the stream does not take records, and
    StoreUnavailable when nothing was stored.
    """
    placements: list[Placement | None] = [None] * len(records)
    pending = range(len(records))
    for _ in range(_REROUTES_MAX):
        held = await engine.serving(name)
        arrival_ms = engine.arrival_ms()
        encrypted = held.stream.encryption_type == "KMS"
        by_turn = held.stream.distribution == "AUTO"
        routes: list[Route] = []
        entries: list[Entry] = []
        for at in pending:
            data, partition_key, explicit_hash_key = records[at]
            key = None if partition_key is None else partition_key.encode()
            route = held.routes.in_turn() if by_turn else _route(held, key, explicit_hash_key)
            routes.append(route)
            entries.append(Entry(route.log_id, arrival_ms, encode_payload(data, key, encrypted=encrypted)))
        positions = await engine.store.append(entries)
        refused = []
        for at, route, position in zip(pending, routes, positions, strict=True):
            if position is None:
                refused.append(at)
                continue
            number = record_sequence_number(route.sequence_base, route.epoch_s, position, arrival_ms)
            placements[at] = Placement(route.shard_id, number)
        if not refused:
            return placements  # type: ignore[return-value]  # none was refused: every place is filled
        pending = refused  # type: ignore[assignment]  # a list of indexes reads like a range of them
    raise InternalFailureException("Internal Service Failure")


def check_explicit_hash_key(explicit_hash_key: str | None) -> None:
    """Raise InvalidArgumentException for a hash key above 2^128-1."""
    if explicit_hash_key is not None and int(explicit_hash_key) > HASH_KEY_MAX:
        raise InvalidArgumentException(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {explicit_hash_key}"
        )


def _route(held: Held, key: bytes | None, explicit_hash_key: str | None) -> Route:
    if explicit_hash_key is not None:
        return held.routes.by_hash_key(int(explicit_hash_key))
    assert key is not None, "the operation lets a record without a key pass for AUTO only"
    return held.routes.by_hash_key(hash_key_of(key))
