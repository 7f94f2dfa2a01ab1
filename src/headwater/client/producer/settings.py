"""The settings of a producer, their limits and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from headwater.client.calls.put_call import CALL_BYTES_MAX, CALL_RECORDS_MAX, RECORD_BYTES_MAX
from headwater.client.calls.setting_check import require
from headwater.client.calls.tracing_setting import Tracing


class ProducerOptions(TypedDict, total=False):
    """The settings as keyword arguments; `ProducerSettings` says what each is."""

    buffer_time_ms: float
    batch_records: int
    batch_bytes: int
    buffer_records: int
    buffer_bytes: int
    put_timeout_s: float | None
    calls_in_flight: int
    retry_time_s: float
    ordered: bool
    aggregate: bool
    aggregate_bytes: int
    shard_records_s: float | None
    shard_bytes_s: float | None
    close_timeout_s: float
    flush_on_sigterm: bool
    tracing: Tracing
    propagate: bool


@dataclass(frozen=True, kw_only=True)
class ProducerSettings:
    """The settings of one producer. Raises `ValueError` for one that is out of range."""

    buffer_time_ms: float = 500
    """The longest time that a record waits for others to fill its call, in milliseconds."""
    batch_records: int = CALL_RECORDS_MAX
    """The most records in one call, 1 to 500; a full batch is sent at once."""
    batch_bytes: int = CALL_BYTES_MAX
    """The most bytes of data and partition keys in one call; a full batch is sent at once."""
    buffer_records: int = 20_000
    """The most records that the producer holds, those in calls included."""
    buffer_bytes: int = 64 * 1024 * 1024
    """The most bytes of data and partition keys that the producer holds; a larger record is taken alone."""
    put_timeout_s: float | None = None
    """The seconds that `put` waits for room before `BufferFull`. None: without end; 0: not at all."""
    calls_in_flight: int = 8
    """The most PutRecords calls that run at the same time."""
    retry_time_s: float = 30
    """The seconds from a record's first attempt during which it is retried after transient errors."""
    ordered: bool = False
    """Order by key: records of a partition key are stored in the order of their puts."""
    aggregate: bool = False
    """Aggregation: many user records are put as one, in the Kinesis Producer Library's format."""
    aggregate_bytes: int = 51_200
    """The largest aggregate, in bytes."""
    shard_records_s: float | None = None
    """The most records that the producer sends to a shard in a second; None: no limit."""
    shard_bytes_s: float | None = None
    """The most bytes of data and keys that the producer sends to a shard in a second; None: no limit."""
    close_timeout_s: float = 30
    """The seconds that the end of the program, or SIGTERM, waits for records without an outcome."""
    flush_on_sigterm: bool = True
    """A flush on SIGTERM, before the signal has its usual effect."""

    tracing: Tracing = False
    """Spans of OpenTelemetry for puts and calls: True, of the global provider, or a `TracerProvider`."""
    propagate: bool = False
    """The W3C trace context beside each record, as tags of its aggregate; with `tracing` and `aggregate`."""

    def __post_init__(self) -> None:
        require("batch_records", 1 <= self.batch_records <= CALL_RECORDS_MAX, f"1 to {CALL_RECORDS_MAX}")
        require("batch_bytes", 1 <= self.batch_bytes <= CALL_BYTES_MAX, f"1 to {CALL_BYTES_MAX}")
        require("aggregate_bytes", 1 <= self.aggregate_bytes <= RECORD_BYTES_MAX, f"1 to {RECORD_BYTES_MAX}")
        for name in ("buffer_records", "buffer_bytes", "calls_in_flight"):
            require(name, getattr(self, name) >= 1, "1 or more")
        for name in ("buffer_time_ms", "retry_time_s", "close_timeout_s"):
            require(name, getattr(self, name) >= 0, "0 or more")
        require("put_timeout_s", self.put_timeout_s is None or self.put_timeout_s >= 0, "None, 0 or more")
        is_traced = self.aggregate and self.tracing is not False
        require("propagate", is_traced or not self.propagate, "False without aggregate and tracing")
        for name in ("shard_records_s", "shard_bytes_s"):
            rate = getattr(self, name)
            require(name, rate is None or rate > 0, "None or more than 0")

    @property
    def limits_shards(self) -> bool:
        """Whether shards have a rate limit."""
        return self.shard_records_s is not None or self.shard_bytes_s is not None
