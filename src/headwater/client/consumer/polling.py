"""Reading by GetRecords, at a pace that leaves room for other readers.

Rules:
- a shard allows 5 calls and 2 MiB a second, to all its readers together. The next call
  comes when the last page's share of both has passed;
- a shard without news is asked less and less often, up to once in `idle_s`;
- who is throttled waits longer each time;
- an iterator that expired is made anew after the last record that was read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from math import inf

from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import ClientError, ServiceError
from headwater.client.calls.kinesis_calls import KinesisCalls, RecordsPage
from headwater.client.calls.timing import Timing
from headwater.client.consumer.page import AFTER_SEQUENCE_NUMBER, Page, ReadFrom, shards_of, size_bytes
from headwater.client.consumer.stats import ShardStats
from headwater.client.leases.checkpoint import AT_TIMESTAMP, LATEST
from headwater.client.leases.shard_listing import has_left_retention

MIB = 1024 * 1024
IDLE_GROWTH = 1.5
EXPIRED = "ExpiredIteratorException"


@dataclass(frozen=True, slots=True)
class PollingPace:
    """The pace of GetRecords calls on one shard."""

    calls_per_s: float = 5.0
    """The most calls in a second; AWS allows a shard 5, for all its readers together."""
    bytes_per_s: float = 2.0 * MIB
    """The most bytes in a second; AWS allows a shard 2 MiB, for all its readers together."""
    idle_s: float = 1.0
    """The longest pause between two calls without new records, in seconds."""
    max_records: int = 10_000
    """The most records of a page, up to 10,000."""

    @property
    def least_pause_s(self) -> float:
        """The shortest time between the starts of two calls, in seconds."""
        return 1 / self.calls_per_s

    def pause_s(self, page_bytes: int) -> float:
        """The time from the start of a call to the next, in seconds, after a page of `page_bytes`."""
        return max(self.least_pause_s, page_bytes / self.bytes_per_s)


LOCAL_PACE = PollingPace(calls_per_s=inf, bytes_per_s=inf, idle_s=0.25)
"""The pace for a server on this machine: unlimited, since the server itself throttles."""

LEAST_IDLE_S = 0.05


class Polling:
    """A reader of shards by GetRecords: a `PageSource`."""

    def __init__(self, calls: KinesisCalls, stream: str, pace: PollingPace, timing: Timing) -> None:
        self._calls = calls
        self._stream = stream
        self._pace = pace
        self._timing = timing

    async def pages(self, shard_id: str, start: ReadFrom, stats: ShardStats) -> AsyncGenerator[Page]:
        """Pages of a shard; see `PageSource`."""
        at = start
        iterator: str | None = None
        idle_s = least_idle_s = max(self._pace.least_pause_s, LEAST_IDLE_S)
        backoff = Backoff("page", self._timing.rng)
        while True:
            # 1. Get an iterator if there is none, and a page with it.
            began_at_s = self._timing.now_s()
            try:
                if iterator is None:
                    asked_at_ms = self._timing.wall_ms()
                    iterator = await self._iterator(shard_id, at)
                    if at.type == LATEST:  # a second LATEST would skip what arrives until then
                        at = ReadFrom(AT_TIMESTAMP, timestamp_s=asked_at_ms / 1000)
                answer = await self._calls.get_records(iterator, self._pace.max_records)
            # 2. After an error: a new iterator, the end of a shard that is gone, or a retry.
            except ClientError as error:
                if isinstance(error, ServiceError) and error.code == EXPIRED:
                    iterator = None
                elif await has_left_retention(self._calls, self._stream, shard_id, error):
                    yield Page([], 0, 0, children=[])
                    return
                else:
                    stats.refused(error)
                    await self._timing.sleep(backoff.delay_s())
                continue
            # 3. Remember the position, and find the pause: the page's share of the limits, or the idle pause.
            backoff.reset()
            page = _page_of(answer)
            iterator = answer.next_iterator
            is_behind = page.millis_behind_latest > 0
            if page.records:
                at = ReadFrom(AFTER_SEQUENCE_NUMBER, page.records[-1].sequence_number)
                idle_s = least_idle_s
            pause_s = self._pace.pause_s(page.size_bytes) if is_behind else idle_s
            if not page.records and not is_behind:
                idle_s = min(idle_s * IDLE_GROWTH, max(self._pace.idle_s, least_idle_s))
            # 4. Give the page away, and rest until the pause has passed since the call began.
            yield page  # whose records are the reader's from here on
            if iterator is None:
                return
            await self._timing.sleep(max(0.0, began_at_s + pause_s - self._timing.now_s()))

    async def _iterator(self, shard_id: str, at: ReadFrom) -> str:
        return await self._calls.get_shard_iterator(
            self._stream,
            shard_id,
            at.type,
            sequence_number=at.sequence_number,
            timestamp_s=at.timestamp_s,
        )


def _page_of(answer: RecordsPage) -> Page:
    children = None if answer.next_iterator is not None else shards_of(answer.child_shards)
    return Page(answer.records, answer.millis_behind_latest, size_bytes(answer.records), children)
