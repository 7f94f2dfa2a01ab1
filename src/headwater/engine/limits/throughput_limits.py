"""What a shard takes and gives in a second, for a stream whose limits are enforced.

Rules, as the developer guide has them:
- in: 1,000 records and 1 MiB of data and keys a second;
- out, for all who poll: five calls and 2 MiB a second; after a page that is larger than
  a second's worth, calls are refused for as long as it would have taken, so that one of
  10 MiB is followed by 5 s of refusals;
- out, for each consumer with enhanced fan-out: 2 MiB a second of its own.

Each figure can be another one, so that a test provokes refusals with few records.

Rates are kept in memory only: a server that starts has all shards rested. What a shard
was asked to take is noted in the stream's `WriteLoad`, by which on-demand streams scale.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from headwater.engine.limits.token_bucket import TokenBucket
from headwater.engine.limits.write_load import WriteLoad
from headwater.model.stream import Stream


class ThroughputSettings(NamedTuple):
    """The limits of one stream: of each of its shards, in a second, and of its scaling."""

    records_in_per_s: int = 1_000
    bytes_in_per_s: int = 1024 * 1024
    reads_per_s: int = 5
    bytes_out_per_s: int = 2 * 1024 * 1024
    fan_out_bytes_per_s: int = 2 * 1024 * 1024
    """For each consumer with enhanced fan-out."""
    shards_max: int | None = None
    """Open shards to which an on-demand stream scales by itself; `None`: as its region has it."""


AWS_FIGURES = ThroughputSettings()


def rate_exceeded(stream: Stream, shard_id: str) -> str:
    """AWS's text for what is refused."""
    return f"Rate exceeded for shard {shard_id} in stream {stream.label}."


class _ShardRates:
    __slots__ = ("bytes_in", "bytes_out", "fan_out", "reads", "records_in")

    def __init__(self, figures: ThroughputSettings, now_ms: int) -> None:
        self.records_in = TokenBucket(figures.records_in_per_s, now_ms)
        self.bytes_in = TokenBucket(figures.bytes_in_per_s, now_ms)
        self.reads = TokenBucket(figures.reads_per_s, now_ms)
        self.bytes_out = TokenBucket(figures.bytes_out_per_s, now_ms)
        self.fan_out: dict[str, TokenBucket] = {}


class StreamLimits:
    """The rates of one stream's shards, each known by its log."""

    __slots__ = ("_shards", "figures", "load")

    def __init__(self, figures: ThroughputSettings, now_ms: int) -> None:
        self.figures = figures
        self.load = WriteLoad(now_ms)
        self._shards: dict[int, _ShardRates] = {}

    def takes(self, log_id: int, size: int, now_ms: int) -> bool:
        """Whether the shard takes a record of `size` bytes now; if so, it counts."""
        rates = self._shards.get(log_id) or self._rates(log_id, now_ms)
        taken = rates.records_in.has(1, now_ms) and rates.bytes_in.has(size, now_ms)
        if taken:
            rates.records_in.use(1)
            rates.bytes_in.use(size)
        if self.load.is_open:
            self.load.count(log_id, size, taken=taken)
        return taken

    def may_read(self, log_id: int, now_ms: int) -> bool:
        """Whether the shard answers a read now; if so, the call counts."""
        rates = self._rates(log_id, now_ms)
        if not (rates.reads.has(1, now_ms) and rates.bytes_out.has(1, now_ms)):
            return False
        rates.reads.use(1)
        return True

    def count_read(self, log_id: int, size: int, now_ms: int) -> None:
        """Count the bytes of a page."""
        bytes_out = self._rates(log_id, now_ms).bytes_out
        if size > self.figures.bytes_out_per_s:
            bytes_out.drain()
        bytes_out.use(size)

    def fan_out(self, log_id: int, consumer_name: str, now_ms: int) -> TokenBucket:
        """The fan-out rate of a consumer on the shard; it outlives the consumer's subscriptions."""
        buckets = self._rates(log_id, now_ms).fan_out
        bucket = buckets.get(consumer_name)
        if bucket is None:
            bucket = buckets[consumer_name] = TokenBucket(self.figures.fan_out_bytes_per_s, now_ms)
        return bucket

    def forget(self, log_ids: Iterable[int]) -> None:
        """These shards are gone."""
        for log_id in log_ids:
            self._shards.pop(log_id, None)

    def _rates(self, log_id: int, now_ms: int) -> _ShardRates:
        rates = self._shards.get(log_id)
        if rates is None:
            rates = self._shards[log_id] = _ShardRates(self.figures, now_ms)
        return rates
