"""The records of a producer, from the moment the loop takes them until their outcome.

    taken ─► gathered into aggregates ─► in order ─► within the shards' rates ─► ready

Each step is there only if its setting asks for it; else a record is ready at once.

Refuses to know calls, time-outs and event loops: it is told what time it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from headwater.client.producer.aggregation import AggregatedPut, Aggregator, Put
from headwater.client.producer.key_order import KeyOrder
from headwater.client.producer.put_future import PutFuture
from headwater.client.producer.settings import ProducerSettings
from headwater.client.producer.shard_map import ShardMap, hash_key_of_record
from headwater.client.producer.shard_rates import ShardRates

UNLIMITED = float("inf")


class RecordAccumulator:
    """The records of one producer that have no outcome yet."""

    def __init__(self, settings: ProducerSettings, shard_map: ShardMap) -> None:
        self._settings = settings
        self._shard_map = shard_map
        self._aggregator = Aggregator(shard_map, settings.aggregate_bytes) if settings.aggregate else None
        self._order = KeyOrder() if settings.ordered else None
        self._rates: ShardRates | None = None
        if settings.limits_shards:
            self._rates = ShardRates(
                settings.shard_records_s or UNLIMITED, settings.shard_bytes_s or UNLIMITED
            )
        self._gathering_since_s: float | None = None
        self._ready: deque[Put] = deque()
        self._ready_bytes = 0

    def add(self, puts: list[PutFuture], now_s: float) -> None:
        """Add records, in their order."""
        if not puts:
            return
        if self._aggregator is None:
            self._admit(puts, now_s)
            return
        if self._gathering_since_s is None:
            self._gathering_since_s = puts[0].since_s
        add = self._aggregator.add
        self._admit([full for put in puts for full in add(put)], now_s)

    def close_aggregates(self, now_s: float) -> None:
        """Close all open aggregates: their records are ready."""
        if self._aggregator is not None:
            self._gathering_since_s = None
            self._admit(self._aggregator.close(), now_s)

    def oldest_s(self) -> float:
        """The time at which the oldest record was put that is ready or in an open aggregate."""
        ready_s = self._ready[0].since_s if self._ready else UNLIMITED
        return min(ready_s, UNLIMITED if self._gathering_since_s is None else self._gathering_since_s)

    @property
    def has_batch(self) -> bool:
        """Whether the ready records fill a call."""
        return (
            len(self._ready) >= self._settings.batch_records
            or self._ready_bytes >= self._settings.batch_bytes
        )

    @property
    def is_ready(self) -> bool:
        """Whether a record is ready."""
        return bool(self._ready)

    def batch(self, now_s: float) -> list[Put]:
        """The records of the next call; empty when none is ready."""
        ready = self._ready
        if self._aggregator is not None:
            self._regroup_stale(now_s)
        if len(ready) <= self._settings.batch_records and self._ready_bytes <= self._settings.batch_bytes:
            batch = list(ready)
            ready.clear()
            self._ready_bytes = 0
            return batch
        batch, size_bytes = [], 0
        while ready and len(batch) < self._settings.batch_records:
            put_bytes = ready[0].size_bytes
            if batch and size_bytes + put_bytes > self._settings.batch_bytes:
                break
            size_bytes += put_bytes
            batch.append(ready.popleft())
        self._ready_bytes -= size_bytes
        return batch

    def requeue(self, puts: list[Put], now_s: float) -> None:
        """Take back records for another attempt, before all others."""
        puts = self._within_rates(puts, now_s)
        self._ready.extendleft(reversed(puts))
        self._ready_bytes += sum(put.size_bytes for put in puts)

    def done(self, put: Put, now_s: float) -> None:
        """Forget a record that has its outcome; records behind it may be ready."""
        if self._order is not None:
            self._make_ready(self._order.leave(put), now_s)

    def split_up(self, put: AggregatedPut, now_s: float) -> None:
        """Regroup an aggregate's user records after a reshard, and send them again."""
        assert self._aggregator is not None
        puts = self._aggregator.group(put.members())
        if self._order is not None:
            puts = self._order.replace(put, puts)
        self.requeue(puts, now_s)

    def shards_changed(self, now_s: float) -> None:
        """Regroup open aggregates after a reshard."""
        if self._aggregator is not None:
            self._admit(self._aggregator.regroup(), now_s)

    def due_within_rates(self, now_s: float) -> float | None:
        """Make ready what the shards' rates allow now; the seconds until they allow more."""
        if self._rates is None:
            return None
        self._append(self._rates.due(now_s))
        return self._rates.next_s()

    def all(self) -> Iterator[Put | PutFuture]:
        """All records; one may come more than once."""
        yield from self._ready
        if self._aggregator is not None:
            yield from self._aggregator.members()
        if self._order is not None:
            yield from (self._order.waiting())
        if self._rates is not None:
            yield from (self._rates.waiting())

    def _admit(self, puts: Iterable[Put], now_s: float) -> None:
        if self._order is not None:
            enter = self._order.enter
            puts = [put for put in puts if enter(put)]
        self._make_ready(puts, now_s)

    def _make_ready(self, puts: Iterable[Put], now_s: float) -> None:
        self._append(self._within_rates(puts, now_s))

    def _append(self, puts: list[Put]) -> None:
        self._ready.extend(puts)
        self._ready_bytes += sum([put.size_bytes for put in puts])

    def _within_rates(self, puts: Iterable[Put], now_s: float) -> list[Put]:
        """The records that the shards' rates allow now; the others wait."""
        if self._rates is None:
            return puts if isinstance(puts, list) else list(puts)
        rates = self._rates
        return [put for put in puts if rates.admit(put, self._shard_id_of(put), now_s)]

    def _shard_id_of(self, put: Put) -> str:
        if isinstance(put, AggregatedPut):
            return put.shard.shard_id
        entry = put.entry
        shard = self._shard_map.shard_of(hash_key_of_record(entry.partition_key, entry.explicit_hash_key))
        return "" if shard is None else shard.shard_id

    def _regroup_stale(self, now_s: float) -> None:
        """Regroup ready aggregates whose shard was closed by a reshard."""
        stale = [
            put
            for put in self._ready
            if isinstance(put, AggregatedPut) and self._shard_map.shard_named(put.shard.shard_id) is None
        ]
        if not stale:
            return
        kept = [put for put in self._ready if put not in stale]
        self._ready.clear()
        self._append(kept)
        for put in reversed(stale):
            self.split_up(put, now_s)
