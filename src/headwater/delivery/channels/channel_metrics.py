"""The metrics of channels, as the developer guide lists them ("Monitoring data delivery").

A value of each belongs to a batch: when it is delivered, and its freshness also each time when it is not.
A batch counts as read, in and processed once it is delivered, since it is made again after a kill.

Refuses to know how a batch is delivered.
"""

from __future__ import annotations

from typing import Protocol

from headwater.delivery.channels.delivered_channel import DeliveredChannel
from headwater.delivery.context import DeliveryContext
from headwater.delivery.results import BatchResult
from headwater.model.channel import BucketTarget

BUCKET = ("DeliveryToS3", "RecordCount", "SuccessfulRecordCount", "FailedRecordCount", "DeliverySuccess")
TABLE = ("DeliveryToIceberg", "TotalRowCount", "SuccessfulRowCount", "FailedRowCount", "CommitSuccess")
"""What the metrics begin with, and the names of those that differ."""


class CountedBatch(Protocol):
    """What is counted of a batch."""

    @property
    def records(self) -> int:
        """How many records it has."""

    @property
    def size(self) -> int:
        """The bytes of their data."""

    @property
    def oldest_ms(self) -> int:
        """When the first of them arrived."""

    @property
    def result(self) -> BatchResult:
        """What was written of them, and how many were set aside."""


def count_delivered(context: DeliveryContext, delivered: DeliveredChannel, batch: CountedBatch) -> None:
    """Count a batch that was delivered."""
    prefix, *names = BUCKET if isinstance(delivered.channel.target, BucketTarget) else TABLE
    refused, written_bytes = batch.result.set_aside, batch.result.written_bytes
    counts = (batch.records, batch.records - refused, refused, int(written_bytes > 0))
    _count(
        context,
        delivered,
        {
            f"{prefix}.DataFreshness": _age_s(context, batch),
            f"{prefix}.BytesIn": batch.size,
            f"{prefix}.BytesProcessed": batch.size,
            f"{prefix}.BytesOut": written_bytes,
            **{f"{prefix}.{name}": count for name, count in zip(names, counts, strict=True)},
            **({f"{prefix}.DLQDeliverySuccess": refused} if refused else {}),
        },
    )


def count_failed(context: DeliveryContext, delivered: DeliveredChannel, batch: CountedBatch) -> None:
    """Count an attempt to deliver a batch that failed."""
    prefix, *_, success = BUCKET if isinstance(delivered.channel.target, BucketTarget) else TABLE
    figures = {f"{prefix}.DataFreshness": _age_s(context, batch), f"{prefix}.{success}": 0}
    _count(context, delivered, figures)


def _age_s(context: DeliveryContext, batch: CountedBatch) -> float:
    return max(0, context.engine.now_ms() - batch.oldest_ms) / 1000


def _count(context: DeliveryContext, delivered: DeliveredChannel, figures: dict[str, float]) -> None:
    channel = delivered.channel
    dimensions = (
        ("StreamName", delivered.stream.name),
        ("ChannelName", channel.name),
        ("ChannelId", channel.channel_id),
    )
    context.engine.metrics.count(delivered.caller, dimensions, figures)
