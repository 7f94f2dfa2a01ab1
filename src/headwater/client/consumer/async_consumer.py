"""A consumer for asyncio: every shard of a stream, in order for each partition key.

    async with AsyncKinesisConsumer("orders", start="TRIM_HORIZON") as consumer:
        async for record in consumer:
            ...

or, for a service, `await consumer.run(handler)` with batches, of several shards at a time.

What it promises is in docs/consumer.md; the work is `consumer_core`'s.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Self

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.endpoint import Session
from headwater.client.calls.metrics import Metric
from headwater.client.calls.record import Record
from headwater.client.calls.timing import Timing
from headwater.client.calls.users_code import Outcome, exits_as_asked, outcome_here, outcome_of_coroutine
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.core import ConsumerCore
from headwater.client.consumer.iterator_delivery import IteratorBatch
from headwater.client.consumer.settings import ConsumerSettings
from headwater.client.consumer.stats import ConsumerStats
from headwater.client.leases.lease import Lease
from headwater.client.leases.memory_store import MemoryState
from headwater.client.leases.store import LeaseStore


class AsyncKinesisConsumer:
    """Reads a stream, alone or with other workers that share its state. Used in one event loop."""

    def __init__(
        self,
        stream: str,
        *,
        state: LeaseStore | None = None,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        session: Session | None = None,
        verify: bool | str | None = None,
        timing: Timing | None = None,
        **settings: Any,
    ) -> None:
        """`stream` is a name or an ARN; `settings` are fields of `ConsumerSettings`.

        Without a `state` checkpoints and leases are forgotten with the consumer. `endpoint_url`,
        `region_name`, `session` and `verify` are as boto3's. Connects to nobody yet. Raises
        `ConfigurationError`, `ValueError`, `TypeError`.
        """
        self.stream = stream
        self.settings = ConsumerSettings(**settings)
        service = AwsService("kinesis", endpoint_url, region_name, session, verify=verify)
        self._core = ConsumerCore(
            stream, self.settings, service, state or MemoryState(), timing or Timing(), _as_it_is
        )

    @property
    def worker_id(self) -> str:
        """The name under which it holds leases."""
        return self._core.worker_id

    def stats(self) -> ConsumerStats:
        """What was done so far, and how far behind each shard is."""
        return self._core.stats()

    def leases(self) -> list[Lease]:
        """The leases of all workers, as this one saw them last."""
        return self._core.leases()

    def metrics(self) -> Iterable[Metric]:
        """The same for `PrometheusCollector`, or for whatever watches the application."""
        return self.stats().metrics(self.stream)

    async def run(self, handler: Callable[[Batch], Awaitable[Any]]) -> None:
        """Have a handler called with batches, those of one shard in turn, until `stop`.

        With `processes` the handler is called in those, and may be a plain function. Raises
        `HandlerFailed`, `ClientError` for what trying again does not help, and the SystemExit or
        KeyboardInterrupt of a handler. When it is cancelled, handlers in hand are cancelled too.
        """

        async def handle(batch: Batch) -> Outcome:
            return await outcome_of_coroutine(handler, batch)

        with exits_as_asked():
            if self.settings.processes:
                await self._core.handle_in_processes(handler, outcome_here)
            else:
                await self._core.handle(handle, outcome_here)

    def stop(self) -> None:
        """Have `run` return, or the iteration end, when what is in hand is done."""
        self._core.stop()

    async def close(self) -> None:
        """Stop: write the checkpoints, release the leases. Harmless when called again."""
        await self._core.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[Record]:
        """Records, until `stop` or `close`; a record is done when the next one is asked for.

        Raises `ClientError` for what trying again does not help.
        """
        core = self._core
        while (handed := await self._next()) is not None:
            for record in handed.begin():
                yield record
            core.moved_on(handed)

    async def _next(self) -> IteratorBatch | None:
        with exits_as_asked():
            return await self._core.next_handed_out()


def _as_it_is(checkpointer: Callable[[Record], Awaitable[None]]) -> Callable[[Record], Awaitable[None]]:
    return checkpointer
