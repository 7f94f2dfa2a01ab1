"""The delivery of batches to a handler, with retries and dead letters.

Rules:
- a batch is done when the handler has returned;
- a handler that raised gets the same batch again, later each time. `RecordFailed` says
  that what is before one record is done, so that only the rest comes again;
- after `retries` more failures on the same record or batch the consumer stops, or goes on
  behind it: what is given up then goes to the dead letters first, and waits for as long
  as these cannot take it;
- what a handler raises is an error whatever its class; only SystemExit and
  KeyboardInterrupt end the consumer (`users_code`);
- a turn that ends while a handler waits for its next try leaves the batch undone, and so
  does one whose shard may have gone to another worker meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import ClientError
from headwater.client.calls.record import Record
from headwater.client.calls.timing import Timing
from headwater.client.calls.users_code import Call, Outcome, described, outcome_of_either
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.delivery import BatchContext

_log = logging.getLogger("headwater.client")

Handle = Callable[[Batch], Awaitable[Outcome]]
"""A function that has users' code handle a batch."""
DeadLetters = Callable[[list[Record], Any], Any]
"""A function for records that are given up, and the last error of the handler; plain or async."""


class RecordFailed(Exception):
    """An error for handlers to raise: this record failed, and all before it in the batch are done."""

    def __init__(self, record: Record, reason: object = "") -> None:
        super().__init__(str(reason))
        self.sequence_number = record.sequence_number
        self.sub_sequence_number = record.sub_sequence_number

    def __reduce__(self) -> tuple[Any, ...]:
        stand_in = Record(
            data=b"", sequence_number=self.sequence_number, sub_sequence_number=self.sub_sequence_number
        )
        return type(self), (stand_in, str(self))


class HandlerFailed(ClientError):
    """A handler that failed after all retries, with `on_failure="stop"`. The cause is its last error."""


@dataclass(frozen=True, slots=True)
class ErrorSettings:
    """The settings for errors of a handler."""

    retries: int | None = 3
    """The number of retries of a batch; None: without end."""
    on_failure: Literal["stop", "skip"] | DeadLetters = "stop"


class HandlerDelivery:
    """The delivery to a handler: a `Delivery`."""

    def __init__(self, handle: Handle, call: Call, settings: ErrorSettings, timing: Timing) -> None:
        """`call` calls a plain function that takes dead letters."""
        self._handle = handle
        self._call = call
        self._settings = settings
        self._timing = timing

    async def deliver(self, batch: Batch, turn: BatchContext) -> int:
        """Have a batch handled; see `Delivery`."""
        done, tries = 0, 0
        backoff = Backoff("handler", self._timing.rng)
        records = batch.records
        while done < len(records):
            # 1. Have the rest of the batch handled.
            rest = Batch(batch.shard_id, records[done:], batch.millis_behind_latest)
            error = (await self._handle(rest)).failure
            if error is None:
                return len(records)
            # 2. Count what the handler said is done: a failure further on has its own retries.
            turn.stats.handler_errors += 1
            failed_at = _failed_at(error, rest)
            if failed_at:
                done += failed_at
                tries = 0
                turn.progress(done)
                backoff.reset()
            _log.warning("the handler failed on %s: %s", batch.shard_id, described(error))
            # 3. After the last retry give up the record that failed, or the whole rest.
            if self._settings.retries is not None and tries >= self._settings.retries:
                given_up = records[done : done + 1] if failed_at is not None else records[done:]
                if not await self._give_up(given_up, error, turn):
                    return done
                done += len(given_up)
                tries = 0
                backoff.reset()
                continue
            # 4. Else wait, and retry unless the shard is no longer this worker's to read.
            tries += 1
            if await self._ends_within(backoff.delay_s(), turn) or not turn.is_fresh:
                return done
        return done

    async def _give_up(self, records: list[Record], error: BaseException, turn: BatchContext) -> bool:
        """Give records up; whether they are out of the way."""
        on_failure = self._settings.on_failure
        if on_failure == "stop":
            raise HandlerFailed(
                f"the handler failed on {len(records)} records of {turn.stats.shard_id}, the first of them "
                f"{records[0].sequence_number}: {described(error)}"
            ) from error
        backoff = Backoff("dead letters", self._timing.rng)
        while callable(on_failure):
            refusal = (await outcome_of_either(self._call, on_failure, records, error)).failure
            if refusal is None:
                break
            _log.warning("the dead letters of %s were refused: %s", turn.stats.shard_id, described(refusal))
            if await self._ends_within(backoff.delay_s(), turn):
                return False
        turn.stats.skipped_records += len(records)
        return True

    async def _ends_within(self, delay_s: float, turn: BatchContext) -> bool:
        """Wait; whether the shard is ending meanwhile."""
        pause = asyncio.ensure_future(self._timing.sleep(delay_s))
        ending = asyncio.ensure_future(turn.ending())
        try:
            await asyncio.wait({pause, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            ending.cancel()
        return turn.is_ending


def _failed_at(error: BaseException, batch: Batch) -> int | None:
    """The record of the batch that failed, if the handler said so."""
    if isinstance(error, RecordFailed):
        for index, record in enumerate(batch.records):
            if (record.sequence_number, record.sub_sequence_number) == (
                error.sequence_number,
                error.sub_sequence_number,
            ):
                return index
    return None
