"""Holds what a store has of queues against their rules. Everything is found out; nothing is changed.

The rules: an id and a name belong to one queue; progress is that of a queue and of a shard that are there,
and of no later record than the shard ever had; a dead letter is not acknowledged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from headwater.engine.queues.progress import QueueProgress
from headwater.model.stream import Stream
from headwater.storage.interface import Extent, Store


def check_queues(
    streams: Collection[Stream], progress: Iterable[tuple[str, int, QueueProgress]], store: Store
) -> Iterator[str]:
    """Every broken rule in plain words. `progress`: by queue and log."""
    yield from _check_values(streams)
    logs = {
        queue.queue_id: {shard.log_id for shard in stream.shards}
        for stream in streams
        for queue in stream.queues
    }
    for queue_id, log_id, shard in progress:
        place = f"progress of queue {queue_id} in log {log_id:016x}"
        if log_id in logs.get(queue_id, ()):
            yield from _check_progress(place, shard, _known_extent(store, log_id))
        elif shard.keys:
            yield f"{place}: there is no such {'log of its stream' if queue_id in logs else 'queue'}"


def _known_extent(store: Store, log_id: int) -> Extent | None:
    """The extent of a log; `None`, too, of one that others may have made longer than is known."""
    extent = store.extent(log_id)
    return extent if extent is not None and (extent.sealed or not store.is_shared) else None


def _check_values(streams: Collection[Stream]) -> Iterator[str]:
    ids: set[str] = set()
    names: dict[tuple[str, str, str], str] = {}
    for stream in streams:
        for queue in stream.queues:
            place = f"queue {queue.name} of stream {stream.label}"
            if queue.queue_id in ids:
                yield f"{place} has an id that another queue has, too: {queue.queue_id}"
            ids.add(queue.queue_id)
            name = (stream.account_id, stream.region, queue.name)
            if name in names:
                yield f"{place} has the name of a queue of stream {names[name]}"
            names[name] = stream.label
            if stream.mode != "ON_DEMAND":
                yield f"{place}: the stream's capacity mode is {stream.mode}"


def _check_progress(place: str, shard: QueueProgress, extent: Extent | None) -> Iterator[str]:
    if extent is not None and shard.end() > extent.next:
        yield f"{place}: it goes up to position {shard.end()}, but the log to {extent.next}"
    letters = [letter.position for letter in shard.dead_letters() if letter.position >= shard.first]
    acknowledged = [position for position in letters if shard.is_done(position)]
    if acknowledged:
        yield f"{place}: dead letters are acknowledged: {acknowledged}"
