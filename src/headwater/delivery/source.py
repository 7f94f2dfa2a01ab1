"""The records of a stream for a delivery: followed through reshards, and found again by their places.

Refuses to know what gathers them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from headwater.delivery.batch_plan import ShardPlace
from headwater.delivery.context import DeliveryContext
from headwater.engine.engine import Engine
from headwater.engine.reading import ShardPage, read_shard
from headwater.followers.context import FollowerContext
from headwater.followers.shard_reading import LogReader, Paging, ShardGone, find_shard
from headwater.followers.stream_follower import StreamFollower
from headwater.model.arn import StreamName
from headwater.model.errors import ResourceNotFoundException
from headwater.model.record import Payload, Record, decode_data, decode_payloads
from headwater.model.record_list import NumberedRun
from headwater.model.sequence_number import record_position
from headwater.model.shard import Shard
from headwater.server.asyncio_bridge import finished

PAGE_RECORDS = 2_000
PAGE_BYTES = 1024 * 1024
"""A page is worked at in one turn, while requests wait."""


class RecordOrigin(NamedTuple):
    """Where a record is from."""

    shard_id: str
    sequence_number: str
    arrival_ms: int


class SourcePage:
    """Records that follow one another in one shard."""

    __slots__ = ("_datas", "_origins", "_records", "_runs", "behind_ms", "first_arrival_ms", "shard_id")

    def __init__(self, shard_id: str, runs: list[NumberedRun], behind_ms: int = 0) -> None:
        """`behind_ms`: how old the last of them was when there were newer ones."""
        self.shard_id = shard_id
        self.behind_ms = behind_ms
        self._runs = runs
        self._datas: list[bytes] | None = None
        self._records: list[Record] | None = None
        self._origins: list[RecordOrigin] | None = None
        self.first_arrival_ms = runs[0].arrival_ms if runs else 0
        """When the first of them arrived. Meaningless without records."""

    def __len__(self) -> int:
        return sum([len(run.payloads) for run in self._runs])

    @property
    def datas(self) -> list[bytes]:
        """Their data, in the order of the shard."""
        if self._datas is None:
            self._datas = decode_data(self._payloads())
        return self._datas

    @property
    def records(self) -> list[Record]:
        """Data and partition keys; whoever needs the data alone has it cheaper."""
        if self._records is None:
            self._records = decode_payloads(self._payloads())
        return self._records

    def _payloads(self) -> list[Payload]:
        return [payload for run in self._runs for payload in run.payloads]

    def origins(self) -> list[RecordOrigin]:
        """Where each of `records` is from."""
        if self._origins is None:
            self._origins = [
                RecordOrigin(self.shard_id, str(number), run.arrival_ms)
                for run in self._runs
                for number in run.sequence_numbers
            ]
        return self._origins


class PageTarget(Protocol):
    """The target of a source."""

    def place(self, shard: Shard) -> ShardPlace:
        """Where to begin with a shard."""

    def take(self, log_id: int, page: SourcePage, place: ShardPlace) -> None:
        """Take records; `place` is where the shard is after them."""

    def has_room(self) -> bool:
        """Whether more may be read."""

    def keep_only(self, log_ids: set[int]) -> None:
        """Forget the shards that have left the stream."""


class Source(Protocol):
    """The source of a delivery."""

    async def run(self, target: PageTarget) -> None:
        """Read until `stop`, and no further while the target has no room."""

    def stop(self) -> None:
        """Let `run` end."""

    def on_room(self) -> None:
        """The target has room again."""

    async def again(
        self, begin: Callable[[Shard], int], places: dict[int, ShardPlace], take: Callable[[SourcePage], None]
    ) -> None:
        """Give the records between two places of each shard once more, in the same order within a shard.

        `begin` has the first position in a shard. What is beyond retention by now is left out.
        """

    def behind(self, place: Callable[[Shard], ShardPlace]) -> tuple[int, int]:
        """How many records are beyond these places, and for how long, in milliseconds, the last one waits."""


class StreamSource:
    """A stream of this server. A `Source`."""

    def __init__(
        self, context: DeliveryContext, name: StreamName, label: str, *, is_metered: bool = False
    ) -> None:
        """`is_metered`: reading it uses up what the stream's shards give to all readers."""
        self._context = context
        self._name = name
        self._label = label
        self._paging = Paging(PAGE_RECORDS, PAGE_BYTES, is_metered, context.turns)
        self._follower: StreamFollower | None = None
        self._readings: dict[int, _ShardReading] = {}

    async def run(self, target: PageTarget) -> None:
        """Read until `stop`, and no further while the target has no room."""
        places = _Places(target)
        self._follower = StreamFollower(
            self._context, self._name, places, lambda shard: self._begin(target, shard), _nothing, self._label
        )
        await self._follower.run()

    def stop(self) -> None:
        """Let `run` end."""
        if self._follower is not None:
            self._follower.stop()

    def on_room(self) -> None:
        """The target has room again."""
        for reading in list(self._readings.values()):
            reading.reader.on_room()

    async def again(
        self, begin: Callable[[Shard], int], places: dict[int, ShardPlace], take: Callable[[SourcePage], None]
    ) -> None:
        """Give the records between two places of each shard once more; see `Source`."""
        try:
            stream = (await finished(self._context.engine.serving(self._name))).stream
        except ResourceNotFoundException:
            return
        for shard in stream.shards:  # parents before their children
            place = places.get(shard.log_id)
            if place is not None:
                await self._again(shard, begin(shard), place.position, take)

    def behind(self, place: Callable[[Shard], ShardPlace]) -> tuple[int, int]:
        """How many records are beyond these places, and for how long, in milliseconds, the last one waits."""
        engine, records = self._context.engine, 0
        since_ms = now_ms = engine.now_ms()
        try:
            shards = engine.live(self._name).stream.shards
        except ResourceNotFoundException:
            return 0, 0
        for shard in shards:
            here, extent = place(shard), engine.extent(shard.log_id)
            if here.is_finished or extent is None:
                continue
            left = extent.next - max(here.position, extent.first)
            if left > 0:
                records += left
                since_ms = min(since_ms, extent.last_time_ms or now_ms)  # 0: nothing of it has been read yet
        return records, now_ms - since_ms

    async def _again(self, shard: Shard, position: int, end: int, take: Callable[[SourcePage], None]) -> None:
        while position < end:
            async with self._paging.turns:
                after = await self._again_from(shard, position, end, take)
            if after is None or after <= position:
                return  # there is nothing left of it
            position = after

    async def _again_from(
        self, shard: Shard, position: int, end: int, take: Callable[[SourcePage], None]
    ) -> int | None:
        """Give one page of it; where it ends."""
        engine = self._context.engine
        try:
            live, found = await find_shard(engine, self._name, shard)
            limit = min(PAGE_RECORDS, end - position)
            page = await finished(read_shard(engine, live.stream, found, position, limit, PAGE_BYTES))
        except (ShardGone, ResourceNotFoundException):
            return None
        after = end_of(engine, page)
        runs = runs_before(page.records.runs, end)
        if runs:
            take(SourcePage(shard.shard_id, runs, page.millis_behind_latest))
        return after

    def _begin(self, target: PageTarget, shard: Shard) -> _ShardReading:
        reading = _ShardReading(self._context, self._name, shard, target, self._paging)
        self._readings[shard.log_id] = reading
        reading.on_end = lambda: self._readings.pop(shard.log_id, None)
        return reading


class _ShardReading:
    """Reads one shard into the target. A `ShardWork` and a `ReadTarget`."""

    def __init__(
        self, context: FollowerContext, name: StreamName, shard: Shard, target: PageTarget, paging: Paging
    ) -> None:
        self._engine = context.engine
        self._shard = shard
        self._target = target
        self._stopping = False
        self.on_end: Callable[[], object] = _nothing
        self.reader = LogReader(context, name, shard, target.place(shard).position, self, paging)

    async def run(self) -> None:
        """Read to the end of the shard, or until `stop`."""
        try:
            await self.reader.run()
        except ShardGone:
            return
        finally:
            self.on_end()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping = True
        self.reader.stop()

    def take(self, page: ShardPage) -> None:
        """Take what was read."""
        if self._stopping:
            return
        place = ShardPlace(end_of(self._engine, page), page.next_position is None)
        runs, behind_ms = list(page.records.runs), page.millis_behind_latest
        self._target.take(self._shard.log_id, SourcePage(self._shard.shard_id, runs, behind_ms), place)

    def has_room(self) -> bool:
        """Whether more may be read."""
        return self._target.has_room()


class _Places:
    """What a follower asks of a target."""

    def __init__(self, target: PageTarget) -> None:
        self._target = target

    def is_finished(self, shard: Shard) -> bool:
        """Whether the shard was closed, and all of it is read."""
        return self._target.place(shard).is_finished

    def keep_only(self, log_ids: set[int]) -> None:
        """Forget the shards that have left the stream."""
        self._target.keep_only(log_ids)


def end_of(engine: Engine, page: ShardPage) -> int:
    """Where a shard is read on after a page, at its end, too."""
    if page.next_position is not None:
        return page.next_position
    extent = engine.extent(page.shard.log_id)
    return extent.next if extent is not None else 0


def runs_before(
    runs: Sequence[NumberedRun], end: int, position_of: Callable[[int], int] = record_position
) -> list[NumberedRun]:
    """The records before a position of their log, which may have gaps.

    `position_of` gives the position of a record's number; a stream's sequence number has it within.
    """
    kept: list[NumberedRun] = []
    for run in runs:
        taken = min(len(run.payloads), end - position_of(run.sequence_numbers[0]))
        if taken > 0:
            kept.append(
                run._replace(sequence_numbers=run.sequence_numbers[:taken], payloads=run.payloads[:taken])
            )
    return kept


def _nothing() -> None:
    """The stream is looked for again."""
