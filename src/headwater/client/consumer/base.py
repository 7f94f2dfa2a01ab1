"""The base of both consumers: settings, core and statistics.

Refuses to know on which event loop, and in which thread, records are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.endpoint import Session
from headwater.client.calls.metrics import Metric
from headwater.client.calls.timing import Timing
from headwater.client.consumer.core import ConsumerCore
from headwater.client.consumer.settings import ConsumerOptions, ConsumerSettings
from headwater.client.consumer.stats import ConsumerStats
from headwater.client.consumer.user_records import Checkpointer
from headwater.client.leases.lease import Lease
from headwater.client.leases.memory_store import MemoryState
from headwater.client.leases.store import LeaseStore


class ConsumerBase:
    """A consumer without a way to wait: `KinesisConsumer` and `AsyncKinesisConsumer` add one."""

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
        **settings: Unpack[ConsumerOptions],
    ) -> None:
        """`stream` is a name or an ARN; `settings` are fields of `ConsumerSettings`.

        `state` is the lease store, with the checkpoints; without one they end with the consumer.
        `endpoint_url`, `region_name`, `session` and `verify` are as boto3's. Nothing is connected yet.
        Raises `ConfigurationError` for what botocore cannot use, `ValueError` for a setting out of range
        and `TypeError` for an unknown one.
        """
        self.stream = stream
        self.settings = ConsumerSettings(**settings)
        service = AwsService("kinesis", endpoint_url, region_name, session, verify=verify)
        self._core = ConsumerCore(
            stream,
            self.settings,
            service,
            state or MemoryState(),
            timing or Timing(),
            self._adapted_checkpointer,
        )

    @property
    def worker_id(self) -> str:
        """The name of this worker in the lease store."""
        return self._core.worker_id

    def stats(self) -> ConsumerStats:
        """The counts since the start, and the lag of each shard. May be called in any thread."""
        return self._core.stats()

    def leases(self) -> list[Lease]:
        """The leases of all workers, as this worker read them last. May be called in any thread."""
        return self._core.leases()

    def metrics(self) -> Iterable[Metric]:
        """The numbers of `stats` as metrics, for `PrometheusCollector`."""
        return self.stats().metrics(self.stream)

    def _adapted_checkpointer(self, checkpointer: Checkpointer) -> Checkpointer:
        """The function behind `record.checkpoint()`; here the coroutine function itself."""
        return checkpointer
