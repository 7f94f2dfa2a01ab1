"""Handlers in processes of their own, for work that needs more than one core.

The records of a batch are dealt out by partition key, so that those of one key are
handled in one process, in their order; a batch is done when every process is done with
its part. Records are sent as tuples; a handler must be importable by its name.

Rules:
- a process that dies takes nothing with it: its part counts as failed, and another
  process takes its place;
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
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.handler_delivery import RecordFailed

Handler = Callable[[Batch], Any]

STOP_TIMEOUT_S = 10.0


class ProcessFailed(ClientError):
    """A worker process died, or what its handler raised cannot be sent."""


class HandlerProcesses:
    """A number of processes with one handler."""

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

    async def handle(self, batch: Batch) -> None:
        """Return when every process is done with its part.

        Raises `RecordFailed` for the first record that is not done, as far as that can be told,
        or what a handler raised.
        """
        parts: list[list[Record]] = [[] for _ in self._seats]
        for record in batch.records:
            parts[zlib.crc32(record.partition_key.encode()) % len(parts)].append(record)
        outcomes = await asyncio.gather(
            *(
                self._handle_part(seat, Batch(batch.shard_id, part, batch.millis_behind_latest))
                for seat, part in zip(self._seats, parts, strict=True)
                if part
            ),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def close(self) -> None:
        """End the processes, when their handlers have returned."""
        self._threads.shutdown()
        for seat in self._seats:
            seat.close()

    async def _handle_part(self, seat: _Seat, part: Batch) -> None:
        async with seat.in_use:
            loop = asyncio.get_running_loop()
            error = await loop.run_in_executor(self._threads, seat.handle, part)
        if isinstance(error, RecordFailed):
            # Other parts may hold records before this one which are not done: the whole batch comes again.
            raise ProcessFailed(str(error)) from error
        if error is not None:
            raise error


class _Seat:
    """One process, and the next one when it dies."""

    def __init__(self, context: multiprocessing.context.SpawnContext, handler: bytes) -> None:
        self.in_use = asyncio.Lock()
        self._context = context
        self._handler = handler
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def handle(self, batch: Batch) -> Exception | None:
        """What the handler raised, or why it could not be called. Blocks."""
        try:
            pipe = self._ready()
            fields = [record.fields() for record in batch.records]
            pipe.send((batch.shard_id, batch.millis_behind_latest, fields))
            answer = pipe.recv()
        except (EOFError, OSError) as error:
            code = None if self._process is None else self._process.exitcode
            self.close()
            return ProcessFailed(f"a worker process died, with exit code {code} ({type(error).__name__})")
        return answer if isinstance(answer, Exception) else None

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
            self._process = None


def _work(pipe: Connection, pickled: bytes) -> None:
    """The life of a process: batches in, nothing or an error out, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    handler: Handler = pickle.loads(pickled)  # noqa: S301 - from the consumer that started this process
    while True:
        try:
            shard_id, millis_behind_latest, fields = pipe.recv()
        except EOFError:
            return
        records = [Record.of(values) for values in fields]
        answer: Exception | None = None
        try:
            outcome = handler(Batch(shard_id, records, millis_behind_latest))
            if asyncio.iscoroutine(outcome):
                asyncio.run(outcome)
        except Exception as error:  # noqa: BLE001 - an application's handler raises anything
            answer = error
        _answer(pipe, answer)


def _answer(pipe: Connection, answer: Exception | None) -> None:
    try:
        pickle.loads(pickle.dumps(answer))  # noqa: S301 - its own: whether the other side will be able to
    except Exception:  # noqa: BLE001 - pickling an unknown class raises anything
        answer = ProcessFailed(repr(answer))
    pipe.send(answer)
