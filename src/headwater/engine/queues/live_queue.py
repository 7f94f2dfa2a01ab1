"""One queue at work: records out, receipts in.

Rules:
- a record is handed out to one receiver at a time, until its visibility timeout ends;
- who receives gets what has become visible again before what is new, and what is new from each shard in
  turn; all shards are read at once, parents and children alike;
- when a visibility ends, the rules of that moment decide whether the record is visible again or has been
  received often enough; a record that waits to be handed out again is looked at once more then;
- a dead letter that is received is counted, too, and stays one;
- nothing is handed out or restored that is past the stream's retention.

Refuses to know requests and answers, and how the queue itself changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from headwater.engine.limits.limits import READ_BYTES_MAX
from headwater.engine.queues.counting import QueueCounts, QueueTotals, count_records, oldest_arrival_ms
from headwater.engine.queues.dead_letters import SeenDeadLetters, look_at_dead_letters
from headwater.engine.queues.handle_refusals import Outcome
from headwater.engine.queues.judging import Judging
from headwater.engine.queues.log_runs import ReadAhead, read_runs
from headwater.engine.queues.progress import DeadLetter, QueueProgress
from headwater.engine.queues.receipts import Receipts
from headwater.engine.queues.settling import Settling, Verdict
from headwater.engine.queues.tracking import (
    ShardTracking,
    TrackedRecord,
    Tracking,
)
from headwater.engine.queues.waiting_line import Waiter, WaitingLine, Wanted
from headwater.engine.tokens.sealed_token import Sealer
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError, ResourceNotFoundException
from headwater.model.queue import Queue
from headwater.model.record import PAYLOAD_TEXT_BYTES, Payload
from headwater.model.record_list import ReceivedRecord
from headwater.model.shard import Shard
from headwater.model.stream import Stream
from headwater.storage.interface import Run, Store

_PAGE_BYTES = READ_BYTES_MAX * 4 // 3
_Found: TypeAlias = tuple[TrackedRecord, Payload]
_new_tuple = tuple.__new__
"""A third of the time of `ReceivedRecord(...)`."""


class QueueContext(Protocol):
    """What a queue needs of the engine."""

    store: Store
    receipts: Sealer
    is_stopping: bool
    """Whether nobody may wait any more."""

    def now_ms(self) -> int:
        """The time now."""

    def random_number(self) -> int:
        """63 random bits."""

    def expected(self, name: StreamName) -> Mapping[str, int]:
        """The key of a stream's value and its version, as far as it is known."""

    def progress_of(self, queue_id: str, log_id: int, first: int) -> QueueProgress:
        """What the store has of a queue's shard; one that begins at `first` if it has nothing."""


class LiveQueue:
    """A queue in memory: its committed value, and what is on its way."""

    def __init__(self, context: QueueContext, stream: Stream, queue: Queue) -> None:
        self._context = context
        self._store = context.store
        self._receipts = Receipts(context.receipts, queue.queue_id)
        self._tracking = Tracking()
        name = stream.full_name
        self._settling = Settling(context.store, self._tracking, lambda: context.expected(name), self._wake)
        self._judging = Judging(
            context.store, self._tracking, self._settling, self._receipts, self._horizon_ms
        )
        self._living = WaitingLine(self._take)
        self._dead = WaitingLine(self._take_dead)
        self._delivery = context.random_number()
        """The number of the latest delivery. It begins anywhere: no handle from before a restart fits."""
        self._received = self._acknowledged = self._empty_receives = 0
        self._readers: dict[int, ReadAhead] = {}
        """By log: what reads the records that wait."""
        self._turn = 0
        """Which shard gives new records first."""
        self._watched: dict[int, Callable[[], None]] = {}
        """By log: what ends its watch."""
        self._stream = stream
        self._queue = queue
        self._find_shards()

    def follow(self, stream: Stream, queue: Queue) -> None:
        """Take over a newly committed value."""
        before, self._queue = self._queue, queue
        self._stream = stream
        if not queue.is_delivering:
            self.close(queue_gone(stream, queue))
            return
        self._find_shards()
        if before.rules != queue.rules:
            self._judge_visible()
        self._wake()

    def close(self, error: KinesisError) -> None:
        """Nothing is handed out or settled any more; who waits is told why."""
        self._unwatch()
        self._settling.close(error)
        self._living.fail(error)
        self._dead.fail(error)

    # Receiving

    def receive(
        self, limit: int, wait_ms: int, visibility_s: int | None, *, is_dead: bool
    ) -> Waiter[ReceivedRecord]:
        """Stand in line for records, or dead letters; the answer may be there at once."""
        line = self._dead if is_dead else self._living
        waiter = line.join(Wanted(limit, visibility_s, self._context.now_ms() + wait_ms))
        if waiter.is_waiting and self._context.is_stopping:
            self.end_waits(waiter.wanted.until_ms)
        if waiter.is_waiting and not is_dead:
            self._watch()
        return waiter

    def end_waits(self, now_ms: int) -> None:
        """Answer those whose time is over."""
        before = len(self._living)
        self._living.end_waits(now_ms)
        self._empty_receives += before - len(self._living)
        self._dead.end_waits(now_ms)

    async def _take(self, waiter: Waiter[ReceivedRecord]) -> list[ReceivedRecord]:
        self._release()
        limit = waiter.wanted.limit
        found: list[_Found] = []
        try:
            await self._find_visible(found, limit, is_dead=False)
            if len(found) < limit:
                await self._find_new(found, limit)
        except BaseException:
            self._put_back(found)
            raise
        return self._hand_out(found, waiter, is_dead=False)

    async def _take_dead(self, waiter: Waiter[ReceivedRecord]) -> list[ReceivedRecord]:
        self._release()
        found: list[_Found] = []
        try:
            await self._find_visible(found, waiter.wanted.limit, is_dead=True)
        except BaseException:
            self._put_back(found)
            raise
        return self._hand_out(found, waiter, is_dead=True)

    async def _find_visible(self, found: list[_Found], limit: int, *, is_dead: bool) -> None:
        """Claim what is visible again, as far as there is any and it fits."""
        rules = self._queue.rules
        while len(found) < limit and _size(found) < _PAGE_BYTES:
            record = self._tracking.next_visible(is_dead=is_dead)
            if record is None:
                return
            if not is_dead and rules.is_exhausted(record.receives):
                self._settle_quietly({record: "die"})
                continue
            try:
                runs = await read_runs(self._store, record.shard.log_id, record.position, 1, _PAGE_BYTES)
            except BaseException:
                self._put_back([(record, b"")])
                raise
            if record.phase != "visible" or record.is_dead is not is_dead:  # settled meanwhile
                continue
            if not runs or runs[0].position != record.position or runs[0].time_ms < self._horizon_ms():
                self._tracking.end(record)
                continue
            record.arrival_ms = runs[0].time_ms
            found.append((record, runs[0].payloads[0]))

    async def _find_new(self, found: list[_Found], limit: int) -> None:
        """Claim what was never handed out, from one shard after the other."""
        shards = list(self._tracking.shards.values())
        self._turn += 1
        for at in range(len(shards)):
            shard = shards[(self._turn + at) % len(shards)]
            while len(found) < limit and _size(found) < _PAGE_BYTES:
                if not await self._read_on(shard, found, limit):
                    break

    async def _read_on(self, shard: ShardTracking, found: list[_Found], limit: int) -> bool:
        """Claim what comes next in a shard; whether there may be more."""
        extent = self._store.extent(shard.log_id)
        position = shard.progress.next_open(shard.cursor)
        reader = self._readers.get(shard.log_id)
        if extent is None or reader is None or position >= extent.next:
            return False
        room = max(_PAGE_BYTES - _size(found), 1)
        runs = await reader.read(position, limit - len(found), room + PAYLOAD_TEXT_BYTES)
        horizon_ms = self._horizon_ms()
        if runs and runs[0].time_ms < horizon_ms:
            kept = await self._store.find(shard.log_id, horizon_ms)
            shard.cursor = max(shard.cursor, kept)
            return kept > position
        if found and runs and _size(found) + len(runs[0].payloads[0]) > _PAGE_BYTES:
            return False
        found += self._claim(shard, runs)
        return bool(runs)

    def _claim(self, shard: ShardTracking, runs: Sequence[Run]) -> Iterable[_Found]:
        claimed = []
        for run in runs:
            for position, payload in enumerate(run.payloads, run.position):
                is_new = position >= shard.cursor and position not in shard.records
                if is_new and not shard.progress.is_done(position):
                    claimed.append((shard.track(position, run.time_ms), payload))
            shard.cursor = max(shard.cursor, run.position + len(run.payloads))
        return claimed

    def _hand_out(
        self, found: Sequence[_Found], waiter: Waiter[ReceivedRecord], *, is_dead: bool
    ) -> list[ReceivedRecord]:
        if not waiter.is_waiting:
            self._put_back(found)
            return []
        now_ms = self._context.now_ms()
        timeout_s = waiter.wanted.visibility_timeout_s
        if timeout_s is None:
            timeout_s = self._queue.rules.visibility_timeout_s
        visible_ms = now_ms + 1000 * timeout_s
        going_out = self._still_there(found, is_dead=is_dead)
        self._number(going_out, is_dead=is_dead)
        self._tracking.hand_out(going_out, now_ms, visible_ms)
        handed_out = [
            _new_tuple(
                ReceivedRecord,
                (
                    record.handle,
                    record.record_id,
                    payload,
                    record.arrival_ms or 0,
                    record.first_receive_ms or 0,
                    record.receives,
                ),
            )
            for record, payload in going_out.items()
        ]
        if not is_dead:
            self._received += len(handed_out)
        if visible_ms <= now_ms:
            self._release()
        return handed_out

    def _number(self, records: Iterable[TrackedRecord], *, is_dead: bool) -> None:
        """Give each the number and the handle of its next delivery."""
        delivery, issue = self._delivery, self._receipts.issue
        for record in records:
            delivery += 1
            record.delivery = delivery
            record.handle = issue(record.shard.log_id, record.position, delivery, is_dead)
        self._delivery = delivery

    def _still_there(self, found: Sequence[_Found], *, is_dead: bool) -> dict[TrackedRecord, Payload]:
        """Each once, without what was settled while others were read; what is past retention is forgotten."""
        horizon_ms = self._horizon_ms()
        kept: dict[TrackedRecord, Payload] = {}
        for record, payload in found:
            if record.phase != "visible" or record.is_dead is not is_dead:
                continue
            if self._judging.is_past_retention(record, horizon_ms):
                self._tracking.end(record)
            else:
                kept[record] = payload
        return kept

    def _put_back(self, found: Iterable[_Found]) -> None:
        for record, _ in found:
            if record.phase == "visible":
                self._tracking.show(record)

    # Receipts

    async def acknowledge(self, handles: Sequence[str], *, is_dead: bool) -> dict[str, Outcome]:
        """The records are done with. What came of each handle. Raises `StoreUnavailable`."""
        return await self._settle_handles(handles, "acknowledge", is_dead=is_dead)

    async def restore(self, handles: Sequence[str]) -> dict[str, Outcome]:
        """The dead letters are none any more. What came of each handle. Raises `StoreUnavailable`."""
        return await self._settle_handles(handles, "restore", is_dead=True)

    def change_visibility(self, timeouts_s: dict[str, int], *, is_dead: bool) -> dict[str, Outcome]:
        """The records stay in flight for so long from now on, by handle. What came of each."""
        self._release()
        now_ms = self._context.now_ms()
        outcomes: dict[str, Outcome] = {}
        for handle, timeout_s in timeouts_s.items():
            outcome = self._judging.judge_visibility(handle, is_dead=is_dead)
            if isinstance(outcome, TrackedRecord):
                self._tracking.hide_until(outcome, now_ms + 1000 * timeout_s)
                outcomes[handle] = None
            else:
                outcomes[handle] = outcome
        self._release()
        return outcomes

    async def _settle_handles(
        self, handles: Sequence[str], verdict: Verdict, *, is_dead: bool
    ) -> dict[str, Outcome]:
        self._release()
        outcomes: dict[str, Outcome] = dict.fromkeys(handles)
        settled = self._judging.in_hand(handles, is_dead=is_dead)
        if settled is None:
            settled = []
            for handle, outcome in await self._judging.judge_all(outcomes, verdict, is_dead=is_dead):
                if isinstance(outcome, TrackedRecord):
                    settled.append(outcome)
                else:
                    outcomes[handle] = outcome
        if settled:
            verdicts = dict.fromkeys(settled, verdict)
            await self._settling.settle(verdicts)
            if verdict == "acknowledge" and not is_dead:
                self._acknowledged += len(verdicts)
        return outcomes

    # Time

    def tick(self, now_ms: int) -> None:
        """Do what has become due."""
        self._release()
        self.end_waits(now_ms)
        if not len(self._living):
            self._unwatch()

    def sweep(self) -> None:
        """Forget what is past retention, and what was read for nobody."""
        for reader in self._readers.values():
            reader.forget()
        horizon_ms = self._horizon_ms()
        for record in tuple(self._tracking.records()):
            if record.phase != "settling" and self._judging.is_past_retention(record, horizon_ms):
                self._tracking.end(record)
        shards = self._tracking.shards.values()
        for shard in shards:
            shard.raise_first()
        if any(shard.progress.has_stale_pages() for shard in shards):
            self._settle_quietly({})

    def _release(self) -> None:
        """Show what is in flight no more, or set it aside."""
        rules, has_shown = self._queue.rules, False
        exhausted: list[TrackedRecord] = []
        for record in self._tracking.due(self._context.now_ms()):
            if not record.is_dead and rules.is_exhausted(record.receives):
                exhausted.append(record)
            else:
                self._tracking.show(record)
                has_shown = True
        if exhausted:
            self._settle_quietly(dict.fromkeys(exhausted, "die"))
        if has_shown:
            self._wake()

    def _judge_visible(self) -> None:
        """Set aside what waits to be handed out again, and may not be by the rules of now."""
        rules = self._queue.rules
        exhausted = [
            record
            for record in self._tracking.records()
            if record.phase == "visible" and not record.is_dead and rules.is_exhausted(record.receives)
        ]
        if exhausted:
            self._settle_quietly(dict.fromkeys(exhausted, "die"))

    def _settle_quietly(self, verdicts: Mapping[TrackedRecord, Verdict]) -> None:
        """Nobody waits for it. What the store cannot take now is in flight again, and due at once."""
        self._settling.settle(verdicts)

    def _wake(self) -> None:
        self._living.wake()
        self._dead.wake()

    def _horizon_ms(self) -> int:
        """Records that arrived before this are not handed out."""
        start = self._queue.start
        asked_ms = (start.timestamp_ms or 0) if start.type == "AT_TIMESTAMP" else 0
        return max(self._stream.trim_horizon_ms(self._context.now_ms()), asked_ms)

    # Counting

    @property
    def name(self) -> tuple[Caller, str]:
        """The account and region, and the queue's name."""
        return Caller(self._stream.account_id, self._stream.region), self._queue.name

    @property
    def of_stream(self) -> StreamName:
        """The stream that it is of."""
        return self._stream.full_name

    @property
    def in_flight(self) -> int:
        """How many records somebody has, without dead letters."""
        return self._tracking.in_flight

    def totals(self) -> QueueTotals:
        """What was done since the server started."""
        return QueueTotals(self._received, self._acknowledged, self._empty_receives)

    def counts(self) -> QueueCounts:
        """The records by what may be done with them."""
        return count_records(self._tracking, self._store)

    async def oldest_age_ms(self) -> int:
        """The age of the oldest record that is not acknowledged; 0 without any. Raises `StoreUnavailable`."""
        arrival_ms = await oldest_arrival_ms(self._tracking, self._store, self._horizon_ms())
        return 0 if arrival_ms is None else max(0, self._context.now_ms() - arrival_ms)

    async def dead_letters(self, after: str, bytes_max: int) -> SeenDeadLetters:
        """Dead letters to look at, behind the one of the id `after`. Raises `StoreUnavailable`."""
        return await look_at_dead_letters(self._tracking, self._store, self._horizon_ms(), after, bytes_max)

    # Shards

    def reload(self) -> None:
        """The store was opened again: take what it has for what was settled."""
        for reader in self._readers.values():
            reader.forget()
        for shard in self._tracking.shards.values():
            shard.progress = self._context.progress_of(
                self._queue.queue_id, shard.log_id, shard.progress.first
            )
            dead = {letter.position: letter for letter in shard.progress.dead_letters()}
            for record in tuple(shard.records.values()):
                if shard.progress.is_done(record.position):
                    self._tracking.end(record)
                elif record.is_dead is not (record.position in dead):
                    self._tracking.show_as(record, is_dead=not record.is_dead)
            for position in dead.keys() - shard.records.keys():
                self._track_dead(shard, dead[position])

    def _find_shards(self) -> None:
        """Begin with shards that are new, forget those that are gone."""
        present = {shard.log_id for shard in self._stream.shards}
        for log_id in self._tracking.shards.keys() - present:
            self._tracking.drop_shard(log_id)
            del self._readers[log_id]
            self._watched.pop(log_id, _nothing)()
        for shard in self._stream.shards:
            first = first_position(self._queue, shard)
            if first is not None and shard.log_id not in self._tracking.shards:
                self._begin(shard, first)
        if self._watched:
            self._watch()

    def _begin(self, shard: Shard, first: int) -> None:
        progress = self._context.progress_of(self._queue.queue_id, shard.log_id, first)
        tracked = self._tracking.shards[shard.log_id] = ShardTracking(shard.index, shard.log_id, progress)
        self._readers[shard.log_id] = ReadAhead(self._store, shard.log_id)
        for letter in progress.dead_letters():
            self._track_dead(tracked, letter)

    def _track_dead(self, shard: ShardTracking, letter: DeadLetter) -> None:
        """A dead letter from before, which nobody has received since."""
        if letter.position < shard.progress.first:  # past retention
            return
        record = shard.track(letter.position, None)
        record.is_dead = True
        record.receives, record.first_receive_ms = letter.receives, letter.first_receive_ms
        self._tracking.show(record)

    def _watch(self) -> None:
        """Hear of what arrives."""
        for log_id in self._tracking.shards.keys() - self._watched.keys():
            self._watched[log_id] = self._store.watch(log_id, self._living.wake)

    def _unwatch(self) -> None:
        for unwatch in self._watched.values():
            unwatch()
        self._watched.clear()


def first_position(queue: Queue, shard: Shard) -> int | None:
    """Where a queue begins in a shard; `None` when nothing of it belongs to the queue."""
    start = queue.start
    if start.type == "LATEST" and shard.index < start.next_shard_index:
        return start.tips.get(shard.index)
    return 0


def queue_gone(stream: Stream, queue: Queue) -> ResourceNotFoundException:
    """The answer for a queue that hands out nothing: it is CREATING, DELETING or gone."""
    return ResourceNotFoundException(
        f"Queue {queue.name} of stream {stream.label} does not deliver records: it is {queue.status}."
    )


def _size(found: Sequence[_Found]) -> int:
    return sum([len(payload) for _, payload in found])


def _nothing() -> None:
    pass
