"""One shard of one mapping: a reader, and the lanes that its records go to.

What is read is filtered, written as it stands in events, and put into the lane of its
partition key. The progress of all lanes together is the shard's; it is kept after each
step of a lane and each page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from zlib import crc32

from headwater.engine.reading import ShardPage
from headwater.followers.shard_reading import LogReader, ShardGone
from headwater.lambda_.functions.invocation import FunctionNotFound
from headwater.lambda_.mappings.event_counts import EventCounts
from headwater.lambda_.mappings.fan_out_reading import FanOutReader
from headwater.lambda_.mappings.kinesis_event import RecordWriter, StreamRecord
from headwater.lambda_.mappings.lane import Lane
from headwater.lambda_.mappings.mapping import Mapping
from headwater.lambda_.mappings.poller_context import PollerContext
from headwater.lambda_.mappings.record_filter import RecordFilter
from headwater.lambda_.mappings.store import LaneProgress, ShardProgress
from headwater.model.arn import parse_consumer_arn
from headwater.model.caller import Caller
from headwater.model.errors import ResourceNotFoundException
from headwater.model.record import decode_payloads
from headwater.model.sequence_number import parse_sequence_number
from headwater.model.shard import Shard
from headwater.model.stream import HOUR_MS

WAITING_BYTES_MAX = 16 * 1024 * 1024
"""Of one shard: more is read when less than this waits."""
WAITING_RECORDS_MIN = 2_000
"""Fewer waiting records than this are never too many; otherwise two batches for each lane are enough."""


class ShardPoller:
    """See the module's text. `counts` and `report` are the mapping's. A `LaneShard`, and a `ReadTarget`."""

    def __init__(
        self,
        context: PollerContext,
        mapping: Mapping,
        shard: Shard,
        counts: EventCounts,
        report: Callable[[str], None],
    ) -> None:
        self._context = context
        self._mapping = mapping
        self._shard = shard
        self._counts = counts
        self.report = report
        kept = context.store.progress(mapping.uuid, shard.log_id) or ShardProgress((LaneProgress(0),))
        self._read_to = kept.position
        self._has_read = False
        """Before, nobody here knows how far the shard reaches, where others write to it, too."""
        self._ended = False
        self._stopping = False
        self._filter = RecordFilter(mapping.filters) if mapping.filters else None
        self._records_max = max(WAITING_RECORDS_MIN, 2 * mapping.batch_size * mapping.parallelization_factor)
        self._lanes = [
            Lane(
                context,
                mapping,
                self,
                shard.shard_id,
                progress,
                counts,
            )
            for progress in _lanes_of(kept, mapping)
        ]
        consumer = parse_consumer_arn(mapping.event_source_arn)
        self._reader: LogReader | FanOutReader
        if consumer is None:
            self._reader = LogReader(context, mapping.stream, shard, self._read_to, self)
        else:
            self._reader = FanOutReader(context, consumer, shard, self._read_to, self, report)

    async def run(self) -> None:
        """Work until the shard has ended and all of it is done, it is gone, or `stop`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            for lane in self._lanes:
                tasks.create_task(lane.run())
        self._keep_progress()

    async def _read(self) -> None:
        try:
            await self._reader.run()
        except ShardGone:
            self.stop()

    def stop(self) -> None:
        """Let `run` end once the invocations that are under way have ended."""
        self._stopping = True
        self._reader.stop()
        for lane in self._lanes:
            lane.stop()

    def take(self, page: ShardPage) -> None:
        """Take what the reader has read."""
        if self._stopping:
            return
        self._has_read = True
        writer = RecordWriter(self._mapping, self._shard.shard_id, self._role_arn())
        position, filtered_out = self._read_to, 0
        for run in page.records.runs:
            position = _position_of(run.sequence_numbers[0])
            for number, record in zip(run.sequence_numbers, decode_payloads(run.payloads), strict=True):
                filtered_out += not self._offer(
                    writer,
                    StreamRecord(position, str(number), run.arrival_ms, record.partition_key, record.data),
                )
                position += 1
        self._counts.add("polled", len(page.records))
        self._counts.add("filtered_out", filtered_out)
        self._ended = page.next_position is None
        self._read_to = position if page.next_position is None else page.next_position
        more_follows = not (self._ended or self.is_caught_up() or self._is_limited()) and self.has_room()
        for lane in self._lanes:
            lane.advance(self._read_to, ended=self._ended, more_follows=more_follows)
        self._keep_progress()

    def has_room(self) -> bool:
        """Whether the lanes have less to do than they may."""
        waiting_bytes = sum(lane.waiting_bytes for lane in self._lanes)
        waiting = sum(lane.waiting_count for lane in self._lanes)
        return waiting_bytes < WAITING_BYTES_MAX and waiting < self._records_max

    def _offer(self, writer: RecordWriter, record: StreamRecord) -> bool:
        """Put a record in its lane, if the filter wants it; whether it does."""
        if self._filter is not None and not self._filter.admits(writer.document(record), record.data):
            return False
        key = (record.partition_key or "").encode()
        self._lanes[crc32(key) % len(self._lanes)].offer(writer.write(record))
        return True

    def _role_arn(self) -> str:
        mapping = self._mapping
        caller = Caller(mapping.account_id, mapping.region)
        try:
            return self._context.invoker.resolve(caller, mapping.function_arn).role_arn
        except FunctionNotFound:
            return ""  # it will not be invoked either

    def lane_advanced(self) -> None:
        """Keep the progress of a lane, and let the reader go on if there is room."""
        self._keep_progress()
        if not self._ended:
            self._reader.on_room()

    def _keep_progress(self) -> None:
        lanes = tuple(lane.progress for lane in self._lanes)
        is_finished = self._ended and all(lane.is_done for lane in self._lanes)
        self._context.store.keep_progress(
            self._mapping.uuid, self._shard.log_id, ShardProgress(lanes, is_finished)
        )

    def is_caught_up(self) -> bool:
        """Whether all records of the shard have been read."""
        extent = self._context.engine.extent(self._shard.log_id)
        return self._has_read and (extent is None or self._read_to >= extent.next)

    def _is_limited(self) -> bool:
        """Whether the next page may have to wait."""
        try:
            return self._context.engine.live(self._mapping.stream).limits is not None
        except ResourceNotFoundException:
            return False

    def retention_ms(self) -> int:
        """How long the stream keeps records; 0 when it is gone."""
        try:
            return self._context.engine.live(self._mapping.stream).stream.retention_hours * HOUR_MS
        except ResourceNotFoundException:
            return 0  # with the stream, its records are gone


def _position_of(number: int) -> int:
    parsed = parse_sequence_number(str(number))
    assert parsed is not None, "the engine numbers its records"
    return parsed.record_index - 1


def _lanes_of(kept: ShardProgress, mapping: Mapping) -> list[LaneProgress]:
    """Where each lane goes on; when their number has changed, all begin where the slowest one was."""
    if len(kept.lanes) == mapping.parallelization_factor:
        return [_with_fitting_window(lane, mapping) for lane in kept.lanes]
    return [LaneProgress(kept.position)] * mapping.parallelization_factor


def _with_fitting_window(lane: LaneProgress, mapping: Mapping) -> LaneProgress:
    """A window of another length than the mapping's is given up: its state belongs to no window any more."""
    length_ms = mapping.tumbling_window_s * 1000
    fits = lane.window is None or (length_ms > 0 and lane.window.start_ms % length_ms == 0)
    return lane if fits else LaneProgress(lane.position)
