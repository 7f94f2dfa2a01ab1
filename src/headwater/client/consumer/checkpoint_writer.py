"""The writer of one shard's checkpoints: always the newest, as fast as the lease store takes them.

While a write is under way further progress gathers, and is the next write. With an
interval there is one write in each, and a last one when the shard is given up.
"""

from __future__ import annotations

import asyncio
import logging

from headwater.client.calls.errors import ClientError
from headwater.client.calls.timing import Timing
from headwater.client.consumer.stats import ShardStats
from headwater.client.leases.checkpoint import TRIM_HORIZON, Checkpoint
from headwater.client.leases.owned_lease import OwnedLease
from headwater.client.leases.store import LeaseLost

_log = logging.getLogger("headwater.client")


class CheckpointWriter:
    """The writer of one shard's checkpoints."""

    def __init__(self, owned: OwnedLease, interval_s: float, timing: Timing, stats: ShardStats) -> None:
        self.last = Checkpoint(TRIM_HORIZON)
        """The last record that was handled, whoever writes its checkpoint."""
        self._owned = owned
        self._interval_s = interval_s
        self._timing = timing
        self._stats = stats
        self._due: Checkpoint | None = None
        self._woken = asyncio.Event()
        self._is_stopping = False

    def mark(self, checkpoint: Checkpoint) -> None:
        """Write this checkpoint when it is due: all records up to it are done."""
        self.last = self._due = checkpoint
        self._woken.set()

    def delivered(self, checkpoint: Checkpoint) -> None:
        """Remember what was delivered; the application writes the checkpoint."""
        self.last = checkpoint

    def stop(self) -> None:
        """End `run`, after a last write."""
        self._is_stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Write checkpoints until `stop`, or until the lease is lost. A failed write leaves the old one."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            due, self._due = self._due, None
            if due is not None:
                try:
                    await self._owned.advance(due)
                    self._stats.checkpoint = due.sequence_number
                except LeaseLost:
                    return
                except ClientError as error:
                    _log.warning("the checkpoint of %s cannot be written: %s", self._owned.key, error)
            if self._is_stopping and self._due is None:
                return
            if self._interval_s and not self._is_stopping:
                await self._pause()

    async def _pause(self) -> None:
        """Wait for the interval, or for `stop`."""
        pause = asyncio.ensure_future(self._timing.sleep(self._interval_s))
        try:
            while not pause.done() and not self._is_stopping:
                woken = asyncio.ensure_future(self._woken.wait())
                await asyncio.wait({pause, woken}, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                if not self._is_stopping:
                    self._woken.clear()
        finally:
            pause.cancel()
            self._woken.set()
