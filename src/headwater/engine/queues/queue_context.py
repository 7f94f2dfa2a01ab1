"""What a queue at work needs of the engine, and where it begins in its shards.

Refuses to know what the queue does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from headwater.engine.queues.progress import QueueProgress
from headwater.engine.tokens.sealed_token import Sealer
from headwater.model.arn import StreamName
from headwater.model.errors import ResourceNotFoundException
from headwater.model.queue import Queue
from headwater.model.shard import Shard
from headwater.model.stream import Stream
from headwater.storage.interface import Store


class QueueContext(Protocol):
    """What a queue needs of the engine."""

    store: Store
    receipts: Sealer
    is_stopping: bool
    """Whether nobody may wait any more."""

    def now_ms(self) -> int:
        """The time now."""

    def random_number(self) -> int:
        """63 random bits."""

    def expected(self, name: StreamName) -> Mapping[str, int]:
        """The key of a stream's value and its version, as far as it is known."""

    def progress_of(self, queue_id: str, log_id: int, first: int) -> QueueProgress:
        """What the store has of a queue's shard; one that begins at `first` if it has nothing."""


def first_position(queue: Queue, shard: Shard) -> int | None:
    """Where a queue begins in a shard; `None` when nothing of it belongs to the queue."""
    start = queue.start
    if start.type == "LATEST" and shard.index < start.next_shard_index:
        return start.tips.get(shard.index)
    return 0


def queue_gone(stream: Stream, queue: Queue) -> ResourceNotFoundException:
    """The answer for a queue that hands out nothing: it is CREATING, DELETING or gone."""
    return ResourceNotFoundException(
        f"Queue {queue.name} of stream {stream.label} does not deliver records: it is {queue.status}."
    )
