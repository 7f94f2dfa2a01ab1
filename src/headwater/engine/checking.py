"""Holds what an engine found in its store against the rules of streams.

The store answers for its own promises; these are the ones it knows nothing of: every
record can be read, every shard has a log of its own, and the lineage of a stream is
whole. Everything is found out from what is there; nothing is changed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Iterator

import msgspec

from headwater.engine.queues.checking import check_queues
from headwater.engine.queues.progress import QueueProgress
from headwater.model.hash_key import HASH_KEY_MAX
from headwater.model.record import decode_payloads, record_size, size_of
from headwater.model.shard import Shard, shard_id_of
from headwater.model.stream import Stream
from headwater.storage.interface import Run, Store, StoreUnavailable

_RECORDS_PER_READ = 10_000
_BYTES_PER_READ = 16 * 1024 * 1024

Current = Callable[[Stream], Stream | None]
"""What has become of a stream: its present value; `None` when it is gone."""


async def check_all(
    streams: Collection[Stream],
    progress: Iterable[tuple[str, int, QueueProgress]],
    store: Store,
    current: Current,
) -> list[str]:
    """Every broken rule of streams and of their queues; `progress` is what the store has of these."""
    return [*await check_streams(streams, store, current), *check_queues(streams, progress, store)]


async def check_streams(streams: Collection[Stream], store: Store, current: Current) -> list[str]:
    """Every broken rule in plain words."""
    found = list(_check_owners(streams))
    for stream in streams:
        found += await _check_stream(stream, store, current)
    return found


def _check_owners(streams: Collection[Stream]) -> Iterator[str]:
    owners: dict[int, str] = {}
    for stream in streams:
        for shard in stream.shards:
            place = _place(stream, shard)
            if shard.log_id in owners:
                yield f"{place} has the same log as {owners[shard.log_id]}"
            owners[shard.log_id] = place


async def _check_stream(stream: Stream, store: Store, current: Current) -> list[str]:
    """What is wrong with a stream; one that is changed meanwhile is looked at again as it is then."""
    while True:
        found = list(_check_lineage(stream))
        for shard in stream.shards:
            found += await _check_shard(_place(stream, shard), shard, store)
        now = current(stream)
        if now is None:
            return []
        if not found or now is stream:
            return found
        stream = now


def _place(stream: Stream, shard: Shard) -> str:
    return f"{shard.shard_id} of stream {stream.label}"


def _check_lineage(stream: Stream) -> Iterator[str]:
    place = f"stream {stream.label}"
    indexes = [shard.index for shard in stream.shards]
    if indexes != sorted(set(indexes)) or any(index >= stream.next_shard_index for index in indexes):
        yield f"{place}: its shards are not counted up: {indexes}"
    known = {shard.index: shard for shard in stream.shards}
    for shard in stream.shards:
        for parent_index in shard.parent_indexes:
            parent = known.get(parent_index)  # one that is beyond retention is gone
            if parent_index >= shard.index or (parent is not None and parent.is_open):
                yield f"{place}: {shard.shard_id} cannot be a child of {shard_id_of(parent_index)}"
            elif parent is not None and parent.epoch_s >= shard.epoch_s:
                yield f"{place}: {shard.shard_id} is as old as its parent {parent.shard_id}"
    ranges = sorted((int(s.starting_hash_key), int(s.ending_hash_key)) for s in stream.open_shards)
    ends = [-1, *(end for _, end in ranges)]
    starts = [*(start for start, _ in ranges), HASH_KEY_MAX + 1]
    if any(start != end + 1 for start, end in zip(starts, ends, strict=True)):
        yield f"{place}: the hash keys of its open shards have gaps or overlaps"


async def _check_shard(place: str, shard: Shard, store: Store) -> list[str]:
    extent = store.extent(shard.log_id)
    if extent is None:
        return [f"{place} has no log"]
    found = await check_records(place, shard.log_id, store)
    if extent.sealed is shard.is_open:
        found.append(f"{place} is {'open' if shard.is_open else 'closed'}, but its log is not")
    return found


async def check_records(place: str, log_id: int, store: Store) -> list[str]:
    """What is wrong with the records that are there when it begins."""
    found: list[str] = []
    position, end = 0, None
    while True:
        try:
            page = await store.read(log_id, position, _RECORDS_PER_READ, _BYTES_PER_READ)
        except StoreUnavailable as error:
            return [*found, f"{place}: the records from position {position} on cannot be read: {error}"]
        if page is None:
            return [*found, f"{place} has no log"]
        position, end = max(position, page.first), page.next if end is None else end
        if position >= end or (store.is_shared and not page.runs):
            return found
        if not page.runs:
            return [*found, f"{place}: the records from position {position} on cannot be read"]
        for run in page.runs:
            position = run.position + len(run.payloads)  # a log may have gaps: they are the store's to judge
            found += _check_run(place, run)


def _check_run(place: str, run: Run) -> Iterator[str]:
    try:
        records = decode_payloads(run.payloads)
        sizes = [record_size(record.data, record.partition_key) for record in records]
        is_whole = sizes == [size_of(payload) for payload in run.payloads]
    except (msgspec.MsgspecError, struct.error, ValueError, IndexError) as error:
        yield f"{place}: a record from position {run.position} on is damaged: {error}"
        return
    if not is_whole:
        yield f"{place}: a record from position {run.position} on is damaged"
