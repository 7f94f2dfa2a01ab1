"""The rate limit of each shard, so that the service throttles none.

A token bucket for each shard, of records and of bytes, that holds one second's worth.
What finds it empty waits in line, for its shard alone.
"""

from __future__ import annotations

from collections import deque

from headwater.client.producer.aggregation import Put


class _Bucket:
    """The token bucket of one shard."""

    def __init__(self, now_s: float, records: float, size_bytes: float) -> None:
        self.records = records
        self.bytes = size_bytes
        self.filled_s = now_s
        self.waiting: deque[Put] = deque()


class ShardRates:
    """The rate limits of all shards of a stream."""

    def __init__(self, records_s: float, bytes_s: float) -> None:
        self._records_s = records_s
        self._bytes_s = bytes_s
        self._buckets: dict[str, _Bucket] = {}

    def admit(self, put: Put, shard_id: str, now_s: float) -> bool:
        """Whether a record may be sent now; if not, it waits until `due` gives it."""
        bucket = self._buckets.get(shard_id)
        if bucket is None:
            bucket = self._buckets[shard_id] = _Bucket(now_s, self._records_s, self._bytes_s)
        if not bucket.waiting and self._takes(bucket, put, now_s):
            return True
        bucket.waiting.append(put)
        return False

    def due(self, now_s: float) -> list[Put]:
        """The waiting records that may be sent now, in their order."""
        freed: list[Put] = []
        for bucket in self._buckets.values():
            waiting = bucket.waiting
            while waiting and self._takes(bucket, waiting[0], now_s):
                freed.append(waiting.popleft())
        return freed

    def next_s(self) -> float | None:
        """The seconds until `due` gives a record; None when none waits."""
        delays = [
            max(
                (1 - bucket.records) / self._records_s,
                (self._bytes_wanted(bucket.waiting[0]) - bucket.bytes) / self._bytes_s,
                0.0,
            )
            for bucket in self._buckets.values()
            if bucket.waiting
        ]
        return min(delays, default=None)

    def waiting(self) -> list[Put]:
        """All waiting records."""
        return [put for bucket in self._buckets.values() for put in bucket.waiting]

    def clear(self) -> None:
        """Forget every shard, and all waiting records."""
        self._buckets.clear()

    def _takes(self, bucket: _Bucket, put: Put, now_s: float) -> bool:
        elapsed_s = now_s - bucket.filled_s
        bucket.filled_s = now_s
        bucket.records = min(self._records_s, bucket.records + elapsed_s * self._records_s)
        bucket.bytes = min(self._bytes_s, bucket.bytes + elapsed_s * self._bytes_s)
        if bucket.records < 1 or bucket.bytes < self._bytes_wanted(put):
            return False
        bucket.records -= 1
        bucket.bytes -= put.size_bytes
        return True

    def _bytes_wanted(self, put: Put) -> float:
        """The bytes that a record needs. One larger than the bucket goes when it is full, with a debt."""
        return min(put.size_bytes, self._bytes_s)
