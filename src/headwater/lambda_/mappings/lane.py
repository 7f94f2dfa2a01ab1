"""One lane of a shard: records in order, one batch at a time.

A shard has as many lanes as `ParallelizationFactor` says; records of one partition key
are all in the same lane, so their order is kept.

Rules:
- a batch that failed is tried again, as a whole or in parts, before anything that came
  after it: a lane stands still behind a failure, its neighbours do not;
- what is given up goes to the on-failure destination before the lane goes on;
- all that a lane knows about time comes from the engine's clock.

`batching`, `failure_policy` and `tumbling_window` have the rules by which it decides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import takewhile
from typing import Protocol

import msgspec

from headwater.lambda_.functions.function import function_id_of
from headwater.lambda_.functions.invocation import (
    FunctionNotFound,
    FunctionReference,
    InvocationRefused,
    InvocationResult,
)
from headwater.lambda_.functions.metrics import MetricTarget
from headwater.lambda_.mappings.batching import PAYLOAD_BYTES_MAX, Gathered, is_too_large, plan_batch
from headwater.lambda_.mappings.discards import Discards
from headwater.lambda_.mappings.event_counts import EventCounts
from headwater.lambda_.mappings.failure_policy import (
    BatchAttempt,
    Condition,
    Failure,
    backoff_ms,
    count_too_old,
    decide,
    judge,
)
from headwater.lambda_.mappings.kinesis_event import EventRecord, write_event
from headwater.lambda_.mappings.mapping import FUNCTION_FAILED, PROCESSED, Mapping
from headwater.lambda_.mappings.pipe_invoker import is_pipe
from headwater.lambda_.mappings.poller_context import PollerContext
from headwater.lambda_.mappings.store import LaneProgress
from headwater.lambda_.mappings.tumbling_window import (
    END_GRACE_MS,
    STATE_BYTES_MAX,
    WindowState,
    returned_state,
    window_start_ms,
    write_members,
)
from headwater.model.caller import Caller

FUNCTION_GONE = "PROBLEM: Function not found"
NOT_INVOKED = "PROBLEM: Function could not be invoked"
LOOK_AGAIN_MS = 100
"""After it was not sure that no other server runs the mapping."""


class LaneShard(Protocol):
    """The shard of a lane: what its poller knows of it, and is told."""

    def retention_ms(self) -> int:
        """How long the stream keeps records; 0 when it is gone."""

    def is_caught_up(self) -> bool:
        """Whether all records of the shard have been read."""

    def lane_advanced(self) -> None:
        """Take note of a step of the lane: its progress, and its room."""

    def report(self, text: str) -> None:
        """Show the result of the last invocation, as LastProcessingResult."""


class Lane:
    """See the module's text."""

    def __init__(
        self,
        context: PollerContext,
        mapping: Mapping,
        shard: LaneShard,
        shard_id: str,
        progress: LaneProgress,
        counts: EventCounts,
    ) -> None:
        self._context = context
        self._mapping = mapping
        self._shard = shard
        self._shard_id = shard_id
        self._start = progress.position
        self._window = progress.window
        self._counts = counts
        self._discards = Discards(context, mapping, shard_id, counts)
        # Records, and what is done with them:
        self._waiting: deque[EventRecord] = deque()
        self._waiting_since_ms = 0
        self.waiting_bytes = 0
        """The bytes of records that wait for their first invocation."""
        self._works: deque[BatchAttempt] = deque()
        """Batches to be tried again, before any record that waits."""
        self._current: BatchAttempt | None = None
        # What the reader has told:
        self._read_to = progress.position
        self._ended = False
        """The reader has reached the end of the shard."""
        self._more_follows = False
        """The reader has more at once: a batch that is not full waits for it."""
        # The tumbling window:
        self._is_early = False
        """The window ends before its time, because its state has grown too large."""
        # Times:
        self._refusals = 0
        """Invocations in a row that were refused or failed."""
        self._not_before_ms = 0
        """No batch is tried again before."""
        self._look_again_ms: int | None = None
        """When a batch or a window may be due."""
        self._stopping = False
        self._wake = asyncio.Event()
        self._end_early()  # as the lane was about to, when its server ended

    @property
    def waiting_count(self) -> int:
        """How many records wait for their first invocation."""
        return len(self._waiting)

    @property
    def is_done(self) -> bool:
        """Whether the shard has ended and all that the lane got of it is done."""
        is_idle = self._current is None and not self._works and not self._waiting
        return self._ended and is_idle and self._window is None

    @property
    def progress(self) -> LaneProgress:
        """How far the lane is."""
        first = self._current or (self._works[0] if self._works else None)
        if first is not None and first.records:
            return LaneProgress(first.records[0].position, self._window)
        return LaneProgress(self._waiting[0].position if self._waiting else self._read_to, self._window)

    def offer(self, record: EventRecord) -> None:
        """Take the shard's next record of this lane, unless it was done before a restart."""
        if record.position < self._start:
            return
        if not self._waiting:
            self._waiting_since_ms = self._context.engine.now_ms()
        self._waiting.append(record)
        self.waiting_bytes += len(record.text)

    def advance(self, position: int, *, ended: bool, more_follows: bool = False) -> None:
        """Everything before `position` has been offered.

        `ended`: there will be nothing more. `more_follows`: the next page is being read, so a batch that
        is not full need not go yet.
        """
        self._more_follows = more_follows
        self._read_to = max(position, self._start)
        self._ended = ended
        self._wake.set()

    def stop(self) -> None:
        """Let `run` end once the invocation that is under way has ended."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until the shard has ended and everything is done, or until `stop`."""
        while not self._stopping:
            self._wake.clear()
            self._look_again_ms = None
            work = self._next_work()
            if work is not None:
                self._current = work
                try:
                    with self._counts.history.batch():
                        await self._do(work)
                finally:
                    self._current = None
                self._shard.lane_advanced()
            elif self.is_done:
                return
            else:
                await self._rest()

    async def _rest(self) -> None:
        cancel = None
        if self._look_again_ms is not None:
            cancel = self._context.alarms.set(self._look_again_ms, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if cancel is not None:
                cancel()

    # Choosing what to do

    def _next_work(self) -> BatchAttempt | None:
        now_ms = self._context.engine.now_ms()
        if not self._context.may_act():
            self._look_again_ms = now_ms + LOOK_AGAIN_MS
            return None
        if self._works:
            if now_ms < self._not_before_ms:
                self._look_again_ms = self._not_before_ms
                return None
            return self._works.popleft()
        if self._mapping.tumbling_window_s:
            return self._next_in_window(now_ms)
        return self._next_batch(len(self._waiting), now_ms, is_closed=self._ended)

    def _next_batch(
        self, count: int, now_ms: int, *, is_closed: bool, members_bytes: int = 0
    ) -> BatchAttempt | None:
        """The batch that the first `count` waiting records make, if one is due."""
        sizes = (len(self._waiting[index].text) for index in range(count))
        gathered = Gathered(sizes, count, self.waiting_bytes, self._waiting_since_ms, is_closed)
        mapping = self._mapping
        window_ms = mapping.batching_window_s * 1000
        may_grow = count < mapping.batch_size and self.waiting_bytes < PAYLOAD_BYTES_MAX
        if self._more_follows and may_grow and not is_closed:
            return None
        plan = plan_batch(gathered, mapping.batch_size, window_ms, now_ms, members_bytes)
        if plan.size == 0:
            self._look_again_ms = plan.look_again_ms if count else self._look_again_ms
            return None
        records = tuple(self._waiting.popleft() for _ in range(plan.size))
        self.waiting_bytes -= sum(len(record.text) for record in records)
        self._waiting_since_ms = now_ms
        return BatchAttempt(records)

    def _next_in_window(self, now_ms: int) -> BatchAttempt | None:
        """A batch of the open window, or, when it has ended, the work without records that closes it."""
        length_s = self._mapping.tumbling_window_s
        # 1. Without an open window the first waiting record opens one.
        if self._window is None:
            if not self._waiting:
                return None
            self._open_window(self._waiting[0].arrival_ms)
            assert self._window is not None
        end_ms = self._window.start_ms + length_s * 1000
        # 2. Which of the waiting records belong to it, and can more of them come?
        inside = self._count_before(end_ms)
        is_over = now_ms >= end_ms + END_GRACE_MS and self._shard.is_caught_up()
        is_closed = inside < len(self._waiting) or self._ended or is_over
        # 3. Those make batches; a closed window need not wait for a full one.
        if inside:
            members = self._members(is_final=False)
            return self._next_batch(inside, now_ms, is_closed=is_closed, members_bytes=len(members) + 1)
        # 4. When all are handled, an invocation without records closes it.
        if is_closed:
            return BatchAttempt(())
        self._look_again_ms = end_ms + END_GRACE_MS
        return None

    def _count_before(self, end_ms: int) -> int:
        """How many of the waiting records arrived before then: the first ones."""
        if not self._waiting or self._waiting[-1].arrival_ms < end_ms:
            return len(self._waiting)
        return sum(1 for _ in takewhile(lambda record: record.arrival_ms < end_ms, self._waiting))

    def _open_window(self, arrival_ms: int) -> None:
        """Begin the window of a record that arrived then, unless one is open or there are none."""
        if self._window is None and self._mapping.tumbling_window_s:
            self._window = WindowState(window_start_ms(arrival_ms, self._mapping.tumbling_window_s))

    def _members(self, *, is_final: bool) -> bytes:
        mapping = self._mapping
        if self._window is None:
            return b""
        return write_members(
            self._window,
            mapping.tumbling_window_s,
            self._shard_id,
            mapping.event_source_arn,
            is_final=is_final,
            is_early=self._is_early,
        )

    # Doing it

    async def _do(self, work: BatchAttempt) -> None:
        # 1. The first record of a window opens it.
        if work.records:
            self._open_window(work.records[0].arrival_ms)
        members = self._members(is_final=not work.records)
        # 2. Records that are too old are given up before they are handed over.
        kept = await self._drop_too_old(work, members)
        if kept is None:
            return
        self._current = work = kept
        event = write_event(work.records, members)
        # 3. So is a record that no event can hold.
        if len(work.records) == 1 and is_too_large(len(work.records[0].text), len(members) + 1):
            # No attempt could succeed: as with attempts that are used up, the records are given up.
            await self._give_up("RetryAttemptsExhausted", work, None, event)
            return
        # 4. The function is asked; without an answer (the mapping stops) all stays as it was.
        result = await self._invoke(work, event)
        if result is None:
            return
        # 5. The answer decides: done, and the window has a new state; or what `failure_policy` says.
        failure = self._failure_of(work, result)
        if failure is None:
            self._refusals = 0
            self._shard.report(PROCESSED)
            self._take_state(work, len(work.records), result)
        else:
            await self._fail(work, failure, result, event)

    async def _drop_too_old(self, work: BatchAttempt, members: bytes) -> BatchAttempt | None:
        """The rest of a batch, after its records that are too old have been given up."""
        age_s = self._mapping.maximum_record_age_s
        age_ms = min(self._shard.retention_ms(), age_s * 1000 if age_s >= 0 else self._shard.retention_ms())
        oldest_ms = self._context.engine.now_ms() - age_ms
        if not work.records:
            window = self._window
            if window is None or not window.last_sequence_number or window.last_arrival_ms >= oldest_ms:
                return work
            event = write_event((), members)
            if await self._give_up("RecordAgeExceeded", work, None, event):
                self._close_window()
            return None
        count = count_too_old(work.records, oldest_ms)
        if count == 0:
            return work
        gone = work._replace(records=work.records[:count])
        event = write_event(gone.records, members)
        if not await self._give_up("RecordAgeExceeded", gone, None, event):
            return None
        rest = work.records[count:]
        return work._replace(records=rest) if rest else None

    async def _invoke(self, work: BatchAttempt, event: bytes) -> InvocationResult | None:
        """The function's answer; `None` when it was not reached, and the batch will be tried again."""
        mapping, invoker = self._mapping, self._context.invoker
        try:
            function = invoker.resolve(Caller(mapping.account_id, mapping.region), mapping.function_arn)
            self._tell_sent(function, work)
            return await invoker.invoke(function, event, self._context.may_act)
        except FunctionNotFound:
            self._shard.report(FUNCTION_GONE)
        except InvocationRefused:
            self._shard.report(NOT_INVOKED)
        except Exception as error:  # noqa: BLE001 - a fault of the invoker must not end the lane
            self._context.log("error", f"mapping {mapping.uuid}: a fault while invoking: {error!r}")
            self._shard.report(NOT_INVOKED)
        self._counts.add("failed_invoke", len(work.records))
        self._works.appendleft(work)
        self._back_off()
        return None

    def _tell_sent(self, function: FunctionReference, work: BatchAttempt) -> None:
        self._counts.add("invoked", len(work.records))
        if work.records and not is_pipe(function.arn):
            age_ms = max(0, self._context.engine.now_ms() - work.records[-1].arrival_ms)
            self._context.metrics.sent(MetricTarget(function_id_of(function.arn), function.qualifier), age_ms)

    def _failure_of(self, work: BatchAttempt, result: InvocationResult) -> Failure | None:
        numbers = [record.sequence_number for record in work.records]
        failure = judge(result, numbers, reports=self._mapping.reports_item_failures and bool(work.records))
        if failure is None and self._mapping.tumbling_window_s and work.records:
            return None if returned_state(result) is not None else Failure(0, is_partial=False)
        return failure

    async def _fail(
        self, work: BatchAttempt, failure: Failure, result: InvocationResult, event: bytes
    ) -> None:
        self._shard.report(FUNCTION_FAILED)
        self._counts.add("failed_invoke", len(work.records) - failure.first_failed)
        decision = decide(work, failure, self._mapping)
        self._works.extendleft(reversed(decision.again))
        if failure.first_failed:
            self._take_state(work, failure.first_failed, result)
        if decision.again:
            self._back_off()
            return
        self._refusals = 0
        self._current = gone = decision.discarded or work
        if failure.first_failed:
            event = write_event(gone.records, self._members(is_final=False))
        if await self._give_up("RetryAttemptsExhausted", gone, result, event) and not work.records:
            self._close_window()

    async def _give_up(
        self, condition: Condition, work: BatchAttempt, result: InvocationResult | None, event: bytes
    ) -> bool:
        """Give up records as soon as that is surely this server's to do.

        No, if it is told to stop before: another one may have done them meanwhile, and they stay.
        """
        while not self._context.may_act():
            if self._stopping:
                self._works.appendleft(work)
                return False
            self._wake.clear()
            self._look_again_ms = self._context.engine.now_ms() + LOOK_AGAIN_MS
            await self._rest()
        await self._discards.discard(condition, work, result, event, self._window)
        return True

    def _take_state(self, work: BatchAttempt, done_count: int, result: InvocationResult) -> None:
        """The first records of the work are done: keep the state that came back, if there is a window."""
        window = self._window
        if window is None:
            return
        if not work.records:
            self._close_window()
            return
        first, last = work.records[0], work.records[done_count - 1]
        state = returned_state(result) or window.state
        self._window = msgspec.structs.replace(
            window,
            state=state,
            first_sequence_number=window.first_sequence_number or first.sequence_number,
            first_arrival_ms=window.first_arrival_ms or first.arrival_ms,
            last_sequence_number=last.sequence_number,
            last_arrival_ms=last.arrival_ms,
        )
        self._end_early()

    def _end_early(self) -> None:
        """End the window before its time, if its state has grown too large."""
        if self._window is not None and len(self._window.state) > STATE_BYTES_MAX:
            self._is_early = True
            self._works.appendleft(BatchAttempt(()))

    def _close_window(self) -> None:
        self._window, self._is_early = None, False

    def _back_off(self) -> None:
        self._refusals += 1
        delay_ms = backoff_ms(self._refusals, self._context.retry_delay_ms)
        self._not_before_ms = self._context.engine.now_ms() + delay_ms
