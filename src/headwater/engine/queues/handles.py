"""What a receipt handle can still do, as SQS has it.

The latest handle of a record acknowledges it, even when its visibility has ended; an older one is answered
with success and does nothing; to change a visibility takes a record in flight. After a restart, which forgets
deliveries, any handle counts as the latest until the record is handed out.

Refuses to know how a record is handed out, and what is done with one that is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from headwater.engine.queues.handle_refusals import (
    GONE,
    INVALID_HANDLE,
    IS_DEAD,
    NOT_DEAD,
    NOT_IN_FLIGHT,
    WRONG_KIND,
    Outcome,
    RefusedHandle,
)
from headwater.engine.queues.log_runs import read_record, read_runs
from headwater.engine.queues.receipts import QueueReceipts, Receipt
from headwater.engine.queues.settling import Sentence, Settling, Verdict
from headwater.engine.queues.tracking import NOT_DELIVERED, TrackedRecord, Tracking
from headwater.storage.interface import Store

_TRIMMED_MS = -1
"""In place of the arrival of a record that the store has no more."""


class Handles:
    """Those of one queue."""

    def __init__(
        self,
        store: Store,
        tracking: Tracking,
        settling: Settling,
        receipts: QueueReceipts,
        horizon_ms: Callable[[], int],
    ) -> None:
        """`horizon_ms`: records that arrived before are past retention, or before the queue's start."""
        self._store = store
        self._tracking = tracking
        self._settling = settling
        self._receipts = receipts
        self._horizon_ms = horizon_ms

    async def none_received(self, handles: Iterable[str], *, is_dead: bool) -> None:
        """Wait while a commit is to say that a record of these was received, or hidden.

        Then it is also known when each of them arrived that another server has handed out. Raises
        `StoreUnavailable`.
        """
        found = [self.receipt(handle, is_dead=is_dead) for handle in handles]
        records = [self.tracked(receipt) for receipt in found if isinstance(receipt, Receipt)]
        while any(record and self._settling.verdict_on(record) == "receive" for record in records):
            await self._settling.settled_once()
        for record in records:
            if record is not None and record.arrival_ms is None:
                await self._learn_arrival(record)

    def in_flight(self, handle: str, *, is_dead: bool) -> TrackedRecord | RefusedHandle:
        """The record of a handle, if its visibility can be changed by it."""
        receipt = self.receipt(handle, is_dead=is_dead)
        if isinstance(receipt, RefusedHandle):
            return receipt
        record = self.tracked(receipt)
        if record is None:
            return GONE if self._is_over(receipt) else NOT_IN_FLIGHT
        if record.is_dead is not is_dead:
            return NOT_DEAD if is_dead else IS_DEAD
        if record.phase != "in flight" or record.delivery != receipt.delivery:
            return NOT_IN_FLIGHT
        return GONE if self.is_past_retention(record, self._horizon_ms()) else record

    def in_hand(self, handles: Sequence[str], *, is_dead: bool) -> list[TrackedRecord] | None:
        """The records, when every handle is the latest of one in flight: the usual call needs no more."""
        horizon_ms = self._horizon_ms()
        records = []
        for record in self._tracking.of_handles(handles):
            if record is None or record.is_dead is not is_dead:
                return None
            if (record.arrival_ms or 0) < horizon_ms and self.is_past_retention(record, horizon_ms):
                return None
            records.append(record)
        return records

    async def find_out(self, receipt: Receipt) -> None:
        """Read what is not known of a record since a restart: whether it waits, and when it arrived."""
        record = self.tracked(receipt) or await self._waiting(receipt)
        if record is not None and record.arrival_ms is None:
            await self._learn_arrival(record)

    def is_settled_otherwise(self, receipt: Receipt, verdict: Verdict) -> bool:
        """Whether a commit is to make something else of the record."""
        record = self.tracked(receipt)
        return record is not None and self._settling.verdict_on(record) not in (None, verdict)

    def judge(self, record: TrackedRecord | None, receipt: Receipt, verdict: Verdict) -> Sentence | Outcome:
        """What a handle does: it settles a record, or nothing, or is refused."""
        if record is None or self.is_past_retention(record, self._horizon_ms()):
            return GONE if verdict == "restore" else None
        if record.is_dead is not receipt.is_dead:
            if verdict == "restore":
                return NOT_DEAD
            return None if receipt.is_dead else IS_DEAD
        if record.delivery not in (NOT_DELIVERED, receipt.delivery):
            return NOT_IN_FLIGHT if verdict == "restore" else None
        return Sentence(verdict)

    def receipt(self, handle: str, *, is_dead: bool) -> Receipt | RefusedHandle:
        """What a handle says, if it is one of this queue and of this kind."""
        receipt = self._receipts.read(handle)
        if receipt is None:
            return INVALID_HANDLE
        return receipt if receipt.is_dead is is_dead else WRONG_KIND[is_dead]

    def tracked(self, receipt: Receipt) -> TrackedRecord | None:
        """The record of a receipt, while it is tracked."""
        shard = self._tracking.shards.get(receipt.log_id)
        return None if shard is None else shard.records.get(receipt.position)

    def _is_over(self, receipt: Receipt) -> bool:
        """Whether a record that is not tracked waits no more either."""
        shard = self._tracking.shards.get(receipt.log_id)
        return shard is None or receipt.position < shard.cursor or shard.progress.is_done(receipt.position)

    async def _waiting(self, receipt: Receipt) -> TrackedRecord | None:
        """A record that was handed out before a restart, and not since; it is tracked from now on."""
        if receipt.is_dead or self._is_over(receipt):
            return None
        runs = await read_runs(self._store, receipt.log_id, receipt.position, 1, 1)
        tracked = self.tracked(receipt)
        if tracked is not None or self._is_over(receipt):
            return tracked
        if not runs or runs[0].position != receipt.position:
            return None
        record = self._tracking.shards[receipt.log_id].track(receipt.position, runs[0].time_ms)
        self._tracking.show(record)
        return record

    async def _learn_arrival(self, record: TrackedRecord) -> None:
        """Of a dead letter from before a restart, or another server's: whether it is past retention."""
        run, is_known = await read_record(self._store, record.shard.log_id, record.position, 1)
        if run is not None or is_known:
            record.arrival_ms = _TRIMMED_MS if run is None else run.time_ms

    def is_past_retention(self, record: TrackedRecord, horizon_ms: int) -> bool:
        """Whether it is handed out and restored no more; `horizon_ms`: what arrived before is not."""
        if record.arrival_ms is not None:
            return record.arrival_ms < horizon_ms
        extent = self._store.extent(record.shard.log_id)
        return extent is None or record.position < extent.first
