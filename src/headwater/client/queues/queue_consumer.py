"""A queue consumer for threads and scripts.

    with QueueConsumer("orders-to-ship") as consumer:
        for record in consumer:
            ...

The work is `QueueConsumerCore`'s, on an event loop in a thread of its own, which starts
when the first record is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, Unpack

from headwater.client.calls.core_thread import AlreadyDone, CoreThread
from headwater.client.calls.endpoint import Session
from headwater.client.calls.timing import Timing
from headwater.client.calls.users_code import Outcome, outcome_in_thread, outcome_of_whole
from headwater.client.queues.base import QueueConsumerBase
from headwater.client.queues.handler_processes import handle_in_processes
from headwater.client.queues.queue_record import QueueRecord, RecordHolder
from headwater.client.queues.settings import QueueConsumerOptions


class QueueConsumer(QueueConsumerBase):
    """A worker that takes records from a queue, for threads and scripts."""

    def __init__(
        self,
        queue: str,
        *,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        session: Session | None = None,
        verify: bool | str | None = None,
        timing: Timing | None = None,
        **settings: Unpack[QueueConsumerOptions],
    ) -> None:
        """`queue` is a name or an ARN; the rest is as of `QueueConsumerBase`."""
        super().__init__(
            queue,
            endpoint_url=endpoint_url,
            region_name=region_name,
            session=session,
            verify=verify,
            timing=timing,
            **settings,
        )
        self._thread = CoreThread(self._core, "headwater-queue-consumer")

    def run(self, handler: Callable[[QueueRecord], Any], *, stop_signals: bool = True) -> None:
        """Have a handler called with records, `concurrency` at the same time in threads, until `stop`.

        In the main thread SIGTERM and SIGINT stop it too, unless `stop_signals` is False. Raises
        `ClientError` for what trying again does not help, and the SystemExit or KeyboardInterrupt of a
        handler, when the other handlers are done with what is in hand.
        """
        if self.settings.processes:
            running = handle_in_processes(self._core, handler, self.settings.processes)
            self._thread.run(running, stop_signals=stop_signals)
            return
        with ThreadPoolExecutor(
            self.settings.concurrency, "headwater-handler", self._thread.is_within
        ) as threads:

            async def handle(record: QueueRecord) -> Outcome:
                return await outcome_in_thread(threads, outcome_of_whole, handler, record)

            self._thread.run(self._core.handle(handle), stop_signals=stop_signals)

    def stop(self) -> None:
        """Have `run` return, or the iteration end, when what is in hand is done. May be called anywhere."""
        self._thread.stop()

    def close(self) -> None:
        """Stop: acknowledge what is done, give back the rest. Harmless when called again.

        While a handler is in hand its consumer cannot end, so in one this is `stop`.
        """
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[QueueRecord]:
        """Records, until `stop` or `close`; a record is done when the next one is asked for.

        Raises `ClientError` for what trying again does not help.
        """
        while records := self._thread.call(self._core.next_records()):
            for record in records:
                yield record
                self._thread.call_soon(self._core.moved_on, record)

    def _adapted_holder(self, holder: RecordHolder) -> RecordHolder:
        return _WaitingHolder(holder, self._thread)


class _WaitingHolder:
    """A `RecordHolder` whose methods return when the queue has taken it, in any thread but the loop's."""

    def __init__(self, holder: RecordHolder, thread: CoreThread) -> None:
        self._holder = holder
        self._thread = thread

    def acknowledge(self, record: QueueRecord) -> Awaitable[None]:
        return self._settled(self._holder.acknowledge, record)

    def give_back(self, record: QueueRecord, delay_s: int) -> Awaitable[None]:
        return self._settled(self._holder.give_back, record, delay_s)

    def restore(self, record: QueueRecord) -> Awaitable[None]:
        return self._settled(self._holder.restore, record)

    def _settled(self, settle: Callable[..., Awaitable[None]], *arguments: Any) -> Awaitable[None]:
        async def settling() -> None:
            await settle(*arguments)

        self._thread.call(settling())
        return AlreadyDone()
