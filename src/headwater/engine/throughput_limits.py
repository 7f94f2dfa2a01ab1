"""What a shard takes and gives in a second, when the limits of AWS are enforced.

Rules, as the developer guide has them:
- in: 1,000 records and 1 MiB of data and keys a second;
- out, for all who poll: five calls and 2 MiB a second; after a page that is larger than
  a second's worth, calls are refused for as long as it would have taken, so that one of
  10 MiB is followed by 5 s of refusals;
- out, for each consumer with enhanced fan-out: 2 MiB a second of its own.

Rates are kept in memory only: a server that starts has all shards rested.
"""

from __future__ import annotations

from collections.abc import Iterable

from headwater.engine.token_bucket import TokenBucket
from headwater.model.stream import Stream

RECORDS_IN_PER_S = 1_000
BYTES_IN_PER_S = 1024 * 1024
READS_PER_S = 5
BYTES_OUT_PER_S = 2 * 1024 * 1024


def rate_exceeded(stream: Stream, shard_id: str) -> str:
    """AWS's text for what is refused."""
    return f"Rate exceeded for shard {shard_id} in stream {stream.label}."


class _ShardRates:
    __slots__ = ("bytes_in", "bytes_out", "reads", "records_in")

    def __init__(self, now_ms: int) -> None:
        self.records_in = TokenBucket(RECORDS_IN_PER_S, now_ms)
        self.bytes_in = TokenBucket(BYTES_IN_PER_S, now_ms)
        self.reads = TokenBucket(READS_PER_S, now_ms)
        self.bytes_out = TokenBucket(BYTES_OUT_PER_S, now_ms)


class ThroughputLimits:
    """The rates of all shards, each known by its log."""

    def __init__(self) -> None:
        self._shards: dict[int, _ShardRates] = {}

    def takes(self, log_id: int, size: int, now_ms: int) -> bool:
        """Whether the shard takes a record of so many bytes now; if so, it counts."""
        rates = self._rates(log_id, now_ms)
        if not (rates.records_in.has(1, now_ms) and rates.bytes_in.has(size, now_ms)):
            return False
        rates.records_in.use(1)
        rates.bytes_in.use(size)
        return True

    def gives(self, log_id: int, now_ms: int) -> bool:
        """Whether the shard answers a read now; if so, the call counts."""
        rates = self._rates(log_id, now_ms)
        if not (rates.reads.has(1, now_ms) and rates.bytes_out.has(1, now_ms)):
            return False
        rates.reads.use(1)
        return True

    def gave(self, log_id: int, size: int, now_ms: int) -> None:
        """Count the bytes of a page."""
        bytes_out = self._rates(log_id, now_ms).bytes_out
        if size > BYTES_OUT_PER_S:
            bytes_out.drain()
        bytes_out.use(size)

    def forget(self, log_ids: Iterable[int]) -> None:
        """These shards are gone."""
        for log_id in log_ids:
            self._shards.pop(log_id, None)

    def _rates(self, log_id: int, now_ms: int) -> _ShardRates:
        rates = self._shards.get(log_id)
        if rates is None:
            rates = self._shards[log_id] = _ShardRates(now_ms)
        return rates
