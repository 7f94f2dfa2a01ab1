"""The counters of a producer, and the report of one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from headwater.client.calls.metrics import Metric


class CallReport(NamedTuple):
    """The report of one PutRecords call, for the hook `on_call`."""

    stream: str
    records: int
    """The number of Kinesis records: an aggregate counts as one."""
    size_bytes: int
    """The bytes of data and partition keys in the call."""
    duration_s: float
    """The seconds from the call to its answer."""
    errors: dict[str, int]
    """The number of refused records by error code; all of them if the call failed."""


@dataclass
class ProducerCounters:
    """The counters of one producer. A user record is what was put; an aggregate is one Kinesis record."""

    user_records_done: int = 0
    """User records in the stream."""
    user_records_failed: int = 0
    """User records that were given up."""
    bytes_done: int = 0
    """Bytes of data and keys of user records in the stream."""
    calls: int = 0
    """PutRecords calls, failed ones included."""
    kinesis_records_sent: int = 0
    """Kinesis records in all calls, each attempt counted."""
    retries: int = 0
    """Retries of Kinesis records."""
    wrong_shards: int = 0
    """Aggregates that were sent again, because a user record belongs to another shard."""
    errors: Counter[str] = field(default_factory=Counter)
    """Refused Kinesis records, by error code."""

    def metrics(self, stream: str, held_records: int, held_bytes: int) -> Iterator[Metric]:
        """The counters as metrics of one stream."""
        labels = {"stream": stream}
        for name, documentation, value in (
            ("user_records_done", "User records that are in the stream.", self.user_records_done),
            ("user_records_failed", "User records that were given up.", self.user_records_failed),
            ("bytes_done", "Bytes of user records that are in the stream.", self.bytes_done),
            ("calls", "PutRecords calls.", self.calls),
            ("kinesis_records_sent", "Kinesis records sent, again or not.", self.kinesis_records_sent),
            ("retries", "Kinesis records to be sent again.", self.retries),
            ("wrong_shards", "Aggregates sent again after a reshard.", self.wrong_shards),
        ):
            yield Metric(f"headwater_producer_{name}_total", "counter", documentation, labels, value)
        for code, count in tuple(self.errors.items()):
            name = "headwater_producer_errors_total"
            yield Metric(name, "counter", "Refused Kinesis records.", labels | {"code": code}, count)
        yield Metric("headwater_producer_held_records", "gauge", "Records held.", labels, held_records)
        yield Metric("headwater_producer_held_bytes", "gauge", "Bytes held.", labels, held_bytes)
