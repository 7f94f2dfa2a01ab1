"""Worker processes for handlers that need more than one core.

The records of a batch are dealt out by partition key, so that those of one key are
handled in one process, in their order; a batch is done when every process is done with
its part. Records are sent as tuples; a handler must be importable by its name.

Rules:
- a process that dies takes nothing with it: its part counts as failed, and another
  process takes its place;
- what a handler raises there is told here, an exit with its code included; what cannot
  be sent is told in words;
- in a worker process there is no checkpointing by hand;
- Ctrl-C is the consumer's to act on: the processes end when it tells them to.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import signal
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from headwater.client.calls.errors import ClientError, ConfigurationError
from headwater.client.calls.record import Record
from headwater.client.calls.users_code import (
    Outcome,
    described,
    outcome_in_thread,
    outcome_of,
    outcome_of_whole,
)
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.handler_delivery import RecordFailed

Handler = Callable[[Batch], Any]

STOP_TIMEOUT_S = 10.0


class ProcessFailed(ClientError):
    """A worker process that died, or an error of its handler that cannot be sent."""


class HandlerProcesses:
    """The worker processes of one handler."""

    def __init__(self, handler: Handler, count: int) -> None:
        """Raises `ConfigurationError` for a handler that another process cannot import."""
        try:
            self._handler = pickle.dumps(handler)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigurationError(
                f"with processes the handler must be a function at the top of a module: {error}"
            ) from None
        self._context = multiprocessing.get_context("spawn")
        self._seats = [_Seat(self._context, self._handler) for _ in range(count)]
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="headwater-process")

    async def handle(self, batch: Batch) -> Outcome:
        """The outcome of a batch, when every process is done with its part.

        Of several errors it has one that asks for the program's end, or else the first. A `RecordFailed`
        becomes a `ProcessFailed`: other parts may hold records before that one which are not done.
        """
        parts: list[list[Record]] = [[] for _ in self._seats]
        for record in batch.records:
            parts[zlib.crc32(record.partition_key.encode()) % len(parts)].append(record)
        outcomes = await asyncio.gather(
            *(
                self._handle_part(seat, Batch(batch.shard_id, part, batch.millis_behind_latest))
                for seat, part in zip(self._seats, parts, strict=True)
                if part
            )
        )
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        return Outcome(error=min(errors, key=lambda error: not _is_exit(error), default=None))

    def close(self) -> None:
        """End the processes, when their handlers have returned."""
        self._threads.shutdown()
        for seat in self._seats:
            seat.close()

    async def _handle_part(self, seat: _Seat, part: Batch) -> Outcome:
        async with seat.in_use:
            outcome = await outcome_in_thread(self._threads, outcome_of, seat.handle, part)
        error = outcome.value if outcome.error is None else outcome.error
        if isinstance(error, RecordFailed):
            failed = ProcessFailed(str(error))
            failed.__cause__ = error
            return Outcome(error=failed)
        return Outcome(error=error)


def _is_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit | KeyboardInterrupt)


class _Seat:
    """A worker process, replaced when it dies."""

    def __init__(self, context: multiprocessing.context.SpawnContext, handler: bytes) -> None:
        self.in_use = asyncio.Lock()
        self._context = context
        self._handler = handler
        self._process: multiprocessing.process.BaseProcess | None = None
        self._exit_code: int | None = None
        self._pipe: Connection | None = None

    def handle(self, batch: Batch) -> BaseException | None:
        """The outcome of the handler in the process, or why it could not be called. Blocks."""
        try:
            pipe = self._ready()
            fields = [record.fields() for record in batch.records]
            pipe.send((batch.shard_id, batch.millis_behind_latest, fields))
            answer = pipe.recv_bytes()
        except (EOFError, OSError) as error:
            self.close()
            return ProcessFailed(
                f"a worker process died, with exit code {self._exit_code} ({type(error).__name__})"
            )
        return _read_answer(answer)

    def _ready(self) -> Connection:
        if self._pipe is None:
            ours, theirs = self._context.Pipe()
            process = self._context.Process(
                target=_work, args=(theirs, self._handler), name="headwater-handler", daemon=True
            )
            process.start()
            theirs.close()
            self._process, self._pipe = process, ours
        return self._pipe

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            self._process.join(STOP_TIMEOUT_S)
            if self._process.is_alive():
                self._process.kill()
            self._exit_code = self._process.exitcode
            self._process = None


def _work(pipe: Connection, pickled: bytes) -> None:
    """The main function of a process: batches in, nothing or an error out, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    handler: Handler = pickle.loads(pickled)  # noqa: S301 - from the consumer that started this process
    while True:
        try:
            shard_id, millis_behind_latest, fields = pipe.recv()
        except EOFError:
            return
        records = [Record.of(values) for values in fields]
        outcome = outcome_of_whole(handler, Batch(shard_id, records, millis_behind_latest))
        pipe.send_bytes(_answer(outcome.error))


def _answer(error: BaseException | None) -> bytes:
    """The pickled error of a handler; empty when it has none."""
    if error is None:
        return b""
    sent = outcome_of(pickle.dumps, error)
    if sent.error is None and _is_as_it_was(sent.value, error):
        return bytes(sent.value)
    if isinstance(error, SystemExit):
        return pickle.dumps(SystemExit(str(error.code)))  # which is what Python does with such a code
    return pickle.dumps(ProcessFailed(described(error)))


def _is_as_it_was(pickled: bytes, error: BaseException) -> bool:
    """Whether a pickled error can be read back as it was."""
    return type(outcome_of(pickle.loads, pickled).value) is type(error)


def _read_answer(answer: bytes) -> BaseException | None:
    if not answer:
        return None
    read = outcome_of(pickle.loads, answer)
    if isinstance(read.value, BaseException):
        return read.value
    reason = "it is no exception" if read.error is None else described(read.error)
    return ProcessFailed(f"what the handler raised cannot be read here: {reason}")
