"""One queue at work: records out, receipts in.

Rules:
- a record is handed out to one receiver at a time, until its visibility timeout ends;
- who receives gets what has become visible again before what is new, and what is new from each shard in
  turn; all shards are read at once, parents and children alike;
- when a visibility ends, the rules of that moment decide whether the record is visible again or has been
  received often enough; a record that waits to be handed out again is looked at once more then;
- a dead letter that is received is counted, too, and stays one;
- nothing is handed out or restored that is past the stream's retention.

Servers that share a store share its queues. Then who has received a record is in the store as well, before
anybody hears of it: each server chooses records by what it knows, and of two that choose the same one the
store lets one win. So no server owns a queue, and a record is with one worker whichever server it asked.

Refuses to know requests and answers, and how the queue itself changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from headwater.engine.limits.limits import READ_BYTES_MAX
from headwater.engine.queues.counting import QueueCounts, QueueTotals, count_records, oldest_arrival_ms
from headwater.engine.queues.dead_letters import SeenDeadLetters, look_at_dead_letters
from headwater.engine.queues.handle_refusals import Outcome, RefusedHandle
from headwater.engine.queues.handles import Handles
from headwater.engine.queues.log_runs import ReadAhead, read_record
from headwater.engine.queues.queue_context import QueueContext, first_position, queue_gone
from headwater.engine.queues.receipts import QueueReceipts, Receipt, content
from headwater.engine.queues.settling import DIES, Sentence, Sentences, Settling, Verdict
from headwater.engine.queues.sharing import QueueSharing
from headwater.engine.queues.tracking import (
    ShardTracking,
    TrackedRecord,
    Tracking,
)
from headwater.engine.queues.waiting_line import Waiter, WaitingLine, Wanted
from headwater.model.caller import Caller
from headwater.model.completion import Completion, begun
from headwater.model.errors import KinesisError
from headwater.model.queue import Queue
from headwater.model.record import PAYLOAD_TEXT_BYTES, Payload
from headwater.model.record_list import ReceivedRecord
from headwater.model.shard import Shard
from headwater.model.stream import Stream
from headwater.storage.interface import Run

_PAGE_BYTES = READ_BYTES_MAX * 4 // 3


_new_tuple = tuple.__new__
"""A third of the time of `ReceivedRecord(...)`."""

_Found = dict[TrackedRecord, Payload]
"""What was claimed for a receiver, in order."""

Taken = list[ReceivedRecord] | Completion[list[ReceivedRecord]]
"""What somebody gets who receives; a completion, if the store has to have it first."""


class LiveQueue:
    """A queue in memory: its committed value, and what is on its way."""

    def __init__(self, context: QueueContext, stream: Stream, queue: Queue) -> None:
        self._context = context
        self._store = context.store
        self._tracking = Tracking()
        self.of_stream = name = stream.full_name
        """The stream that it is of."""
        self._settling = Settling(
            context.store, self._tracking, lambda: context.expected(name), context.now_ms, self._wake
        )
        self._receipts = QueueReceipts(context.receipts, queue.queue_id)
        self._handles = Handles(
            context.store, self._tracking, self._settling, self._receipts, self._horizon_ms
        )
        self._sharing = QueueSharing(self._tracking, self._settling, context.now_ms, self._next_delivery)
        self._living = WaitingLine(self._take)
        self._dead = WaitingLine(self._take_dead)
        self._delivery = context.random_number()
        """The number of the latest delivery. It begins anywhere: no handle from before a restart fits."""
        self._received = self._empty_receives = 0
        self._turn = self._delivery if context.store.is_shared else 0
        """Which shard gives new records first."""
        self._readers: dict[int, ReadAhead] = {}
        """By log: what reads the records that wait."""
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

    async def _take(self, waiter: Waiter[ReceivedRecord]) -> Taken:
        self._release()
        limit = waiter.wanted.limit
        found: _Found = {}
        try:
            await self._find_visible(found, limit, is_dead=False)
            if len(found) < limit and _size(found) < _PAGE_BYTES:
                await self._find_new(found, limit)
        except BaseException:
            self._put_back(found)
            raise
        return self._hand_out(found, waiter, is_dead=False)

    async def _take_dead(self, waiter: Waiter[ReceivedRecord]) -> Taken:
        self._release()
        found: _Found = {}
        try:
            await self._find_visible(found, waiter.wanted.limit, is_dead=True)
        except BaseException:
            self._put_back(found)
            raise
        return self._hand_out(found, waiter, is_dead=True)

    async def _find_visible(self, found: _Found, limit: int, *, is_dead: bool) -> None:
        """Claim what is visible again, as far as there is any and it fits."""
        rules = self._queue.rules
        while len(found) < limit and _size(found) < _PAGE_BYTES:
            record = self._tracking.next_visible(is_dead=is_dead)
            if record is None:
                return
            if not is_dead and rules.is_exhausted(record.receives):
                self._settle_quietly({record: DIES})
                continue
            try:
                run, is_known = await read_record(
                    self._store, record.shard.log_id, record.position, _PAGE_BYTES
                )
            except BaseException:
                self._put_back([record])
                raise
            if record.phase != "visible" or record.is_dead is not is_dead:  # settled meanwhile
                continue
            if not is_known:
                self._tracking.postpone(record)
            elif run is None or run.time_ms < self._horizon_ms():
                self._tracking.end((record,))
            else:
                record.arrival_ms = run.time_ms
                found[record] = run.payloads[0]

    async def _find_new(self, found: _Found, limit: int) -> None:
        """Claim what was never handed out, from one shard after the other."""
        shards = list(self._tracking.shards.values())
        self._turn += 1
        for at in range(len(shards)):
            shard = shards[(self._turn + at) % len(shards)]
            while await self._read_on(shard, found, limit):
                if len(found) >= limit or _size(found) >= _PAGE_BYTES:
                    return

    async def _read_on(self, shard: ShardTracking, found: _Found, limit: int) -> bool:
        """Claim what comes next in a shard; whether there may be more."""
        extent = self._store.extent(shard.log_id)
        position = shard.next_open()
        reader = self._readers.get(shard.log_id)
        is_end_known = extent is not None and (extent.sealed or not self._store.is_shared)
        if extent is None or reader is None or (is_end_known and position >= extent.next):
            return False
        size = _size(found)
        room = max(_PAGE_BYTES - size, 1)
        runs = await reader.read(position, limit - len(found), room + PAYLOAD_TEXT_BYTES)
        horizon_ms = self._horizon_ms()
        if runs and runs[0].time_ms < horizon_ms:
            kept = await self._store.find(shard.log_id, horizon_ms)
            shard.cursor = max(shard.cursor, kept)
            return kept > position
        if found and runs and size + len(runs[0].payloads[0]) > _PAGE_BYTES:
            return False
        for run in runs:
            found.update(_claimed(shard, run))
        return bool(runs)

    def _hand_out(self, found: _Found, waiter: Waiter[ReceivedRecord], *, is_dead: bool) -> Taken:
        if not waiter.is_waiting:
            self._put_back(found)
            return []
        timeout_s = waiter.wanted.visibility_timeout_s
        if timeout_s is None:
            timeout_s = self._queue.rules.visibility_timeout_s
        present = self._present(found, is_dead=is_dead)
        if self._store.is_shared:
            return begun(self._claim_all(present, 1000 * timeout_s, is_dead=is_dead)) if present else []
        now_ms = self._context.now_ms()
        deliveries = range(self._delivery + 1, self._delivery + 1 + len(present))
        self._delivery += len(present)
        handles = self._handles_of(present, deliveries)
        visible_ms = now_ms + 1000 * timeout_s
        self._tracking.hand_out(present, deliveries, handles, now_ms, visible_ms, is_dead=is_dead)
        return self._gave(present, handles, is_dead=is_dead, is_visible=timeout_s == 0)

    def _handles_of(self, records: Collection[TrackedRecord], deliveries: Sequence[int]) -> list[str]:
        return self._receipts.issue(
            [
                content(record.shard.log_id, record.position, delivery, record.is_dead)
                for record, delivery in zip(records, deliveries, strict=True)
            ]
        )

    def _next_delivery(self) -> int:
        self._delivery += 1
        return self._delivery

    def _present(self, found: _Found, *, is_dead: bool) -> _Found:
        """What can be handed out still."""
        horizon_ms = self._horizon_ms()
        return {
            record: payload
            for record, payload in found.items()
            if record.phase == "visible"
            and record.is_dead is is_dead  # else it was settled meanwhile
            and ((record.arrival_ms or 0) >= horizon_ms or self._is_kept(record, horizon_ms))
        }

    def _is_kept(self, record: TrackedRecord, horizon_ms: int) -> bool:
        """Whether a record is not past retention; it ends if it is."""
        if self._handles.is_past_retention(record, horizon_ms):
            self._tracking.end((record,))
            return False
        return True

    async def _claim_all(self, found: _Found, timeout_ms: int, *, is_dead: bool) -> list[ReceivedRecord]:
        """What is received here once the store has it; not what another server was first with."""
        overtaken = await self._sharing.claim(found, timeout_ms)
        given = {record: payload for record, payload in found.items() if record not in overtaken}
        if not given:  # it waits on, then
            self._watch()
        handles = self._handles_of(given, [record.delivery for record in given])
        return self._gave(given, handles, is_dead=is_dead, is_visible=timeout_ms == 0)

    def _gave(
        self, found: _Found, handles: Sequence[str], *, is_dead: bool, is_visible: bool
    ) -> list[ReceivedRecord]:
        """What a receiver gets of records that were handed out; they may be visible again at once."""
        handed_out = [
            _new_tuple(
                ReceivedRecord,
                (
                    handle,
                    record.record_id,
                    payload,
                    record.arrival_ms or 0,
                    record.first_receive_ms or 0,
                    record.receives,
                ),
            )
            for (record, payload), handle in zip(found.items(), handles, strict=True)
        ]
        if not is_dead:
            self._received += len(handed_out)
        if is_visible:
            self._release()
        return handed_out

    def _put_back(self, records: Iterable[TrackedRecord]) -> None:
        for record in records:
            if record.phase == "visible":
                self._tracking.show(record)

    # Receipts

    async def acknowledge(self, handles: Sequence[str], *, is_dead: bool) -> dict[str, Outcome]:
        """The records are done with. What came of each handle. Raises `StoreUnavailable`."""
        return await self._settle_handles(handles, "acknowledge", is_dead=is_dead)

    async def restore(self, handles: Sequence[str]) -> dict[str, Outcome]:
        """The dead letters are none any more. What came of each handle. Raises `StoreUnavailable`."""
        return await self._settle_handles(handles, "restore", is_dead=True)

    async def change_visibility(self, timeouts_s: dict[str, int], *, is_dead: bool) -> dict[str, Outcome]:
        """The records stay in flight for so long from now on, by handle. What came of each.

        Raises `StoreUnavailable` where servers share the queue.
        """
        outcomes: dict[str, Outcome] = {}
        asked = timeouts_s
        while asked:
            await self._handles.none_received(asked, is_dead=is_dead)
            self._release()
            now_ms = self._context.now_ms()
            changed: dict[str, TrackedRecord] = {}
            for handle, timeout_s in asked.items():
                found = self._handles.in_flight(handle, is_dead=is_dead)
                if isinstance(found, RefusedHandle):
                    outcomes[handle] = found
                    continue
                outcomes[handle] = None
                if self._store.is_shared:
                    changed[handle] = found
                else:
                    self._tracking.hide_until(found, now_ms + 1000 * timeout_s)
            overtaken = await self._sharing.hide(changed, asked)
            asked = {handle: asked[handle] for handle, record in changed.items() if record in overtaken}
        self._release()
        return outcomes

    async def _settle_handles(
        self, handles: Sequence[str], verdict: Verdict, *, is_dead: bool
    ) -> dict[str, Outcome]:
        self._release()
        in_hand = self._handles.in_hand(handles, is_dead=is_dead)
        if in_hand is not None:
            sentences = dict.fromkeys(in_hand, Sentence(verdict))
            await self._settling.settle(sentences)
            return dict.fromkeys(handles)
        found = {handle: self._handles.receipt(handle, is_dead=is_dead) for handle in handles}
        receipts = [receipt for receipt in found.values() if isinstance(receipt, Receipt)]
        for receipt in receipts:
            await self._handles.find_out(receipt)
        outcomes: dict[str, Outcome] = {}
        asked = found
        while asked:
            while any(self._handles.is_settled_otherwise(receipt, verdict) for receipt in receipts):
                await self._settling.settled_once()  # nobody is told of what may be forgotten
            # From here on nothing comes between: what is judged is what is settled.
            sentences = {}
            of_handles: dict[str, TrackedRecord] = {}
            for handle, given in asked.items():
                if isinstance(given, RefusedHandle):
                    outcomes[handle] = given
                    continue
                record = self._handles.tracked(given)
                outcome = self._handles.judge(record, given, verdict)
                outcomes[handle] = outcome if isinstance(outcome, RefusedHandle) else None
                if record is not None and isinstance(outcome, Sentence):
                    sentences[record] = outcome
                    of_handles[handle] = record
            overtaken = await self._settling.settle(sentences) if sentences else ()
            asked = {handle: found[handle] for handle, record in of_handles.items() if record in overtaken}
        return outcomes

    # Time

    def tick(self, now_ms: int) -> None:
        """Do what has become due."""
        self._release()
        self.end_waits(now_ms)
        if len(self._living):
            self._watch()
        else:
            self._unwatch()

    def sweep(self) -> None:
        """Forget what is past retention, and what was read for nobody."""
        for reader in self._readers.values():
            reader.forget()
        horizon_ms = self._horizon_ms()
        for record in tuple(self._tracking.records()):
            if record.phase != "settling" and self._handles.is_past_retention(record, horizon_ms):
                self._tracking.end((record,))
        for shard in self._tracking.shards.values():
            shard.raise_first()
        stale = [shard for shard in self._tracking.shards.values() if shard.progress.has_stale_pages()]
        if stale:
            self._settling.settle({}, stale)  # nobody waits for it

    def _release(self) -> None:
        """Show what is in flight no more, or set it aside."""
        now_ms = self._context.now_ms()
        if not self._tracking.is_due(now_ms):
            return
        rules, has_shown = self._queue.rules, False
        exhausted: dict[TrackedRecord, Sentence] = {}
        for record in self._tracking.due(now_ms):
            if not record.is_dead and rules.is_exhausted(record.receives):
                exhausted[record] = DIES
            else:
                self._tracking.show(record)
                has_shown = True
        if exhausted:
            self._settle_quietly(exhausted)
        if has_shown:
            self._wake()

    def _judge_visible(self) -> None:
        """Set aside what waits to be handed out again, and may not be by the rules of now."""
        rules = self._queue.rules
        exhausted = {
            record: DIES
            for record in self._tracking.records()
            if record.phase == "visible" and not record.is_dead and rules.is_exhausted(record.receives)
        }
        if exhausted:
            self._settle_quietly(exhausted)

    def _settle_quietly(self, sentences: Sentences) -> None:
        """Nobody waits for it. What the store cannot take now is in flight again, and due at once."""
        self._settling.settle(sentences)

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
    def in_flight(self) -> int:
        """How many records somebody has, without dead letters."""
        return self._tracking.in_flight

    def totals(self) -> QueueTotals:
        """What was done since the server started."""
        return QueueTotals(self._received, self._settling.acknowledged, self._empty_receives)

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

    def reload(self, changed: Mapping[int, Iterable[int]]) -> None:
        """The store has something else than from here: take over the records at these positions, by log."""
        for log_id, positions in changed.items():
            shard = self._tracking.shards.get(log_id)
            if shard is None:
                continue
            self._readers[log_id].forget()
            shard.progress = self._context.progress_of(self._queue.queue_id, log_id, shard.progress.first)
            for position in sorted(positions):
                self._sharing.take_over(shard, position)
        self._wake()

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
        dead = {letter.position for letter in progress.dead_letters()}
        for position in sorted(dead | {state.position for state in progress.received()}):
            self._sharing.take_over(tracked, position)

    def _watch(self) -> None:
        """Hear of what arrives."""
        for log_id in self._tracking.shards.keys() - self._watched.keys():
            self._watched[log_id] = self._store.watch(log_id, self._living.wake)

    def _unwatch(self) -> None:
        for unwatch in self._watched.values():
            unwatch()
        self._watched.clear()


def _claimed(shard: ShardTracking, run: Run) -> Iterable[tuple[TrackedRecord, Payload]]:
    begin, arrival_ms, payloads = run
    records = shard.claim(begin, begin + len(payloads), arrival_ms)
    if len(records) == len(payloads):
        return zip(records, payloads, strict=True)
    return [(record, payloads[record.position - begin]) for record in records]


def _size(found: _Found) -> int:
    return sum(map(len, found.values()))


def _nothing() -> None:
    pass
