"""Records leave a stream when they are older than its retention period.

Reading skips them at once; the sweep gives their space back later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from headwater.model.arn import StreamName
from headwater.model.stream import Stream
from headwater.storage.interface import Store


class HasStream(Protocol):
    """The part of a live stream that is looked at."""

    stream: Stream


async def expire_all(
    store: Store, streams: Mapping[StreamName, HasStream], now_ms: Callable[[], int]
) -> None:
    """Do so for every stream. What comes or goes meanwhile is found as it is then."""
    for name in list(streams):
        live = streams.get(name)
        if live is not None:
            await expire_records(store, live.stream, now_ms())


async def expire_records(store: Store, stream: Stream, now_ms: int) -> None:
    """Trim every log of the stream up to its trim horizon."""
    horizon_ms = stream.trim_horizon_ms(now_ms)
    for shard in stream.shards:
        extent = store.extent(shard.log_id)
        if extent is None or (extent.first == extent.next and not store.is_shared):
            continue  # gone, or empty: of a shared log, others may know of more
        position = await store.find(shard.log_id, horizon_ms)
        if position > extent.first:
            await store.trim(shard.log_id, position)
