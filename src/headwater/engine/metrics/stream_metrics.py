"""What is counted of one stream: since the server started, and in the minute that is under way.

The operations tell what they did; numbers grow, and nothing else happens on their way.
What CloudWatch would show follows from these numbers, once a minute.

A call that is refused before it reaches the stream's records (a wrong member, no such
shard) is not one of the stream's calls here. One that its rates refuse, or that the
store fails, is one: it was not a success.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from headwater.engine.metrics.kept_minutes import Dimensions
from headwater.engine.metrics.minute_tallies import ConsumerTallies, ShardTallies, Statistics, StreamTallies
from headwater.engine.metrics.tally import StatisticSet
from headwater.model.record_list import PlacementList
from headwater.model.shard import shard_id_of
from headwater.model.stream import Stream


class Totals(NamedTuple):
    """The totals of a stream: records and bytes in and out, and refusals."""

    records_in: int = 0
    bytes_in: int = 0
    records_out: int = 0
    bytes_out: int = 0
    records_refused: int = 0
    reads_refused: int = 0


class StreamMetrics:
    """The counts of one stream."""

    __slots__ = (
        "_before",
        "_consumers",
        "_dimensions",
        "_open",
        "_pages",
        "_shards",
        "_shown",
        "iterator_age_ms",
        "monitored",
        "put_durations_s",
        "put_sizes",
    )

    def __init__(self, name: str) -> None:
        self.iterator_age_ms: dict[int, int] = {}
        """How far behind the last GetRecords of each shard was; none for a shard that was read to its end."""
        self.monitored: tuple[str, ...] = ()
        """The metrics of each shard that enhanced monitoring has turned on."""
        self.put_sizes: list[int] = []
        """The bytes of what PutRecord has stored; it only appends here, which costs next to nothing."""
        self.put_durations_s: list[float] = []
        """How long that took."""
        self._pages: list[tuple[int, int, int, float]] = []
        """What GetRecords has given: records, bytes, how far behind in ms, how long it took in seconds."""
        self._dimensions: Dimensions = (("StreamName", name),)  # the stream's come first
        self._before = Totals()
        self._begin_minute()

    def take_over(self, stream: Stream) -> None:
        """The stream has a new value: other metrics of its shards may be wanted, or shards may have gone."""
        self.monitored = stream.shard_level_metrics
        self._shown.update(self.monitored)  # those that were wanted before are, until the minute is over
        if self.iterator_age_ms:
            listed = {shard.index for shard in stream.shards}
            for shard_index in self.iterator_age_ms.keys() - listed:
                del self.iterator_age_ms[shard_index]

    # What the operations tell

    def put_record_refused(self, shard_id: str, duration_s: float) -> None:
        """PutRecord was beyond the shard's rate."""
        self._open.put_refused += 1
        self._open.put_ms.add(duration_s * 1000)
        if self.monitored:
            self._shard(shard_id).refused.add(1)

    def put_record_failed(self, duration_s: float) -> None:
        """PutRecord could not store its record."""
        self._open.put_failed += 1
        self._open.put_ms.add(duration_s * 1000)

    def put_records(
        self, placements: PlacementList, failed: int, size: int, duration_s: float, *, lost: int
    ) -> None:
        """Count a PutRecords call that has stored `size` bytes.

        Of the `failed` records the store failed those that are `lost`; the others were beyond their
        shards' rates.
        """
        tallies = self._open
        tallies.puts_ms.add(duration_s * 1000)
        tallies.puts_total.add(len(placements))
        tallies.puts_refused.add(failed - lost)
        tallies.puts_failed.add(lost)
        if failed < len(placements):
            tallies.puts_records.add(len(placements) - failed)
            tallies.puts_bytes.add(size)
        if failed > lost and self.monitored:
            without_place = [shard_id for shard_id, number in placements if number is None and shard_id]
            for shard_id in set(without_place):
                self._shard(shard_id).refused.add(without_place.count(shard_id))

    def put_records_failed(self, count: int, duration_s: float) -> None:
        """Count a PutRecords call that stored none of its records."""
        tallies = self._open
        tallies.puts_ms.add(duration_s * 1000)
        tallies.puts_total.add(count)
        tallies.puts_refused.add(0)
        tallies.puts_failed.add(count)

    def shard_put(self, shard_id: str, records: int, size: int) -> None:
        """Count the records that one call has stored in a shard; for `monitored` shards only."""
        shard = self._shard(shard_id)
        shard.records_in.add(records)
        shard.bytes_in.add(size)
        shard.refused.add(0)

    def get_records(
        self, shard_index: int, records: int, size: int, behind_ms: int, duration_s: float, *, at_end: bool
    ) -> None:
        """Count the records of a GetRecords call; `at_end` of a closed shard there will be no more."""
        self._pages.append((records, size, behind_ms, duration_s))
        if at_end:
            self.iterator_age_ms.pop(shard_index, None)
        else:
            self.iterator_age_ms[shard_index] = behind_ms
        if self.monitored:
            shard = self._shard(shard_id_of(shard_index))
            shard.age_ms.add(behind_ms)
            shard.reads_refused.add(0)
            shard.records_out.add(records)
            shard.bytes_out.add(size)

    def get_records_refused(self, shard_id: str, duration_s: float) -> None:
        """GetRecords was beyond the shard's rate."""
        self._open.get_refused += 1
        self._open.get_ms.add(duration_s * 1000)
        if self.monitored:
            self._shard(shard_id).reads_refused.add(1)

    def get_records_failed(self, duration_s: float) -> None:
        """GetRecords could not read."""
        self._open.get_failed += 1
        self._open.get_ms.add(duration_s * 1000)

    def subscribed(self, consumer_name: str) -> None:
        """A consumer has got a subscription."""
        self._consumer(consumer_name).subscribed += 1

    def subscription_refused(self, consumer_name: str) -> None:
        """A consumer asked too early, or too often, for a subscription."""
        self._consumer(consumer_name).rate_exceeded += 1

    def event(self, consumer_name: str, shard_id: str, records: int, size: int, behind_ms: int) -> None:
        """Count the records that a subscription has pushed."""
        consumer = self._consumer(consumer_name)
        consumer.records.add(records)
        consumer.bytes.add(size)
        consumer.behind_ms.add(behind_ms)
        if self.monitored:
            shard = self._shard(shard_id)
            shard.records_out.add(records)
            shard.bytes_out.add(size)

    # What follows from it

    def gather(self) -> None:
        """Tally what PutRecord and GetRecords have left. Called often, so that it does not pile up."""
        if self.put_sizes:
            self._open.put_bytes.add_all(self.put_sizes)
            self._open.put_ms.add_all([duration_s * 1000 for duration_s in self.put_durations_s])
            self.put_sizes.clear()
            self.put_durations_s.clear()
        if self._pages:
            records, sizes, behind_ms, durations_s = zip(*self._pages, strict=True)
            self._pages.clear()
            self._open.get_records.add_all(records)
            self._open.get_bytes.add_all(sizes)
            self._open.get_age_ms.add_all(behind_ms)
            self._open.get_ms.add_all([duration_s * 1000 for duration_s in durations_s])

    def totals(self) -> Totals:
        """The totals up to now."""
        self.gather()
        tallies, consumers = self._open, self._consumers.values()
        records_out = tallies.get_records.total + sum(consumer.records.total for consumer in consumers)
        bytes_out = tallies.get_bytes.total + sum(consumer.bytes.total for consumer in consumers)
        now = (
            tallies.put_bytes.count + tallies.puts_records.total,
            tallies.put_bytes.total + tallies.puts_bytes.total,
            records_out,
            bytes_out,
            tallies.put_refused + tallies.puts_refused.total,
            tallies.get_refused,
        )
        return Totals(*(before + int(added) for before, added in zip(self._before, now, strict=True)))

    def minute(self) -> Iterator[tuple[str, Dimensions, StatisticSet]]:
        """Every metric of CloudWatch that has had values in the minute under way."""
        self.gather()
        yield from _present(self._dimensions, self._open.statistics())
        for name, consumer in self._consumers.items():
            yield from _present((*self._dimensions, ("ConsumerName", name)), consumer.statistics())
        for shard_id, shard in self._shards.items():
            dimensions = (*self._dimensions, ("ShardId", shard_id))
            for found in _present(dimensions, shard.statistics()):
                if found[0] in self._shown:
                    yield found

    def end_minute(self) -> None:
        """Begin the next minute; the totals go on."""
        self._before = self.totals()
        self._begin_minute()

    def _begin_minute(self) -> None:
        self._open = StreamTallies()
        self._consumers: dict[str, ConsumerTallies] = {}
        self._shards: dict[str, ShardTallies] = {}
        self._shown = set(self.monitored)

    def _consumer(self, name: str) -> ConsumerTallies:
        tallies = self._consumers.get(name)
        if tallies is None:
            tallies = self._consumers[name] = ConsumerTallies()
        return tallies

    def _shard(self, shard_id: str) -> ShardTallies:
        tallies = self._shards.get(shard_id)
        if tallies is None:
            tallies = self._shards[shard_id] = ShardTallies()
        return tallies


def _present(
    dimensions: Dimensions, statistics: Statistics
) -> Iterator[tuple[str, Dimensions, StatisticSet]]:
    for metric, values in statistics:
        if values is not None:
            yield metric, dimensions, values
