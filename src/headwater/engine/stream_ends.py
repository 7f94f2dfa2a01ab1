"""Where the open shards of a stream end: where a queue or a channel begins that takes what comes later.

Refuses to know who begins there.
"""

from __future__ import annotations

from typing import NamedTuple

from headwater.engine.engine import Engine
from headwater.model.stream import Stream
from headwater.storage.interface import END_MS


class StreamEnds(NamedTuple):
    """Where the open shards of a stream end, each at a moment after it was asked for."""

    stream: Stream
    """The stream as it was then."""
    next_positions: dict[int, int]
    """By the shard's index."""


async def find_ends(engine: Engine, stream: Stream) -> StreamEnds:
    """Raises `StoreUnavailable`."""
    ends = {shard.index: await engine.store.find(shard.log_id, END_MS) for shard in stream.open_shards}
    return StreamEnds(stream, ends)
