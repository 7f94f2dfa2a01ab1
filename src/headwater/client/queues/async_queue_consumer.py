"""A queue consumer for asyncio: the records of a queue, shared with any number of other workers.

    async with AsyncQueueConsumer("orders-to-ship") as consumer:
        async for record in consumer:
            ...

or, for a service, `await consumer.run(handler)`, with many records at a time.

What it promises is in docs/queues.md; the work is `QueueConsumerCore`'s.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from headwater.client.calls.users_code import Outcome, exits_as_asked, outcome_of_coroutine
from headwater.client.queues.base import QueueConsumerBase
from headwater.client.queues.handler_processes import handle_in_processes
from headwater.client.queues.queue_record import QueueRecord


class AsyncQueueConsumer(QueueConsumerBase):
    """A worker that takes records from a queue, on one event loop."""

    async def run(self, handler: Callable[[QueueRecord], Awaitable[Any]]) -> None:
        """Have a handler called with records, `concurrency` at the same time, until `stop`.

        With `processes` the handler is called in those, and may be a plain function. Raises
        `ClientError` for what trying again does not help, and the SystemExit or KeyboardInterrupt of a
        handler. When it is cancelled, handlers in hand are cancelled too, and their records given back.
        """

        async def handle(record: QueueRecord) -> Outcome:
            return await outcome_of_coroutine(handler, record)

        with exits_as_asked():
            if self.settings.processes:
                await handle_in_processes(self._core, handler, self.settings.processes)
            else:
                await self._core.handle(handle)

    def stop(self) -> None:
        """Have `run` return, or the iteration end, when what is in hand is done."""
        self._core.stop()

    async def close(self) -> None:
        """Stop: acknowledge what is done, give back the rest. Harmless when called again."""
        await self._core.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[QueueRecord]:
        """Records, until `stop` or `close`; a record is done when the next one is asked for.

        Raises `ClientError` for what trying again does not help.
        """
        while records := await self._core.next_records():
            for record in records:
                yield record
                self._core.moved_on(record)
