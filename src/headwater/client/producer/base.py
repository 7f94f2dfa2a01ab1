"""The base of both producers: settings, core, and the effect of a fork.

Refuses to know on which event loop, and in which thread, records are sent.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Unpack

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.endpoint import Session
from headwater.client.calls.errors import ProducerClosed, PutByParent
from headwater.client.calls.metrics import Metric
from headwater.client.calls.tracing_setting import tracer_for
from headwater.client.producer import process_hooks
from headwater.client.producer.core import ProducerCore
from headwater.client.producer.counters import CallReport, ProducerCounters
from headwater.client.producer.put_future import PutFuture
from headwater.client.producer.put_queue import PutQueue
from headwater.client.producer.settings import ProducerOptions, ProducerSettings

if TYPE_CHECKING:
    from headwater.client.producer.put_tracing import PutTracing

_left_to_parent: list[Any] = []
"""Objects that a forked child shares with its parent: kept here, so that they are never closed."""


class ProducerBase(ABC):
    """A producer without a way to wait: `KinesisProducer` and `AsyncKinesisProducer` add one."""

    def __init__(
        self,
        stream: str,
        *,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        session: Session | None = None,
        verify: bool | str | None = None,
        on_call: Callable[[CallReport], object] | None = None,
        **settings: Unpack[ProducerOptions],
    ) -> None:
        """`stream` is a name or an ARN; `settings` are fields of `ProducerSettings`.

        `endpoint_url`, `region_name`, `session` and `verify` are as boto3's. `on_call` is called after
        each PutRecords call, in the thread of the producer's event loop. Raises `ConfigurationError`
        for what botocore cannot use and for tracing without its extra, `ValueError` for a setting out of
        range and `TypeError` for an unknown one.
        """
        self.stream = stream
        self.settings = ProducerSettings(**settings)
        self.counters = ProducerCounters()
        self._on_call = on_call
        self._service = AwsService("kinesis", endpoint_url, region_name, session, verify=verify)
        self._tracing = self._opened_tracing()
        self._kind = PutFuture if self._tracing is None else self._tracing.new_put
        self._begin()
        process_hooks.watch(self, sigterm=self.settings.flush_on_sigterm)

    def metrics(self) -> Iterator[Metric]:
        """The counters and the records in the buffer, for `PrometheusCollector`."""
        return self.counters.metrics(self.stream, self._buffer.records, self._buffer.bytes)

    @abstractmethod
    def at_exit(self) -> None:
        """Flush, at the end of the program."""

    @abstractmethod
    def after_exit(self) -> None:
        """Close, when no thread can be started any more."""

    @abstractmethod
    def on_sigterm(self, then: Callable[[], object]) -> bool:
        """Flush; False: the flush goes on, and calls `then` at its end."""

    def after_fork(self) -> None:
        """Begin empty in a child process: the parent puts the records that it holds."""
        _left_to_parent.append((self._core, self._service, self._loop))
        self._core.abandon(PutByParent(f"put into {self.stream} before the process was forked"))
        self._service = self._service.twin()
        self.counters = ProducerCounters()
        self._begin()

    def _begin(self) -> None:
        """Set up: empty and open, without an event loop."""
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._buffer, self._core = self._new_core()

    def _new_core(self) -> tuple[PutQueue, ProducerCore]:
        settings = self.settings
        buffer = PutQueue(
            settings.buffer_records, settings.buffer_bytes, settings.batch_records, settings.batch_bytes
        )
        core = ProducerCore(
            self.stream, settings, buffer, self.counters, self._service, self._on_call, self._tracing
        )
        return buffer, core

    def _opened_tracing(self) -> PutTracing | None:
        tracer = tracer_for(self.settings.tracing)
        if tracer is None:
            return None
        from headwater.client.producer.put_tracing import PutTracing  # noqa: PLC0415 - an extra

        return PutTracing(tracer, self.stream, propagates=self.settings.propagate)

    def _closed(self) -> ProducerClosed:
        return ProducerClosed(f"the producer of {self.stream} is closed")

    def _full(self) -> str:
        return f"{self._buffer.records} records wait to be put into {self.stream}"
