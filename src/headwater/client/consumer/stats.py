"""The statistics of a consumer: counts, and the lag of each shard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from headwater.client.calls.errors import ServiceError
from headwater.client.calls.metrics import Metric

THROTTLED_CODES = frozenset(
    {"LimitExceededException", "ProvisionedThroughputExceededException", "ThrottlingException"}
)
SMOOTHING = 0.5
"""The weight of the newest measurement in a throughput."""


@dataclass(slots=True)
class ShardStats:
    """The statistics of one shard, since this worker took it."""

    shard_id: str
    records: int = 0
    """Records handled; user records of an aggregate count one by one."""
    size_bytes: int = 0
    """Bytes read."""
    batches: int = 0
    """Batches handled."""
    lag_ms: int = 0
    """The lag of the last handled record behind the newest, in ms; 0 when none is left."""
    buffered_bytes: int = 0
    """Bytes read and not handled yet."""
    throttled: int = 0
    """Reads that the service throttled."""
    failed_reads: int = 0
    """Reads that failed for another reason, and were retried."""
    handler_errors: int = 0
    """Errors that the handler raised."""
    skipped_records: int = 0
    """Records given up, after the last retry of the handler."""
    misplaced_records: int = 0
    """User records in misplaced aggregates: dropped, unless `misplaced_records` says otherwise."""
    checkpoint: str = ""
    """The last checkpoint: a sequence number, or a word such as TRIM_HORIZON."""
    throughput_kbps: float = 0.0
    """The present throughput, in KiB a second."""
    _measured_at_s: float | None = field(default=None, repr=False)
    _measured_bytes: int = field(default=0, repr=False)

    def refused(self, error: Exception) -> None:
        """Count a read that failed and will be retried."""
        if isinstance(error, ServiceError) and error.code in THROTTLED_CODES:
            self.throttled += 1
        else:
            self.failed_reads += 1

    def measured_kbps(self, now_s: float) -> float:
        """The throughput in KiB a second, smoothed over its measurements."""
        if self._measured_at_s is not None and now_s > self._measured_at_s:
            newest = (self.size_bytes - self._measured_bytes) / 1024 / (now_s - self._measured_at_s)
            self.throughput_kbps += SMOOTHING * (newest - self.throughput_kbps)
        self._measured_at_s, self._measured_bytes = now_s, self.size_bytes
        return round(self.throughput_kbps, 2)


@dataclass(frozen=True, slots=True)
class ConsumerStats:
    """The statistics of a consumer: totals since its start, as in `ShardStats`, and its present shards."""

    worker_id: str
    records: int = 0
    size_bytes: int = 0
    batches: int = 0
    throttled: int = 0
    failed_reads: int = 0
    handler_errors: int = 0
    skipped_records: int = 0
    misplaced_records: int = 0
    buffered_bytes: int = 0
    shards: Mapping[str, ShardStats] = field(default_factory=dict)

    @property
    def lag_ms(self) -> int:
        """The lag of the shard that is furthest behind, in ms."""
        return max((shard.lag_ms for shard in self.shards.values()), default=0)

    def metrics(self, stream: str) -> Iterable[Metric]:
        """The statistics as metrics."""
        labels = {"stream": stream, "worker": self.worker_id}
        for name, documentation in TOTALS.items():
            value = getattr(self, name)
            yield Metric(f"headwater_consumer_{name}_total", "counter", documentation, labels, value)
        yield Metric("headwater_consumer_shards", "gauge", "Shards that are read", labels, len(self.shards))
        yield Metric(
            "headwater_consumer_buffered_bytes",
            "gauge",
            "Bytes read and not handled yet",
            labels,
            self.buffered_bytes,
        )
        for shard in self.shards.values():
            yield Metric(
                "headwater_consumer_lag_ms",
                "gauge",
                "How far behind the newest record a shard is",
                labels | {"shard": shard.shard_id},
                shard.lag_ms,
            )


TOTALS = {
    "records": "Records handled",
    "size_bytes": "Bytes read",
    "batches": "Batches handled",
    "throttled": "Reads refused because a shard is read too fast",
    "failed_reads": "Reads that failed and were made again",
    "handler_errors": "Errors of the handler",
    "skipped_records": "Records given up after the handler had failed",
    "misplaced_records": "Records of aggregates with keys of other shards, dropped by default",
}
"""The counters, by the name of their field in `ShardStats` and `ConsumerStats`."""


class StatsBook:
    """The collector of one consumer's statistics, while shards come and go."""

    def __init__(self, worker_id: str) -> None:
        self._worker_id = worker_id
        self._shards: dict[str, ShardStats] = {}
        self._totals = dict.fromkeys(TOTALS, 0)

    def begin(self, shard_id: str, checkpoint: str) -> ShardStats:
        """Begin the statistics of a shard."""
        self._shards[shard_id] = shard = ShardStats(shard_id, checkpoint=checkpoint)
        return shard

    def end(self, shard: ShardStats) -> None:
        """End the statistics of a shard; its totals stay."""
        if self._shards.get(shard.shard_id) is shard:
            del self._shards[shard.shard_id]
        for name in TOTALS:
            self._totals[name] += getattr(shard, name)

    def throughput_kbps(self, shard_id: str, now_s: float) -> float | None:
        """The throughput of a shard for its lease, in KiB a second."""
        shard = self._shards.get(shard_id)
        return None if shard is None else shard.measured_kbps(now_s)

    def stats(self) -> ConsumerStats:
        """The present statistics."""
        shards = {shard_id: self._shards[shard_id] for shard_id in sorted(self._shards)}
        totals = {
            name: total + sum(getattr(shard, name) for shard in shards.values())
            for name, total in self._totals.items()
        }
        buffered_bytes = sum(shard.buffered_bytes for shard in shards.values())
        return ConsumerStats(self._worker_id, buffered_bytes=buffered_bytes, shards=shards, **totals)
