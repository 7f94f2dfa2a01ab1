"""Giving records up: telling the on-failure destination, or at least the log.

Nothing is lost silently: what could not be told to a destination after a few attempts is
a line in the log, and is counted as dropped.
"""

from __future__ import annotations

from headwater.lambda_.functions.destination import DestinationFailed
from headwater.lambda_.functions.invocation import InvocationResult
from headwater.lambda_.mappings.event_counts import EventCounts
from headwater.lambda_.mappings.failure_policy import BatchAttempt, Condition
from headwater.lambda_.mappings.mapping import Mapping
from headwater.lambda_.mappings.on_failure import Discarded, write_message
from headwater.lambda_.mappings.poller_context import PollerContext
from headwater.lambda_.mappings.tumbling_window import WindowState
from headwater.lambda_.mappings.work_history import ERROR_SHOWN_MAX, GivenUpRecords
from headwater.model.arn import stream_arn

DELIVERY_ATTEMPTS = 3


class Discards:
    """The discards of one lane."""

    def __init__(self, context: PollerContext, mapping: Mapping, shard_id: str, counts: EventCounts) -> None:
        self._context = context
        self._mapping = mapping
        self._shard_id = shard_id
        self._counts = counts

    async def discard(
        self,
        condition: Condition,
        work: BatchAttempt,
        result: InvocationResult | None,
        event: bytes,
        window: WindowState | None,
    ) -> None:
        """Give up the records of `work`; without any, it is the end of `window` that failed."""
        discarded = self._described(condition, work, result, event, window)
        count = len(work.records)
        if self._mapping.on_failure_arn is None:
            self._counts.add("dropped", count)
            self._remember(discarded)
            self._log(discarded, "there is no on-failure destination")
            return
        now_ms = self._context.engine.now_ms()
        message = write_message(self._mapping, discarded, now_ms, self._context.new_uuid())
        failed = ""
        for _ in range(DELIVERY_ATTEMPTS):
            try:
                await self._context.sender.send(message)
            except DestinationFailed as error:
                failed = str(error)
            else:
                self._counts.add("on_failure_destination_delivered", count)
                self._remember(discarded, message.destination_arn)
                return
        self._remember(discarded)
        self._counts.add("dropped", count)
        self._log(discarded, f"and {message.destination_arn} could not be told: {failed}")

    def _described(
        self,
        condition: Condition,
        work: BatchAttempt,
        result: InvocationResult | None,
        event: bytes,
        window: WindowState | None,
    ) -> Discarded:
        if work.records:
            first, last = work.records[0], work.records[-1]
            ends = (first.sequence_number, last.sequence_number, first.arrival_ms, last.arrival_ms)
        elif window is not None:
            ends = (
                window.first_sequence_number,
                window.last_sequence_number,
                window.first_arrival_ms,
                window.last_arrival_ms,
            )
        else:
            ends = ("", "", 0, 0)
        return Discarded(
            condition,
            self._shard_id,
            stream_arn(self._mapping.stream),
            *ends,
            batch_size=len(work.records),
            invocations=work.invocations,
            result=result,
            event=event,
        )

    def _remember(self, discarded: Discarded, told_to: str = "") -> None:
        result = discarded.result
        said = (
            "" if result is None or result.function_error is None else result.payload.decode(errors="replace")
        )
        self._counts.history.given_up.append(
            GivenUpRecords(
                self._context.engine.now_ms(),
                discarded.shard_id,
                discarded.first_sequence_number,
                discarded.batch_size,
                discarded.condition,
                discarded.invocations,
                said[:ERROR_SHOWN_MAX],
                told_to,
            )
        )

    def _log(self, discarded: Discarded, why: str) -> None:
        self._context.log(
            "warning",
            f"mapping {self._mapping.uuid}: {discarded.batch_size} records of {discarded.stream_arn} "
            f"{self._shard_id} from {discarded.first_sequence_number} on are given up "
            f"({discarded.condition}), {why}",
        )
