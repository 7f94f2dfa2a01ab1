"""The records that a consumer has received and not settled: kept invisible, then settled.

Rules:
- a record is held from its receive until it is acknowledged, given back or let go; half
  of its visibility before others could get it, the time is extended;
- a record is settled once: what is asked of a settled one is done already;
- while the queue cannot be reached a settlement is sent again, and the record stays held.

Refuses to know handlers.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial

from headwater.client.calls.errors import ClientError
from headwater.client.calls.timing import Timing
from headwater.client.queues.entry_batches import EntryBatches, ReceiptLost
from headwater.client.queues.queue_calls import RESTORE, Operations, QueueCalls
from headwater.client.queues.queue_record import QueueRecord
from headwater.client.queues.stats import QueueConsumerStats

SETTLE_PATIENCE_S = 60.0
EXTENSIONS_PER_TIMEOUT = 4
"""How often in one visibility timeout it is looked whose time runs out."""

_log = logging.getLogger("headwater.client")


@dataclass(frozen=True, slots=True)
class OpenQueue:
    """A queue as a consumer uses it."""

    arn: str
    operations: Operations
    visibility_timeout_s: int


@dataclass(slots=True)
class _Held:
    record: QueueRecord
    until_s: float


class HeldRecords:
    """A `RecordHolder`. Belongs to one event loop."""

    def __init__(
        self, queue: OpenQueue, calls: QueueCalls, linger_s: float, timing: Timing, stats: QueueConsumerStats
    ) -> None:
        names = queue.operations
        self._queue = queue
        self._timing = timing
        self._stats = stats
        self._held: dict[str, _Held] = {}
        self._acknowledging, self._changing, self._restoring = (
            EntryBatches(partial(calls.send, name, queue.arn), timing, linger_s)
            for name in (names.acknowledge, names.change_visibility, RESTORE)
        )

    def hold(self, record: QueueRecord) -> None:
        """A record was received."""
        until_s = self._timing.now_s() + self._queue.visibility_timeout_s
        self._held[record.receipt_handle] = _Held(record, until_s)
        self._stats.in_hand = len(self._held)

    def let_go(self, record: QueueRecord) -> None:
        """Extend a record's time no longer: unsettled, it is handed out again when that is over."""
        self._held.pop(record.receipt_handle, None)
        self._stats.in_hand = len(self._held)

    async def give_back_all(self, patience_s: float) -> None:
        """Have everything that is held handed out again at once, as far as the queue can be reached."""
        given_back = [self.give_back(held.record, 0, patience_s) for held in list(self._held.values())]
        for failure in await asyncio.gather(*given_back, return_exceptions=True):
            if isinstance(failure, ClientError):
                _log.warning("a record comes again when its visibility is over: %s", failure)

    async def acknowledge(self, record: QueueRecord) -> None:
        """Have the queue deliver a record no more. Raises `ReceiptLost` and other `ClientError`."""
        if await self._settle(record, self._acknowledging):
            self._stats.acknowledged += 1

    async def give_back(
        self, record: QueueRecord, delay_s: int, patience_s: float = SETTLE_PATIENCE_S
    ) -> None:
        """Have a record handed out again after a delay. Raises `ReceiptLost` and other `ClientError`."""
        if await self._settle(record, self._changing, patience_s, VisibilityTimeoutSeconds=delay_s):
            self._stats.given_back += 1

    async def restore(self, record: QueueRecord) -> None:
        """Have a dead letter handed out as a record. Raises `ReceiptLost` and other `ClientError`."""
        if await self._settle(record, self._restoring):
            self._stats.restored += 1

    async def extend_for_ever(self) -> None:
        """Extend the time of what is held, until cancelled."""
        timeout_s = self._queue.visibility_timeout_s
        async with asyncio.TaskGroup() as extensions:
            while True:
                await self._timing.sleep(timeout_s / EXTENSIONS_PER_TIMEOUT)
                now_s = self._timing.now_s()
                for held in self._held.values():
                    if held.until_s <= now_s + timeout_s / 2:
                        held.until_s = now_s + timeout_s  # not again while this extension is on its way
                        extensions.create_task(self._extend(held.record.receipt_handle))

    async def _extend(self, receipt: str) -> None:
        timeout_s = self._queue.visibility_timeout_s
        try:
            await self._changing.submit(receipt, timeout_s / 2, VisibilityTimeoutSeconds=timeout_s)
        except ClientError as error:
            if receipt in self._held:
                _log.warning("the visibility of a record cannot be extended: %s", error)
        else:
            self._stats.extensions += 1

    async def _settle(
        self,
        record: QueueRecord,
        batches: EntryBatches,
        patience_s: float = SETTLE_PATIENCE_S,
        **members: int,
    ) -> bool:
        """Whether it was not settled before."""
        if record.is_settled:
            return False
        record.is_settled = True
        try:
            await batches.submit(record.receipt_handle, patience_s, **members)
        except ReceiptLost:
            self._stats.lost_receipts += 1
            raise
        except BaseException:
            record.is_settled = False
            raise
        finally:
            self.let_go(record)
        return True
