"""Worker processes for handlers that need more than one core.

The records of a batch are dealt out by partition key, so that those of one key are
handled in one process, in their order; a batch is done when every process is done with
its part. In a worker process there is no checkpointing by hand.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headwater.client.calls.handler_process import HandlerProcess, ProcessFailed
from headwater.client.calls.record import Record
from headwater.client.calls.users_code import Outcome, outcome_in_thread, outcome_of
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.handler_delivery import RecordFailed

Handler = Callable[[Batch], Any]


class HandlerProcesses:
    """The worker processes of one handler."""

    def __init__(self, handler: Handler, count: int) -> None:
        """Raises `ConfigurationError` for a handler that another process cannot import."""
        self._processes = [HandlerProcess(handler, _batch_of) for _ in range(count)]
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="headwater-process")

    async def handle(self, batch: Batch) -> Outcome:
        """The outcome of a batch, when every process is done with its part.

        Of several errors it has one that asks for the program's end, or else the first. A `RecordFailed`
        becomes a `ProcessFailed`: other parts may hold records before that one which are not done.
        """
        parts: list[list[Record]] = [[] for _ in self._processes]
        for record in batch.records:
            parts[zlib.crc32(record.partition_key.encode()) % len(parts)].append(record)
        outcomes = await asyncio.gather(
            *(
                self._handle_part(process, Batch(batch.shard_id, part, batch.millis_behind_latest))
                for process, part in zip(self._processes, parts, strict=True)
                if part
            )
        )
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        return Outcome(error=min(errors, key=lambda error: not _is_exit(error), default=None))

    def close(self) -> None:
        """End the processes, when their handlers have returned."""
        self._threads.shutdown()
        for process in self._processes:
            process.close()

    async def _handle_part(self, process: HandlerProcess, part: Batch) -> Outcome:
        async with process.in_use:
            outcome = await outcome_in_thread(self._threads, outcome_of, process.handle, _fields_of(part))
        error = outcome.value if outcome.error is None else outcome.error
        if isinstance(error, RecordFailed):
            failed = ProcessFailed(str(error))
            failed.__cause__ = error
            return Outcome(error=failed)
        return Outcome(error=error)


def _is_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit | KeyboardInterrupt)


def _fields_of(batch: Batch) -> tuple[Any, ...]:
    """A batch as plain values: a record's checkpointer stays in this process."""
    return batch.shard_id, batch.millis_behind_latest, [record.fields() for record in batch.records]


def _batch_of(fields: tuple[Any, ...]) -> Batch:
    shard_id, millis_behind_latest, records = fields
    return Batch(shard_id, [Record.of(values) for values in records], millis_behind_latest)
