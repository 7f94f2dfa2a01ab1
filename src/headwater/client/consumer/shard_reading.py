"""The reading of one shard by the worker that holds its lease, from checkpoint to end or loss.

Pages are fetched ahead, up to a bound; batches are delivered one after the other; what
is done is written down behind them.

Rules:
- nothing is delivered unless the lease is known to be held at that moment;
- when the lease is lost, asked for, or the consumer stops, nothing more is begun; what is
  in hand may finish, and unless the lease is lost its checkpoint is written, and the
  lease released;
- at the end of the shard the leases of its children are made first, then its own is
  marked: whatever happens between, no shard is forgotten and none begins early;
- with checkpoints by hand the end is marked when the last record has its checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import ClientError, is_transient
from headwater.client.calls.record import Record
from headwater.client.calls.timing import Timing
from headwater.client.consumer.batch import Batch, position
from headwater.client.consumer.buffer_bound import BufferBound
from headwater.client.consumer.checkpoint_writer import CheckpointWriter
from headwater.client.consumer.delivery import Delivery
from headwater.client.consumer.misplaced_records import MisplacedRecords
from headwater.client.consumer.page import Page, PageSource, ReadFrom, read_from
from headwater.client.consumer.stats import ShardStats
from headwater.client.consumer.user_records import Checkpointer, UserRecords
from headwater.client.leases.checkpoint import LATEST, Checkpoint
from headwater.client.leases.owned_lease import OwnedLease
from headwater.client.leases.shard_tree import ShardNode
from headwater.client.leases.store import LeaseLost

_log = logging.getLogger("headwater.client")

PAGES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class ShardReadingSettings:
    """The settings that all shards of a consumer share."""

    opens_aggregates: bool
    keeps_misplaced: bool
    checkpoints_by_hand: bool
    checkpoint_interval_s: float
    start_timestamp_s: float | None
    adapt_checkpointer: Callable[[Checkpointer], Checkpointer]
    """The maker of the function behind `record.checkpoint()`, from a coroutine function."""


class ShardReading:
    """The reading of one shard; see `run`."""

    def __init__(
        self,
        owned: OwnedLease,
        source: PageSource,
        delivery: Delivery,
        settings: ShardReadingSettings,
        stats: ShardStats,
        bound: BufferBound,
        timing: Timing,
        on_end: Callable[[list[ShardNode]], Awaitable[list[str]]],
        misplaced: MisplacedRecords,
    ) -> None:
        """`on_end` creates the leases of the shard's children, and returns their ids."""
        self.stats = stats
        self._owned = owned
        self._source = source
        self._delivery = delivery
        self._settings = settings
        self._bound = bound
        self._timing = timing
        self._on_end = on_end
        self._pages: deque[Page] = deque()
        self._in_hand: tuple[Record, ...] = ()
        self._woken = asyncio.Event()
        self._ending = asyncio.Event()
        self._writer = CheckpointWriter(owned, settings.checkpoint_interval_s, timing, stats)
        self._by_hand = asyncio.Event()
        self._misplaced = misplaced
        self._user_records = UserRecords(
            owned.lease,
            settings.opens_aggregates,
            settings.keeps_misplaced,
            settings.adapt_checkpointer(self.checkpoint),
            self._found_misplaced,
        )

    @property
    def is_ending(self) -> bool:
        """Whether no further record may be begun; see `BatchContext`."""
        return self._ending.is_set()

    async def ending(self) -> None:
        """Wait until no further record may be begun; see `BatchContext`."""
        await self._ending.wait()

    @property
    def is_fresh(self) -> bool:
        """Whether the lease is known to be this worker's at this moment; see `BatchContext`."""
        return self._owned.is_fresh

    def progress(self, count: int) -> None:
        """Count the first `count` records of the batch as done; see `BatchContext`."""
        if not count:
            return
        done = position(self._in_hand[count - 1])
        if self._settings.checkpoints_by_hand:
            self._writer.delivered(done)
        else:
            self._writer.mark(done)

    def end(self) -> None:
        """End the reading: begin no further batch."""
        self._ending.set()
        self._woken.set()
        self._by_hand.set()

    async def run(self) -> None:
        """Read until the shard's end, or until `end`. Raises what is to stop the consumer."""
        tasks = [asyncio.create_task(self._fetch()), asyncio.create_task(self._watch())]
        writing = asyncio.create_task(self._writer.run())
        try:
            await self._deliver_pages(tasks[0])
        except LeaseLost:
            self.end()
        finally:
            self.end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._bound.remove(self.stats.buffered_bytes)
            self.stats.buffered_bytes = 0
            self._writer.stop()
            await writing
            await self._let_go()

    def _found_misplaced(self, count: int) -> None:
        self.stats.misplaced_records += count
        self._misplaced.found(self.stats.shard_id, count)

    async def checkpoint(self, record: Record) -> None:
        """Write the checkpoint of a record. Raises `LeaseLost`."""
        # Shielded: a write whose outcome nobody saw would look like a lost lease to the next one.
        await asyncio.shield(self._advance(position(record)))

    async def _advance(self, checkpoint: Checkpoint) -> None:
        await self._owned.advance(checkpoint)
        self.stats.checkpoint = self._owned.lease.checkpoint.sequence_number
        self._by_hand.set()

    async def _watch(self) -> None:
        """End the reading when the lease is lost, or another worker waits for it."""
        lost = asyncio.ensure_future(self._owned.lost.wait())
        asked = asyncio.ensure_future(self._owned.asked.wait())
        try:
            await asyncio.wait({lost, asked}, return_when=asyncio.FIRST_COMPLETED)
            self.end()
        finally:
            lost.cancel()
            asked.cancel()

    async def _fetch(self) -> None:
        """Fetch pages ahead of those that are delivered."""
        try:
            start = await self._start()
            async with aclosing(self._source.pages(self._owned.key, start, self.stats)) as pages:
                async for page in pages:
                    self._pages.append(page)
                    self.stats.size_bytes += page.size_bytes
                    self.stats.buffered_bytes += page.size_bytes
                    self._bound.add(page.size_bytes)
                    self._woken.set()
                    while len(self._pages) >= PAGES_AHEAD or (self._pages and self._bound.is_full):
                        await self._bound.change()
        finally:
            self._woken.set()

    async def _start(self) -> ReadFrom:
        lease = self._owned.lease
        since_ms = lease.latest_since_ms
        if lease.checkpoint.sequence_number == LATEST and since_ms is None:
            await self._owned.begin_at_latest()
        return read_from(lease.checkpoint, self._settings.start_timestamp_s, since_ms)

    async def _deliver_pages(self, fetching: asyncio.Task[None]) -> None:
        while not self.is_ending:
            if not self._pages:
                if fetching.done():
                    await fetching
                    return
                self._woken.clear()
                await self._woken.wait()
                continue
            page = self._pages.popleft()
            if page.records:
                await self._deliver(page)
            if not self._pages and not self.is_ending:
                self.stats.lag_ms = page.millis_behind_latest
            self.stats.buffered_bytes -= page.size_bytes
            self._bound.remove(page.size_bytes)
            if page.children is not None and not self.is_ending:
                await self._finish(page.children)
                return

    async def _deliver(self, page: Page) -> None:
        left = self._user_records.prepared(page.records)
        self._misplaced.tell()
        while left and not self.is_ending:
            if not self._owned.is_fresh:
                await self._owned.renew()
            self.stats.lag_ms = page.millis_behind_latest
            self._in_hand = tuple(left)
            done = await self._delivery.deliver(Batch(self._owned.key, left, page.millis_behind_latest), self)
            self.progress(done)
            self.stats.records += done
            self.stats.batches += 1
            left = list(self._in_hand[done:])

    async def _finish(self, children: list[ShardNode]) -> None:
        """Mark the shard as done, once all its records are."""
        if self._settings.checkpoints_by_hand:
            while self._owned.lease.checkpoint.is_before(self._writer.last) and not self.is_ending:
                self._by_hand.clear()
                await self._by_hand.wait()
            if self.is_ending:
                return
        backoff = Backoff("shard end", self._timing.rng)
        while not self.is_ending:
            try:
                child_ids = await self._on_end(children)
                await self._owned.complete(child_ids)
            except LeaseLost:
                raise
            except ClientError as error:
                if not is_transient(error):
                    raise
                await self._timing.sleep(backoff.delay_s())
            else:
                _log.info("%s has been read to its end; it goes on in %s", self._owned.key, child_ids)
                return

    async def _let_go(self) -> None:
        """Release the lease. A failure leaves it to expire."""
        with contextlib.suppress(ClientError):
            await self._owned.release()
