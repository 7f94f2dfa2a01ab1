"""A queue consumer's life on its event loop: both faces, plain and asyncio, are thin covers of this.

Rules:
- a record whose handler returned is acknowledged; one whose handler raised is given back,
  for longer each time that it was received; what a handler raises is an error whatever
  its class, and only SystemExit and KeyboardInterrupt end the consumer;
- stopped, it receives no more, gives back what no handler has begun, and returns when
  the handlers in hand are done and their records are settled.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.errors import ClientError, ConfigurationError, is_transient
from headwater.client.calls.retry import retry
from headwater.client.calls.timing import Timing
from headwater.client.calls.tracing_setting import tracer_for
from headwater.client.calls.users_code import Outcome, ProgramExit, described, translated
from headwater.client.queues.held_records import HeldRecords, OpenQueue
from headwater.client.queues.queue_calls import OPERATIONS, QueueCalls
from headwater.client.queues.queue_record import QueueRecord, RecordHolder
from headwater.client.queues.receiving import STATUS_POLL_S, Places, Receiver
from headwater.client.queues.settings import QueueConsumerSettings
from headwater.client.queues.stats import QueueConsumerStats

START_PATIENCE_S = 30.0
END_PATIENCE_S = 5.0
"""For giving back what is left when the consumer ends."""
PASSING_STATUSES = ("CREATING", "UPDATING")
VISIBILITY_DEFAULT_S = 30
"""For a queue whose own is 0: its records could not be held."""

_log = logging.getLogger("headwater.client")

Handle = Callable[[QueueRecord], Awaitable[Outcome]]
"""Has users' code handle a record."""


class GiveBack(Exception):
    """For handlers to raise: give the record back, to be handed out again after `delay_s`."""

    def __init__(self, delay_s: int = 0) -> None:
        super().__init__(delay_s)
        self.delay_s = delay_s


class QueueConsumerCore:
    """One consumer. All but `stats` belongs to one event loop."""

    def __init__(
        self,
        queue: str,
        settings: QueueConsumerSettings,
        service: AwsService,
        timing: Timing,
        adapt_holder: Callable[[RecordHolder], RecordHolder],
    ) -> None:
        """`adapt_holder` makes of what settles records on this loop what a record's methods call.

        Raises `ConfigurationError` for tracing without its extra.
        """
        self._name = queue
        self._settings = settings
        self._service = service
        self._calls = QueueCalls(service)
        self._timing = timing
        self._adapt_holder = adapt_holder
        self._tracer = tracer_for(settings.tracing)
        self._stats = QueueConsumerStats()
        self._held: HeldRecords | None = None
        self._hands = asyncio.Semaphore(settings.handlers)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None
        self._is_used = False
        self._running: asyncio.Task[Any] | None = None
        self._waiting: deque[QueueRecord] = deque()
        self._arrived = asyncio.Event()
        self._places = Places(settings.handlers + settings.prefetch)

    def stats(self) -> QueueConsumerStats:
        """What was done so far. May be called in any thread."""
        return self._stats

    async def handle(self, handle: Handle) -> None:
        """Have records handled until `stop`.

        Raises what stopped it otherwise; `ProgramExit` when a handler asked for the program's end.
        """
        self._running = asyncio.current_task()
        if self._tracer is not None:
            from headwater.client.queues.record_tracing import traced  # noqa: PLC0415 - an extra

            handle = traced(handle, self._tracer, self._name)
        await self._run(lambda record: self._spawn(self._handled(record, handle)))

    async def next_records(self) -> list[QueueRecord]:
        """What waits to be iterated over; empty when nothing more will come. Raises what stopped it."""
        if self._running is None:
            self._running = asyncio.create_task(self._run(self._wait_to_be_taken))
        while not self._waiting and not self._running.done():
            self._arrived.clear()
            arrival = asyncio.ensure_future(self._arrived.wait())
            try:
                await asyncio.wait({arrival, self._running}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                arrival.cancel()
        if self._stopped.is_set():
            await asyncio.wait({self._running})
            self._running.result()
            return []
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def moved_on(self, record: QueueRecord) -> None:
        """An iterator is through with a record."""
        self._places.leave()
        self._spawn(self._settled(record, Outcome()))

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped.set()
        self._arrived.set()

    def fail(self, error: BaseException) -> None:
        """Stop, and raise an error at the end."""
        if self._failure is None:
            self._failure = translated(error)
        self.stop()

    async def close(self) -> None:
        """Stop, and return when everything is settled or given back. Harmless when called again."""
        self.stop()
        if self._running is not None:
            await asyncio.wait({self._running})
        await self._service.close()

    async def ended(self) -> None:
        """Return when nothing is handled any more."""
        if self._running is not None:
            await asyncio.wait({self._running})

    async def _run(self, deliver: Callable[[QueueRecord], None]) -> None:
        if self._is_used:
            raise ConfigurationError("a consumer is run once, or iterated over")
        self._is_used = True
        try:
            if self._stopped.is_set():
                return
            queue = await retry(self._open, self._timing, START_PATIENCE_S)
            held = HeldRecords(queue, self._calls, self._settings.linger_s, self._timing, self._stats)
            self._held = held
            await self._work(queue, held, deliver)
        finally:
            self.stop()
            await self._service.close()
        if self._failure is not None:
            raise self._failure

    async def _work(
        self, queue: OpenQueue, held: HeldRecords, deliver: Callable[[QueueRecord], None]
    ) -> None:
        holder = self._adapt_holder(held)

        def take(record: QueueRecord) -> None:
            record.holder = holder
            held.hold(record)
            deliver(record)

        receiver = Receiver(
            partial(self._receive, queue),
            take,
            partial(self._comes_back, queue.arn),
            self._places,
            self._settings.wait_s,
            self._timing,
            self._stats,
        )
        receiving = asyncio.create_task(receiver.run())
        extending = asyncio.create_task(held.extend_for_ever())
        stopping = asyncio.create_task(self._stopped.wait())
        try:
            # 1. Receive until told to stop, or what was received cannot go on.
            await asyncio.wait({receiving, extending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            # 2. Let the calls that wait come to an end, then the handlers.
            await receiver.stop()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await asyncio.wait({receiving})
            receiving.result()
        finally:
            # 3. Leave nothing running, and nothing held.
            await receiver.stop(grace_s=0)
            ending = {receiving, extending, stopping, *self._tasks}
            for task in ending:
                task.cancel()
            await asyncio.wait(ending)
            await held.give_back_all(END_PATIENCE_S)

    def _wait_to_be_taken(self, record: QueueRecord) -> None:
        self._waiting.append(record)
        self._arrived.set()

    def _spawn(self, working: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(working)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handled(self, record: QueueRecord, handle: Handle) -> None:
        try:
            async with self._hands:
                # What no handler has begun is given back at the end.
                outcome = None if self._stopped.is_set() else await handle(record)
        finally:
            self._places.leave()
        if outcome is not None:
            await self._settled(record, outcome)

    async def _settled(self, record: QueueRecord, outcome: Outcome) -> None:
        """Settle a record by what its handler came to."""
        held = self._held
        if held is None:
            return
        try:
            error = outcome.failure
            if isinstance(error, GiveBack):
                await held.give_back(record, error.delay_s)
            elif error is not None:
                self._stats.handler_errors += 1
                _log.warning("the handler failed on %s: %s", record.record_id, described(error))
                await held.give_back(record, self._settings.retry_delay_s(record.receive_count))
            elif self._settings.acknowledge == "auto":
                await held.acknowledge(record)
            else:
                held.let_go(record)
        except ProgramExit as exit_:
            self.fail(exit_)
        except ClientError as error:
            _log.warning("a record that was handled may come again: %s", error)

    async def _receive(self, queue: OpenQueue, limit: int, wait_s: int) -> list[QueueRecord]:
        return await self._calls.receive(
            queue.operations.receive, queue.arn, limit, wait_s, queue.visibility_timeout_s
        )

    async def _comes_back(self, arn: str) -> bool:
        try:
            return (await self._calls.describe(arn))["QueueStatus"] in PASSING_STATUSES
        except ClientError as error:
            return is_transient(error)

    async def _open(self) -> OpenQueue:
        """The queue, when it has been created."""
        arn = await self._calls.find(self._name)
        while (description := await self._calls.describe(arn))["QueueStatus"] == "CREATING":
            await self._timing.sleep(STATUS_POLL_S)
        own_s = description.get("QueueAttributes", {}).get("VisibilityTimeoutSeconds")
        return OpenQueue(
            arn,
            OPERATIONS[self._settings.source],
            self._settings.visibility_timeout_s or own_s or VISIBILITY_DEFAULT_S,
        )
