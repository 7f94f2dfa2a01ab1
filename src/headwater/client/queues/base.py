"""What the two queue consumers share: their settings, their core, and what can be seen of their work.

Refuses to know on which event loop, and in which thread, records are handled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.endpoint import Session
from headwater.client.calls.metrics import Metric
from headwater.client.calls.timing import Timing
from headwater.client.queues.core import QueueConsumerCore
from headwater.client.queues.queue_record import RecordHolder
from headwater.client.queues.settings import QueueConsumerOptions, QueueConsumerSettings
from headwater.client.queues.stats import QueueConsumerStats


class QueueConsumerBase:
    """A queue consumer without a way to wait: `QueueConsumer` and `AsyncQueueConsumer` add one."""

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
        """`queue` is a name or an ARN; `settings` are fields of `QueueConsumerSettings`.

        `endpoint_url`, `region_name`, `session` and `verify` are as boto3's. Nothing is connected yet.
        Raises `ConfigurationError` for what botocore cannot use, `ValueError` for a setting out of range
        and `TypeError` for an unknown one.
        """
        self.queue = queue
        self.settings = QueueConsumerSettings(**settings)
        service = AwsService("kinesis", endpoint_url, region_name, session, verify=verify)
        self._core = QueueConsumerCore(
            queue, self.settings, service, timing or Timing(), self._adapted_holder
        )

    def stats(self) -> QueueConsumerStats:
        """Counts since the start. May be called in any thread."""
        return self._core.stats()

    def metrics(self) -> Iterable[Metric]:
        """The numbers of `stats` under names, for `PrometheusCollector`."""
        return self.stats().metrics(self.queue)

    def _adapted_holder(self, holder: RecordHolder) -> RecordHolder:
        """What a record's methods call, made of what settles records on the event loop: here that itself."""
        return holder
