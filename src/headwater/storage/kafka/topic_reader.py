"""Reading one topic as a log: pages of records, positions by time, where it begins and ends.

Fences are no records, and what lies behind the final position of a sealed log is none either: a reader
that was told of the end must find nothing behind it.

Refuses to know metadata: where a log ends is passed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from headwater.model.record import Payload
from headwater.storage.interface import END_MS, LogPage, Run, StoreUnavailable
from headwater.storage.kafka import batches
from headwater.storage.kafka.cluster import EARLIEST, LATEST, NONE, OFFSET_OUT_OF_RANGE, Cluster, KafkaError
from headwater.storage.kafka.patience import CALL_WITHIN_S

T = TypeVar("T")

RETRY_S = 0.05
FETCH_BYTES_MAX = 4 * 1024 * 1024
FETCH_BYTES_MIN = 64 * 1024
RECORD_BYTES = 256
"""So much of a fetch is asked for each record that is wanted, of a topic of which nothing was fetched yet."""
TOPICS_REMEMBERED = 1_024

IsGone = Callable[[], bool]


class Gone(Exception):
    """The log has been deleted."""


class NotAnswered(StoreUnavailable):
    """Nothing is wrong but that no broker has answered in time: it may be asked again."""


async def until_answered(ask: Callable[[], Awaitable[T]], is_gone: IsGone) -> T:
    """Ask until a broker has answered. Raises `NotAnswered`, `StoreUnavailable`, and `Gone` if the log is."""
    last = KafkaError("no broker has answered")
    try:
        async with asyncio.timeout(CALL_WITHIN_S):
            while True:
                try:
                    return await ask()
                except batches.DamagedBatch as error:
                    raise StoreUnavailable(str(error)) from error
                except KafkaError as error:
                    if is_gone():
                        raise Gone from error
                    last = error
                await asyncio.sleep(RETRY_S)
    except TimeoutError:
        raise NotAnswered(f"Records could not be read: {last}") from last


class TopicReader:
    """Reads topics; `is_gone` says whether waiting for one has become pointless."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._taken: dict[str, _Taken] = {}
        """What was taken last of topics, as the next records are often like the last ones."""

    async def page(
        self,
        topic: str,
        lane: int,
        position: int,
        max_records: int,
        max_bytes: int,
        final: int | None,
        is_gone: IsGone,
    ) -> LogPage:
        """Records from a position on. Raises `StoreUnavailable`, `Gone`."""
        runs: list[Run] = []
        while True:
            likely_bytes = self._taken.get(topic, _NOTHING_TAKEN).likely_bytes(max_records)
            wanted = min(FETCH_BYTES_MAX, max_bytes, max(FETCH_BYTES_MIN, likely_bytes))
            ask = partial(self._fetch_before, final, topic, position, wanted, lane)
            fetched = await until_answered(ask, is_gone)
            end = fetched.end if final is None else final
            first = min(fetched.first, end)
            position = max(position, first)
            more = _Cut(position, max_records, max_bytes, end)
            runs += more.take(fetched.data, at_least=0 if runs else 1)
            self._remember(topic, more.taken)
            position, max_records, max_bytes = more.position, more.max_records, more.max_bytes
            if more.is_full or position >= end or max_records <= 0:
                return LogPage(runs, first, end)

    def _remember(self, topic: str, taken: _Taken) -> None:
        if taken.records:
            if len(self._taken) >= TOPICS_REMEMBERED:
                self._taken.clear()
            self._taken[topic] = taken

    async def find(self, topic: str, lane: int, time_ms: int, is_gone: IsGone) -> int:
        """The first position of that time or later. Raises `StoreUnavailable`, `Gone`."""

        async def ask() -> int:
            if time_ms < END_MS:
                position = await self._cluster.find_offset(topic, time_ms, lane=lane)
                if position >= 0:
                    return position
            return await self._cluster.find_offset(topic, LATEST, lane=lane)

        return await until_answered(ask, is_gone)

    async def trim(self, topic: str, lane: int, position: int, is_gone: IsGone) -> None:
        """Forget what lies before a position. Raises `StoreUnavailable`, `Gone`."""

        async def ask() -> None:
            end = await self._cluster.find_offset(topic, LATEST, lane=lane)
            await self._cluster.delete_before(topic, min(position, end))

        await until_answered(ask, is_gone)

    async def _fetch_before(
        self, final: int | None, topic: str, position: int, max_bytes: int, lane: int
    ) -> batches.Extract:
        """The same of a log that is sealed at `final`: it must have what lies before."""
        fetched = await self._fetch(topic, position, max_bytes, lane)
        if final is not None and not fetched.data and max(position, fetched.end) < final:
            raise KafkaError(f"the log ends at position {fetched.end}, and had records up to {final}")
        return fetched

    async def _fetch(self, topic: str, position: int, max_bytes: int, lane: int) -> batches.Extract:
        fetched = await self._cluster.fetch(topic, position, max_bytes, lane=lane)
        if fetched.code == NONE:
            if not fetched.data and position < fetched.end:
                raise KafkaError("nothing was fetched of what is there")
            return batches.Extract(fetched.data, fetched.first, fetched.end)
        if fetched.code != OFFSET_OUT_OF_RANGE:
            raise KafkaError(f"the fetch was answered with error {fetched.code}")
        first = await self._cluster.find_offset(topic, EARLIEST, lane=lane)
        end = await self._cluster.find_offset(topic, LATEST, lane=lane)
        if position < first < end:
            return await self._fetch(topic, first, max_bytes, lane)
        return batches.Extract(b"", first, end)


def page_of(news: batches.Extract, position: int, max_records: int, max_bytes: int) -> LogPage | None:
    """A page of what has just come, if that reaches back to the position. Raises `DamagedBatch`."""
    if position == news.end:
        return LogPage([], news.first, news.end)
    begun = next(batches.batches(news.data), None)
    if begun is None or not begun.position <= position < news.end or max_records <= 0:
        return None
    runs = _Cut(position, max_records, max_bytes, news.end).take(news.data, at_least=1)
    return LogPage(runs, news.first, news.end) if runs else None


class _Taken:
    """How much room records have taken."""

    __slots__ = ("bytes", "largest_bytes", "records")

    def __init__(self, records: int = 0, size: int = 0) -> None:
        self.records = records
        self.bytes = size
        self.largest_bytes = 0
        """Of a batch."""

    def add(self, batch: batches.RecordBatch) -> None:
        """A batch is among them."""
        size = len(batch.data)
        self.records += batch.records
        self.bytes += size
        self.largest_bytes = max(self.largest_bytes, size)

    def likely_bytes(self, count: int) -> int:
        """So much will likely be enough for so many records like these, in whole batches."""
        return count * self.bytes // self.records + self.largest_bytes


_NOTHING_TAKEN = _Taken(1, RECORD_BYTES)


class _Cut:
    """Takes what a page still has room for."""

    def __init__(self, position: int, max_records: int, max_bytes: int, end: int) -> None:
        self.position = position
        self.max_records = max_records
        self.max_bytes = max_bytes
        self.is_full = False
        self.taken = _Taken()
        self._end = end

    def take(self, data: bytes | memoryview, *, at_least: int) -> list[Run]:
        """The runs of what was fetched, as far as they have room; `at_least` so many records."""
        runs: list[Run] = []
        for batch in batches.batches(data):
            if batch.next <= self.position:
                continue
            if batch.position >= self._end:
                break
            if not batch.is_fence:
                self.taken.add(batch)
                run = self._run(batch, at_least if not runs else 0)
                if run is None:
                    return runs
                runs.append(run)
                if self.is_full:
                    return runs
            self.position = max(self.position, batch.next)
        return runs

    def _run(self, batch: batches.RecordBatch, at_least: int) -> Run | None:
        skipped = max(0, self.position - batch.position)
        found = batches.payloads_of(batch)
        payloads: Sequence[Payload] = found
        if not skipped and batch.records <= self.max_records and found.size_at_most <= self.max_bytes:
            taken = batch.records
            self.max_bytes -= found.size_at_most
        else:
            payloads = found[skipped : skipped + self.max_records]
            taken = self._room_for(payloads, at_least)
            payloads = payloads[:taken]
        position = batch.position + skipped
        self.is_full = skipped + taken < batch.records or self.max_bytes <= 0
        self.max_records -= taken
        self.position = position + taken
        return Run(position, batch.time_ms, payloads) if taken else None

    def _room_for(self, payloads: Sequence[Payload], at_least: int) -> int:
        """How many of them have room."""
        taken = 0
        for payload in payloads:
            if len(payload) > self.max_bytes and taken >= at_least:
                break
            self.max_bytes -= len(payload)
            taken += 1
        return taken
