"""What becomes of a log while a sender appends to it: open, being sealed, or at its end.

Refuses to know batches, and how metadata are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from headwater.storage.kafka.metadata_log import MetadataLog
from headwater.storage.kafka.producer import Producer


class ShardLogFate:
    """What the metadata of a store say of one of its logs."""

    def __init__(self, metadata: MetadataLog, producer: Producer, log_id: int) -> None:
        self._metadata = metadata
        self._producer = producer
        self._log_id = log_id

    def is_open(self) -> bool:
        """Whether it takes records."""
        log = self._metadata.state.logs.get(self._log_id)
        return log is not None and log.closing is None and log.final is None

    def final(self) -> int | None:
        """Where it ends, as the metadata have it."""
        log = self._metadata.state.logs.get(self._log_id)
        return 0 if log is None else log.final

    async def ended(self) -> None:
        """Wait for the metadata to say so."""
        while self.final() is None:
            await self._metadata.applied()

    def may_acknowledge(self, producer_id: int) -> Awaitable[bool]:
        """While this gateway is registered."""
        return self._producer.is_trusted(producer_id)


class MetadataFate:
    """The topic of the commands is never sealed."""

    def is_open(self) -> bool:
        """Always."""
        return True

    def final(self) -> int | None:
        """Nowhere."""
        return None

    async def ended(self) -> None:
        """Only another's fence could bring anybody here."""
        await asyncio.get_running_loop().create_future()

    async def may_acknowledge(self, _producer_id: int) -> bool:
        """Always."""
        return True  # a command means what it does where it lies
