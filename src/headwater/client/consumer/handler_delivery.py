"""Giving batches to a handler, and what happens when it fails.

Rules:
- a batch is done when the handler has returned;
- a handler that raised gets the same batch again, later each time. `RecordFailed` says
  that what is before one record is done, so that only the rest comes again;
- after so many failures on the same record or batch the consumer stops, or goes on
  behind it: what is given up then goes to the dead letters first, and waits for as long
  as these cannot take it;
- a turn that ends while a handler waits for its next try leaves the batch undone, and so
  does one whose shard may have gone to another worker meanwhile.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import ClientError
from headwater.client.calls.record import Record
from headwater.client.calls.timing import Timing
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.delivery import BatchContext

logger = logging.getLogger("headwater.client")

Handle = Callable[[Batch], Awaitable[Any]]
DeadLetters = Callable[[list[Record], Exception], Any]
"""Takes what is given up, and the last error; plain or async."""

RETRY_FIRST_S = 0.1
RETRY_MOST_S = 30.0


class RecordFailed(Exception):
    """For handlers to raise: a record failed, and all before it in the batch are done."""

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
    """A handler failed too often, and the consumer was told to stop then. The cause is its last error."""


@dataclass(frozen=True, slots=True)
class ErrorSettings:
    """What to do when a handler raises."""

    retries: int | None = 3
    """How often it gets the same batch again; None for ever."""
    on_failure: Literal["stop", "skip"] | DeadLetters = "stop"


class HandlerDelivery:
    """Has batches handled. A `Delivery`."""

    def __init__(self, handle: Handle, rules: ErrorSettings, timing: Timing) -> None:
        self._handle = handle
        self._rules = rules
        self._timing = timing

    async def deliver(self, batch: Batch, turn: BatchContext) -> int:
        """Have a batch handled; see `Delivery`."""
        done, tries = 0, 0
        backoff = Backoff(RETRY_FIRST_S, RETRY_MOST_S, self._timing.rng)
        records = batch.records
        while done < len(records):
            rest = Batch(batch.shard_id, records[done:], batch.millis_behind_latest)
            try:
                await self._handle(rest)
            except Exception as error:  # noqa: BLE001 - an application's handler raises anything
                turn.stats.handler_errors += 1
                failed_at = _failed_at(error, rest)
                if failed_at:
                    done += failed_at
                    tries = 0
                    turn.progress(done)
                    backoff.reset()
                logger.warning("the handler failed on %s: %r", batch.shard_id, error)
                if self._rules.retries is not None and tries >= self._rules.retries:
                    given_up = records[done : done + 1] if failed_at is not None else records[done:]
                    if not await self._give_up(given_up, error, turn):
                        return done
                    done += len(given_up)
                    tries = 0
                    backoff.reset()
                    continue
                tries += 1
                if await self._ends_within(backoff.delay_s(), turn) or not turn.is_fresh:
                    return done
            else:
                return len(records)
        return done

    async def _give_up(self, records: list[Record], error: Exception, turn: BatchContext) -> bool:
        """Whether the records are out of the way."""
        on_failure = self._rules.on_failure
        if on_failure == "stop":
            raise HandlerFailed(
                f"the handler failed on {len(records)} records of {turn.stats.shard_id}, the first of them "
                f"{records[0].sequence_number}: {error!r}"
            ) from error
        backoff = Backoff(RETRY_FIRST_S, RETRY_MOST_S, self._timing.rng)
        while callable(on_failure):
            try:
                outcome = on_failure(records, error)
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception as refusal:  # noqa: BLE001 - an application's dead letters raise anything
                logger.warning("the dead letters of %s were refused: %r", turn.stats.shard_id, refusal)
                if await self._ends_within(backoff.delay_s(), turn):
                    return False
            else:
                break
        turn.stats.skipped_records += len(records)
        return True

    async def _ends_within(self, delay_s: float, turn: BatchContext) -> bool:
        """Wait, unless the turn ends meanwhile."""
        pause = asyncio.ensure_future(self._timing.sleep(delay_s))
        ending = asyncio.ensure_future(turn.ending())
        try:
            await asyncio.wait({pause, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            ending.cancel()
        return turn.is_ending


def _failed_at(error: Exception, batch: Batch) -> int | None:
    """Which record of the batch failed, if the handler said so."""
    if isinstance(error, RecordFailed):
        for index, record in enumerate(batch.records):
            if (record.sequence_number, record.sub_sequence_number) == (
                error.sequence_number,
                error.sub_sequence_number,
            ):
                return index
    return None
