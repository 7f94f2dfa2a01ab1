"""The seam between the reading of shards and what is done with their records.

Batches of one shard are delivered one after the other; those of different shards at the
same time.
"""

from __future__ import annotations

from typing import Protocol

from headwater.client.consumer.batch import Batch
from headwater.client.consumer.stats import ShardStats


class BatchContext(Protocol):
    """What the shard of a batch says while the batch is in hand."""

    @property
    def is_ending(self) -> bool:
        """Whether the shard is to be given up: what was not begun must not be begun."""

    async def ending(self) -> None:
        """Return when it is."""

    @property
    def is_fresh(self) -> bool:
        """Whether the shard is surely this worker's at this moment."""

    def progress(self, count: int) -> None:
        """The first `count` records of the batch are done."""

    @property
    def stats(self) -> ShardStats:
        """To be told of errors."""


class Delivery(Protocol):
    """A way to have records handled."""

    async def deliver(self, batch: Batch, turn: BatchContext) -> int:
        """How many of the first records are done, when no more will be.

        When it is fewer than all, and the turn has not ended, the rest is delivered again.
        Raises what is to stop the consumer.
        """
