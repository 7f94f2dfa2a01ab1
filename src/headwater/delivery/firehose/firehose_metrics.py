"""The metrics of delivery streams: those of `AWS/Firehose`.

Rules:
- time is that of the streams; a value counts in the minute in which it is known;
- what is delivered, of records that the developer guide counts, counts when it is; a freshness also with each
  attempt that fails.

Refuses to know who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headwater.delivery.firehose.delivery_stream import DeliveryStream
from headwater.engine.metrics.kept_minutes import MinuteMetrics
from headwater.engine.metrics.metric_names import FIREHOSE, NAMESPACES
from headwater.model.caller import Caller


class FirehoseMetrics(MinuteMetrics):
    """The counts of all delivery streams of a server. A `MetricReader`."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """`now_ms` is the streams' time."""
        super().__init__(now_ms, NAMESPACES[FIREHOSE].dimensions)

    def count_stream(self, stream: DeliveryStream, figures: Mapping[str, float]) -> None:
        """Count these values of a delivery stream, by metric."""
        caller = Caller(stream.account_id, stream.region)
        self.count(caller, (("DeliveryStreamName", stream.name),), figures)
