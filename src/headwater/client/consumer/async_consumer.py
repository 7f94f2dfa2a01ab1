"""A consumer for asyncio: every shard of a stream, in order for each partition key.

    async with AsyncKinesisConsumer("orders", start="TRIM_HORIZON") as consumer:
        async for record in consumer:
            ...

or, for a service, `await consumer.run(handler)` with batches, of several shards at a time.

What it promises is in docs/consumer.md; the work is `ConsumerCore`'s.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from headwater.client.calls.record import Record
from headwater.client.calls.users_code import Outcome, exits_as_asked, outcome_here, outcome_of_coroutine
from headwater.client.consumer.base import ConsumerBase
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.iterator_delivery import IteratorBatch


class AsyncKinesisConsumer(ConsumerBase):
    """A consumer of one stream for asyncio: one worker, alone or with others on the same lease store."""

    async def run(self, handler: Callable[[Batch], Awaitable[Any]]) -> None:
        """Call a handler with batches, those of one shard one by one, until `stop`.

        With `processes` the handler runs in those, and may be a plain function. Raises `HandlerFailed`,
        `ClientError` unless it is transient, and the SystemExit or KeyboardInterrupt of a handler.
        Cancelling it cancels the handlers that run.
        """

        async def handle(batch: Batch) -> Outcome:
            return await outcome_of_coroutine(handler, batch)

        with exits_as_asked():
            if self.settings.processes:
                await self._core.handle_in_processes(handler, outcome_here)
            else:
                await self._core.handle(handle, outcome_here)

    def stop(self) -> None:
        """End `run`, or the iteration, after the batches that are being handled."""
        self._core.stop()

    async def close(self) -> None:
        """Stop, write the checkpoints, and release the leases. May be called again."""
        await self._core.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[Record]:
        """The records, until `stop` or `close`. A record is done when the next one is asked for.

        Raises `ClientError` unless it is transient.
        """
        core = self._core
        while (handed := await self._next()) is not None:
            for record in handed.begin():
                yield record
            core.moved_on(handed)

    async def _next(self) -> IteratorBatch | None:
        with exits_as_asked():
            return await self._core.next_batch()
