"""Records leave a stream when they are older than its retention period.

Reading skips them at once; the sweep gives their space back later.
"""

from __future__ import annotations

from headwater.model.stream import Stream
from headwater.storage.interface import Store


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
