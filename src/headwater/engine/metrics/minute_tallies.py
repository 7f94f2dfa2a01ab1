"""What is tallied of a stream, its consumers and its shards in a minute, and which metrics follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from headwater.engine.metrics.tally import StatisticSet, Tally, merged, ones_and_zeros, zeros

Statistics: TypeAlias = Iterator[tuple[str, StatisticSet | None]]
"""Metrics by name; `None` for one that had no value."""


class StreamTallies:
    """The calls of PutRecord, PutRecords and GetRecords."""

    __slots__ = (
        "get_age_ms",
        "get_bytes",
        "get_failed",
        "get_ms",
        "get_records",
        "get_refused",
        "put_bytes",
        "put_failed",
        "put_ms",
        "put_refused",
        "puts_bytes",
        "puts_failed",
        "puts_ms",
        "puts_records",
        "puts_refused",
        "puts_total",
    )

    def __init__(self) -> None:
        self.put_bytes = Tally()
        self.put_ms = Tally()
        self.put_refused = 0
        self.put_failed = 0
        self.puts_bytes = Tally()
        self.puts_ms = Tally()
        self.puts_records = Tally()
        self.puts_refused = Tally()
        self.puts_failed = Tally()
        self.puts_total = Tally()
        self.get_bytes = Tally()
        self.get_ms = Tally()
        self.get_records = Tally()
        self.get_age_ms = Tally()
        self.get_refused = 0
        self.get_failed = 0

    def statistics(self) -> Statistics:
        """The metrics of the stream."""
        put = self.put_bytes.count
        put_bytes, puts_bytes = self.put_bytes.statistics(), self.puts_bytes.statistics()
        puts_records = self.puts_records.statistics()
        one_record_each = StatisticSet(put, put, 1, 1) if put else None
        yield "IncomingBytes", merged(put_bytes, puts_bytes)
        yield "IncomingRecords", merged(one_record_each, puts_records)
        yield (
            "WriteProvisionedThroughputExceeded",
            merged(ones_and_zeros(self.put_refused, put + self.put_failed), self.puts_refused.statistics()),
        )
        yield "PutRecord.Bytes", put_bytes
        yield "PutRecord.Latency", self.put_ms.statistics()
        yield "PutRecord.Success", ones_and_zeros(put, self.put_refused + self.put_failed)
        yield "PutRecords.Bytes", puts_bytes
        yield "PutRecords.Latency", self.puts_ms.statistics()
        yield "PutRecords.Records", puts_records
        yield (
            "PutRecords.SuccessfulRecords",
            merged(puts_records, zeros(self.puts_total.count - self.puts_records.count)),
        )
        yield "PutRecords.TotalRecords", self.puts_total.statistics()
        yield "PutRecords.ThrottledRecords", self.puts_refused.statistics()
        yield "PutRecords.FailedRecords", self.puts_failed.statistics()
        yield (
            "PutRecords.Success",
            ones_and_zeros(self.puts_records.count, self.puts_total.count - self.puts_records.count),
        )
        yield "GetRecords.Bytes", self.get_bytes.statistics()
        yield "GetRecords.IteratorAgeMilliseconds", self.get_age_ms.statistics()
        yield "GetRecords.Latency", self.get_ms.statistics()
        yield "GetRecords.Records", self.get_records.statistics()
        yield "GetRecords.Success", ones_and_zeros(self.get_bytes.count, self.get_refused + self.get_failed)
        yield (
            "ReadProvisionedThroughputExceeded",
            ones_and_zeros(self.get_refused, self.get_bytes.count + self.get_failed),
        )


class ConsumerTallies:
    """The subscriptions of one consumer with enhanced fan-out, and their events."""

    __slots__ = ("behind_ms", "bytes", "rate_exceeded", "records", "subscribed")

    def __init__(self) -> None:
        self.subscribed = 0
        self.rate_exceeded = 0
        self.bytes = Tally()
        self.records = Tally()
        self.behind_ms = Tally()

    def statistics(self) -> Statistics:
        """The metrics of the consumer."""
        yield "SubscribeToShard.RateExceeded", ones_and_zeros(self.rate_exceeded, self.subscribed)
        yield "SubscribeToShard.Success", ones_and_zeros(self.subscribed, self.rate_exceeded)
        yield "SubscribeToShardEvent.Bytes", self.bytes.statistics()
        yield "SubscribeToShardEvent.MillisBehindLatest", self.behind_ms.statistics()
        yield "SubscribeToShardEvent.Records", self.records.statistics()
        yield "SubscribeToShardEvent.Success", ones_and_zeros(self.bytes.count, 0)


class ShardTallies:
    """The tallies of one shard."""

    __slots__ = ("age_ms", "bytes_in", "bytes_out", "reads_refused", "records_in", "records_out", "refused")

    def __init__(self) -> None:
        self.bytes_in = Tally()
        self.records_in = Tally()
        self.refused = Tally()
        self.bytes_out = Tally()
        self.records_out = Tally()
        self.reads_refused = Tally()
        self.age_ms = Tally()

    def statistics(self) -> Statistics:
        """The metrics of the shard."""
        yield "IncomingBytes", self.bytes_in.statistics()
        yield "IncomingRecords", self.records_in.statistics()
        yield "IteratorAgeMilliseconds", self.age_ms.statistics()
        yield "OutgoingBytes", self.bytes_out.statistics()
        yield "OutgoingRecords", self.records_out.statistics()
        yield "ReadProvisionedThroughputExceeded", self.reads_refused.statistics()
        yield "WriteProvisionedThroughputExceeded", self.refused.statistics()
