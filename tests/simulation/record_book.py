"""Every record that was ever sent to a stream, and what a reader may and must see of it.

Rules:
- an acknowledged record is in the shard and has the number that its producer was told;
- of a refused one nothing is ever seen; of a lost one nothing, or one record;
- a record that was sent after another one with its hash key was acknowledged has a higher number;
- a page has all that was acknowledged before it was asked for, in the order of the numbers, and
  nothing twice; only records that have been beyond retention may be missing from it.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.simulation.shard_book import ShardBook, second_in


@dataclass
class SentRecord:
    """One record on its way, or where it is."""

    data: str
    partition_key: str
    hash_key: int
    sent: int
    """The step in which its call began."""
    earliest_ms: int
    """It did not arrive before this."""
    fate: str = "under way"
    """Then `stored`, `refused` or `lost`."""
    acknowledged: int | None = None
    """The step in which the call had its effect."""
    shard_id: str = ""
    number: str = ""


class Page(NamedTuple):
    """What a reader got, and what it asked for."""

    shard_id: str
    records: list[dict[str, Any]]
    after: str
    """The number of the record that was read last; empty when none was."""
    asked: int
    """The step in which it was asked for."""
    to_the_tip: bool
    """Whether it must reach to the newest record."""
    visible_from_ms: int
    gone_before_ms: int


class RecordBook:
    """The records of all streams of one name."""

    def __init__(self) -> None:
        self._sent: dict[str, SentRecord] = {}
        self._under_way: dict[str, SentRecord] = {}
        self._stored: dict[str, list[SentRecord]] = {}
        self._by_hash_key: dict[int, list[SentRecord]] = {}

    @property
    def latest_s(self) -> int:
        """The latest second in the number of a record of the present stream."""
        numbers = [record.number for records in self._stored.values() for record in records]
        return max((second_in(number) for number in numbers if number), default=-1)

    def begin_anew(self) -> None:
        """The stream is another one now."""
        self._stored.clear()
        self._by_hash_key.clear()

    def clock_moved(self, now_ms: int) -> None:
        """A record that is under way may arrive at this time."""
        for record in self._under_way.values():
            record.earliest_ms = min(record.earliest_ms, now_ms)

    def send(self, record: SentRecord) -> None:
        """A call with this record begins."""
        self._sent[record.data] = self._under_way[record.data] = record

    def store(self, record: SentRecord, shard_id: str, number: str, step: int, shards: ShardBook) -> None:
        """The record was acknowledged."""
        self._under_way.pop(record.data)
        assert record.fate == "under way" or (shard_id, number) == (record.shard_id, record.number), (
            f"{record} was seen elsewhere"
        )
        if record.fate == "under way":
            self._place(record, shard_id, number)
        record.acknowledged = step
        known = shards.shards.get(shard_id)
        if known is not None:
            start, end = known.hash_range
            assert start <= record.hash_key <= end, f"{record} is in the wrong shard"

    def refuse(self, record: SentRecord) -> None:
        """The call had no effect."""
        assert record.fate == "under way", f"{record} was refused"
        self._under_way.pop(record.data)
        record.fate = "refused"

    def lose(self, record: SentRecord) -> None:
        """Nobody knows."""
        self._under_way.pop(record.data)
        if record.fate == "under way":
            record.fate = "lost"

    def _place(self, record: SentRecord, shard_id: str, number: str) -> None:
        for other in self._by_hash_key.get(record.hash_key, ()):
            if other.acknowledged is not None and other.acknowledged < record.sent:
                assert other.number < number, f"{record} has {number}, which is not above that of {other}"
        for other in self._stored.get(shard_id, ()):
            assert other.number != number, f"{other} has the number of {record}"
            if other.acknowledged is not None and other.acknowledged < record.sent:
                assert other.number < number, f"{record} was stored before {other}"
        record.fate, record.shard_id, record.number = "stored", shard_id, number
        self._stored.setdefault(shard_id, []).append(record)
        self._by_hash_key.setdefault(record.hash_key, []).append(record)

    def read(self, page: Page, shards: ShardBook) -> list[SentRecord]:
        """The records of a page, which must be what the page may and must have."""
        found = [self._seen(page.shard_id, record, page, shards) for record in page.records]
        numbers = [record.number for record in found]
        assert numbers == sorted(set(numbers)), f"{page.shard_id} is out of order: {numbers}"
        assert not numbers or numbers[0] > page.after, f"{found[0]} was read before"
        up_to = "9" * 60 if page.to_the_tip else numbers[-1] if numbers else ""
        for record in self._due(page.shard_id, page.after, up_to, page.asked, page.gone_before_ms):
            assert record in found, f"{record} is missing from {numbers}, after {page.after}"
        return found

    def missing(self, shard_id: str, after: str, asked: int, gone_before_ms: int) -> list[SentRecord]:
        """What a reader that has come to `after` still has to see."""
        return self._due(shard_id, after, "9" * 60, asked, gone_before_ms)

    def stored(self, shard_id: str) -> list[SentRecord]:
        """The records that are known to be in a shard, in the order of their numbers."""
        return sorted(self._stored.get(shard_id, ()), key=lambda record: record.number)

    def shard_ids(self) -> list[str]:
        """The shards that are known to have records."""
        return sorted(self._stored)

    def _due(
        self, shard_id: str, after: str, up_to: str, asked: int, gone_before_ms: int
    ) -> list[SentRecord]:
        return [
            record
            for record in self._stored.get(shard_id, ())
            if after < record.number <= up_to
            and record.acknowledged is not None
            and record.acknowledged < asked
            and record.earliest_ms >= gone_before_ms
        ]

    def _seen(self, shard_id: str, document: dict[str, Any], page: Page, shards: ShardBook) -> SentRecord:
        data, number = b64decode(document["Data"]).decode(), document["SequenceNumber"]
        record = self._sent[data]
        assert record.fate != "refused", f"{record} is in {shard_id}"
        assert document["PartitionKey"] == record.partition_key
        arrival_ms = round(document["ApproximateArrivalTimestamp"] * 1000)
        assert arrival_ms >= record.earliest_ms, f"{record} arrived at {arrival_ms}"
        if record.acknowledged is not None and record.acknowledged < page.asked:
            assert arrival_ms >= page.visible_from_ms, f"{record} is beyond retention: {arrival_ms}"
        if record.fate != "stored":
            self._place(record, shard_id, number)
        assert (record.shard_id, record.number) == (shard_id, number), f"{record} is {number} of {shard_id}"
        known = shards.shards.get(shard_id)
        if known is not None:
            start, end = known.hash_range
            assert start <= record.hash_key <= end, f"{record} is in the wrong shard"
            assert known.starting_number < number, f"{record} is below its shard"
            assert known.ending_number is None or number < known.ending_number, f"{record} is above its shard"
        return record
