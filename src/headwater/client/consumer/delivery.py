"""The delivery of batches: the protocol between the reading of shards and the application.

Batches of one shard are delivered one after the other; those of different shards at the
same time.
"""

from __future__ import annotations

from typing import Protocol

from headwater.client.consumer.batch import Batch
from headwater.client.consumer.stats import ShardStats


class BatchContext(Protocol):
    """The state of a batch's shard while the batch is delivered."""

    @property
    def is_ending(self) -> bool:
        """Whether the shard is being given up: no further record may be begun."""

    async def ending(self) -> None:
        """Wait until `is_ending`."""

    @property
    def is_fresh(self) -> bool:
        """Whether the lease is known to be this worker's at this moment."""

    def progress(self, count: int) -> None:
        """Count the first `count` records of the batch as done."""

    @property
    def stats(self) -> ShardStats:
        """The statistics of the shard, which count errors."""


class Delivery(Protocol):
    """The protocol of a delivery: to a handler or to an iterator."""

    async def deliver(self, batch: Batch, turn: BatchContext) -> int:
        """Deliver a batch, and return the number of its first records that are done.

        When that is fewer than all, and the shard is not ending, the rest is delivered again.
        Raises what is to stop the consumer.
        """
