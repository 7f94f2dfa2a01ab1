"""A record as a queue hands it out."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec


class RecordHolder(Protocol):
    """What holds a received record, and says to the queue what becomes of it."""

    def acknowledge(self, record: QueueRecord) -> Awaitable[None]:
        """Have the queue deliver it no more."""

    def give_back(self, record: QueueRecord, delay_s: int) -> Awaitable[None]:
        """Have the queue hand it out again after `delay_s`."""

    def restore(self, record: QueueRecord) -> Awaitable[None]:
        """Have a dead letter handed out again as a record."""


class QueueRecord(msgspec.Struct, gc=False, eq=False, kw_only=True):
    """A record that was received from a queue, or from its dead letters."""

    data: bytes = msgspec.field(name="Data")
    partition_key: str = msgspec.field(name="PartitionKey", default="")
    """Empty when the record has none."""
    record_id: str = msgspec.field(name="RecordId")
    """The same in every queue of the stream, and at every delivery."""
    receipt_handle: str = msgspec.field(name="ReceiptHandle")
    """Of this delivery."""
    approximate_arrival_timestamp: float = msgspec.field(name="ApproximateArrivalTimestamp", default=0.0)
    """When the stream got it: seconds since the Unix epoch."""
    first_receive_timestamp: float = msgspec.field(name="FirstReceiveTimestamp", default=0.0)
    """When the queue first handed it out: seconds since the Unix epoch."""
    receive_count: int = msgspec.field(name="ReceiveCount", default=1)
    """How often it was handed out, this time included."""
    is_settled: bool = False
    """Whether it was acknowledged, given back or restored: asked for again, nothing is done."""
    holder: RecordHolder | None = None
    """None outside of a consumer's own process."""

    @property
    def arrived_at(self) -> datetime:
        """When the stream got it, in UTC."""
        return datetime.fromtimestamp(self.approximate_arrival_timestamp, UTC)

    def acknowledge(self) -> Awaitable[None]:
        """Say that the record is done: the queue does not hand it out again.

        With `QueueConsumer` the queue has taken it when this returns; with `AsyncQueueConsumer` when
        what this returns was awaited. Raises `ReceiptLost` when the receipt is no longer good,
        `ClientError` when the queue cannot be reached, and RuntimeError in a worker process.
        """
        return self._holder().acknowledge(self)

    def give_back(self, delay_s: int = 0) -> Awaitable[None]:
        """Let the queue hand the record out again after `delay_s`. Returns and raises as `acknowledge`."""
        return self._holder().give_back(self, delay_s)

    def restore(self) -> Awaitable[None]:
        """Let a dead letter be handed out as a record again. Returns and raises as `acknowledge`."""
        return self._holder().restore(self)

    def fields(self) -> tuple[Any, ...]:
        """All that is known of it, for another process."""
        return (
            self.data,
            self.partition_key,
            self.record_id,
            self.receipt_handle,
            self.approximate_arrival_timestamp,
            self.first_receive_timestamp,
            self.receive_count,
        )

    @classmethod
    def of(cls, fields: tuple[Any, ...]) -> QueueRecord:
        """The record that `fields` was taken from."""
        data, key, record_id, receipt, arrival, first_receive, count = fields
        return cls(
            data=data,
            partition_key=key,
            record_id=record_id,
            receipt_handle=receipt,
            approximate_arrival_timestamp=arrival,
            first_receive_timestamp=first_receive,
            receive_count=count,
        )

    def _holder(self) -> RecordHolder:
        if self.holder is None:
            raise RuntimeError("a record can be settled only in the process that received it")
        return self.holder
