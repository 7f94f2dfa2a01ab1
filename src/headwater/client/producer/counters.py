"""What a producer has done so far, in numbers, and the report of one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from headwater.client.calls.metrics import Metric


class CallReport(NamedTuple):
    """One PutRecords call, as the hook `on_call` is told of it."""

    stream: str
    records: int
    """Kinesis records: an aggregate counts as one."""
    size_bytes: int
    duration_s: float
    errors: dict[str, int]
    """By their codes, how many records were refused; all of them when the call was."""


@dataclass
class ProducerCounters:
    """All numbers only grow. User records are what was put; aggregates of them are Kinesis records."""

    user_records_done: int = 0
    """In the stream, and their futures resolved."""
    user_records_failed: int = 0
    """Given up, and their futures failed."""
    bytes_done: int = 0
    """Data and keys of user records that are in the stream."""
    calls: int = 0
    kinesis_records_sent: int = 0
    """With those that were sent again."""
    retries: int = 0
    """Kinesis records that were to be sent again."""
    wrong_shards: int = 0
    """Aggregates that were sent again, because some of their user records belong to another shard."""
    errors: Counter[str] = field(default_factory=Counter)
    """Refused Kinesis records, by the error's code."""

    def metrics(self, stream: str, held_records: int, held_bytes: int) -> Iterator[Metric]:
        """Them all, for one stream."""
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
