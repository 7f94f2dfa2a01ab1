"""Puts records into one topic: entries wait in a queue, and one batch is under way at a time.

What arrives meanwhile becomes the next batch. A batch is sent again, the same bytes, until the answer is
definite: stored, refused because the log is sealed for this producer, or too large. The broker recognises
what it has by producer id, epoch and sequence, so nothing is stored twice.

    waiting ─► under way ─► placed
                   │  └──► in doubt (nobody knows yet): sent again ─► placed
                   └─────► the log is sealed: refused, or found before its end

Rules:
- the batch is acknowledged by its position only if that lies before the end that readers were told;
- a caller waits for `CALL_WITHIN_S` at most, what it has waited before included; then it is told so, and the
  batch goes on being sent, but what was in none yet is not;
- what is sent for the first time joins what other logs send to the same broker, what is sent again does not;
- after a producer id, epoch or sequence that is lost, the next epoch begins with sequence 0.

Refuses to know metadata: what becomes of the log is asked of a `LogFate`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from headwater.model.completion import Completion
from headwater.storage.interface import CommitTimes, Outcome, Placed, Run, StoreInDoubt, StoreUnavailable
from headwater.storage.kafka import batches
from headwater.storage.kafka.cluster import (
    INVALID_PRODUCER_EPOCH,
    MESSAGE_TOO_LARGE,
    NONE,
    NOT_APPENDED,
    OUT_OF_ORDER_SEQUENCE,
    PRODUCER_FENCED,
    RECORD_LIST_TOO_LARGE,
    Cluster,
    KafkaError,
    Unsent,
)
from headwater.storage.kafka.patience import CALL_WITHIN_S
from headwater.storage.kafka.produce_request import Produced
from headwater.storage.kafka.producer import Producer
from headwater.storage.kafka.waiting_room import WaitingRoom

BATCH_BYTES = 1024 * 1024
"""A batch takes no further entry once it has this much."""
IDLE_S = 12 * 3600.0
"""After so long the brokers may be about to forget the producer."""
RETRY_S = (0.02, 0.05, 0.1, 0.2, 0.4)


class LogFate(Protocol):
    """What the metadata say of a log, as far as they are known here."""

    def is_open(self) -> bool:
        """Whether it takes records: it is there, not sealed, and not being sealed."""

    def final(self) -> int | None:
        """Where it ends if it is sealed; 0 if it is gone; `None` while that is not known."""

    def ended(self) -> Awaitable[None]:
        """Wait until it is sealed or gone."""

    def may_acknowledge(self, producer_id: int) -> Awaitable[bool]:
        """Whether what a producer has stored may be acknowledged; see `producer`."""


class Call:
    """One call of `append`: the outcomes of its entries, and the completion of all."""

    __slots__ = ("_kept_bytes", "_left", "_room", "completion", "outcomes", "refused_bytes", "size")

    def __init__(self, count: int, size: int, room: WaitingRoom) -> None:
        """`size`: the bytes of all entries together."""
        self.size = size
        self._room = room
        self.refused_bytes = 0
        """Of the entries for which there was no room."""
        self._kept_bytes = 0
        self.completion: Completion[list[Outcome]] = Completion()
        self.outcomes: list[Outcome] = [None] * count
        self._left = count

    def tell(self, at: int, outcome: Outcome) -> None:
        """What became of one entry; each is told once."""
        self.outcomes[at] = outcome
        self._left -= 1
        if self._left == 0:
            self._room.count(-self._kept_bytes)
            self.completion.resolve(self.outcomes)

    def begin_to_wait(self) -> None:
        """All entries have been given away; whoever asks keeps those that were refused while others wait."""
        if self.refused_bytes < self.size:
            self._kept_bytes = self.refused_bytes
            self._room.count(self._kept_bytes)


class WaitingEntry:
    """An entry in the queue or under way."""

    __slots__ = ("at", "call", "payloads", "since_s", "size")

    def __init__(self, call: Call, at: int, payloads: Sequence[bytes], size: int, since_s: float) -> None:
        self.call: Call | None = call
        self.at = at
        self.payloads = payloads
        self.size = size
        self.since_s = since_s

    def tell(self, outcome: Outcome) -> None:
        """Say what became of it, unless that was said before."""
        call, self.call = self.call, None
        if call is not None:
            call.tell(self.at, outcome)


class _Ticket(NamedTuple):
    """How the broker knows a batch."""

    producer_id: int
    epoch: int
    sequence: int


class LogSender:
    """The sender of one topic."""

    def __init__(
        self,
        topic: str,
        lane: int,
        cluster: Cluster,
        producer: Producer,
        fate: LogFate,
        times: CommitTimes,
        room: WaitingRoom,
        guard: Callable[[Callable[[], None]], None],
        loop: asyncio.AbstractEventLoop,
        on_stored: Callable[[Run], None] | None = None,
    ) -> None:
        """`guard` runs what tells callers, and keeps what they raise from the sender.

        `on_stored` is told of each batch, behind those who wait for it. Without it this is no log of records:
        its batches are never held up by those of others.
        """
        self._topic = topic
        self._lane = lane
        self._cluster = cluster
        self._producer = producer
        self._fate = fate
        self._times = times
        self._room = room
        self._guard = guard
        self._on_stored = on_stored
        self._queue: deque[WaitingEntry] = deque()
        self._queued_bytes = 0
        self._is_mixed = False
        """Whether somebody in the queue may have waited for longer than those before it."""
        self._under_way: list[WaitingEntry] = []
        self._is_held_up = False
        """Whether what is under way was sent, and not stored."""
        self._task: asyncio.Task[None] | None = None
        self._loop = loop
        self._ticket = _Ticket(-1, 0, 0)
        """Of the next batch."""
        self._used_s = 0.0
        self._known_end = 0
        """Nothing of a batch that is under way lies before it."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, and nothing is under way."""
        return not self._queue and not self._under_way

    def put(self, call: Call, at: int, payloads: Sequence[bytes], size: int, since_s: float) -> None:
        """Take an entry of so many bytes of a call, whose caller has waited since then."""
        room, asked = self._room, call.size
        if not room.has_room(self._queued_bytes, asked) and not self._has_room_as_answered(asked):
            call.refused_bytes += size
            refusal = _refused("too much waits to be stored")
            self._loop.call_soon(self._guard, partial(call.tell, at, refusal))
            return
        waiting = WaitingEntry(call, at, payloads, size, since_s)
        if self._queue and since_s < self._queue[-1].since_s:
            self._is_mixed = True
        self._queue.append(waiting)
        self._queued_bytes += size
        self._room.count(size)
        if self._task is None:
            self._task = self._loop.create_task(self._send_all())

    def _has_room_as_answered(self, size: int) -> bool:
        """Whether there is room for an entry of a call of a size because the broker answers."""
        return (
            not self._is_held_up
            and self._room.has_room_if_answered(self._queued_bytes, size)
            and not self._cluster.is_silent(self._topic)
        )

    def tell_the_late(self, now_s: float) -> None:
        """Tell those who have waited for too long."""
        late = now_s - CALL_WITHIN_S
        for waiting in self._drop_late(late):
            self._queued_bytes -= waiting.size
            self._room.count(-waiting.size)
            self._tell(waiting, _refused("nothing was stored: Kafka does not answer in time"))
        for waiting in self._under_way:
            if waiting.since_s < late:
                self._tell(waiting, StoreInDoubt("Kafka has not said in time whether it was stored"))

    def _drop_late(self, late: float) -> list[WaitingEntry]:
        """Take those out of the queue who have waited since before then."""
        queue, dropped = self._queue, []
        if self._is_mixed:
            dropped = [waiting for waiting in queue if waiting.since_s < late]
            self._queue = deque(waiting for waiting in queue if waiting.since_s >= late)
            self._is_mixed = bool(self._queue)
            return dropped
        while queue and queue[0].since_s < late:
            dropped.append(queue.popleft())
        return dropped

    def close(self, reason: str) -> None:
        """Send nothing more, and tell all who wait."""
        if self._task is not None:
            self._task.cancel()
        for waiting in self._under_way:
            self._tell(waiting, StoreInDoubt(reason))
        for waiting in self._queue:
            self._tell(waiting, StoreUnavailable(reason))
        self._queue.clear()

    def _tell(self, waiting: WaitingEntry, outcome: Outcome) -> None:
        self._guard(lambda: waiting.tell(outcome))

    async def _send_all(self) -> None:
        try:
            while self._queue:
                self._under_way, size = self._gather()
                await self._send(self._under_way)
                self._room.count(-size)
                self._under_way, self._is_held_up = [], False
        finally:
            self._task = None

    def _gather(self) -> tuple[list[WaitingEntry], int]:
        """The entries of the next batch, and their bytes."""
        taken = [self._queue.popleft()]
        size = taken[0].size
        while self._queue and size + self._queue[0].size <= BATCH_BYTES:
            taken.append(self._queue.popleft())
            size += taken[-1].size
        self._queued_bytes -= size
        return taken, size

    async def _send(self, waiting: list[WaitingEntry]) -> None:
        """See one batch through, and tell those who wait for it."""
        payloads = [payload for one in waiting for payload in one.payloads]
        began_s = self._loop.time()
        self._times.under_way += 1
        try:
            placed = await self._place(payloads)
        except StoreUnavailable as error:
            self._times.failures += 1
            for one in waiting:
                self._tell(one, error)
            return
        finally:
            self._times.under_way -= 1
        self._times.durations.add(self._loop.time() - began_s)
        position = placed.position if placed else 0
        for one in waiting:
            self._tell(one, placed and Placed(position, placed.time_ms))
            position += len(one.payloads)
        if placed is not None and self._on_stored is not None:
            self._on_stored(Run(placed.position, placed.time_ms, payloads))

    async def _place(self, payloads: Sequence[bytes]) -> Placed | None:
        """Where the batch is; `None` if the log has ended before it. Raises `StoreUnavailable`."""
        ticket, data, in_doubt, attempts = self._ticket, b"", False, 0
        while self._fate.is_open():
            if not in_doubt and (not data or ticket.producer_id != self._producer.id):
                ticket = self._take_ticket(len(payloads))
                data = batches.build(*ticket, payloads)
            elif ticket.producer_id != self._producer.id:
                raise StoreInDoubt("this gateway has been given up by the others meanwhile")
            try:
                produced = await self._produce(data, is_again=attempts > 0)
            except Unsent:
                pass
            except KafkaError:
                in_doubt = True
            else:
                if produced.code == NONE:
                    return await self._acknowledged(ticket, produced, len(payloads))
                if produced.code in (INVALID_PRODUCER_EPOCH, PRODUCER_FENCED):
                    break
                in_doubt = self._after_error(produced.code, in_doubt=in_doubt)
                if produced.code == OUT_OF_ORDER_SEQUENCE:
                    data = b""
            self._is_held_up = True
            await asyncio.sleep(RETRY_S[min(attempts, len(RETRY_S) - 1)])
            attempts += 1
            self._times.retries += 1
        self._is_held_up = True
        await self._fate.ended()
        return await self._find(ticket) if in_doubt else None

    def _produce(self, data: bytes, *, is_again: bool) -> Awaitable[Produced]:
        """Send a batch, by itself if others might wait for it, or must not. Raises `KafkaError`."""
        if is_again or self._on_stored is None:
            return self._cluster.produce(self._topic, data, self._lane)
        return self._cluster.produce_joined(self._topic, data)

    def _take_ticket(self, count: int) -> _Ticket:
        """The ticket of a batch of so many records, which is not in doubt."""
        now_s = self._loop.time()
        if self._ticket.producer_id != self._producer.id:
            self._ticket = _Ticket(self._producer.id, 0, 0)
        elif now_s - self._used_s > IDLE_S and self._used_s:
            self._next_epoch()
        self._used_s = now_s
        ticket = self._ticket
        self._ticket = _Ticket(
            ticket.producer_id, ticket.epoch, batches.sequence_after(ticket.sequence, count)
        )
        return ticket

    def _next_epoch(self) -> None:
        self._ticket = self._ticket._replace(epoch=self._ticket.epoch + 1, sequence=0)
        assert self._ticket.epoch <= batches.EPOCH_MAX, "a gateway does not live that long"

    def _after_error(self, code: int, *, in_doubt: bool) -> bool:
        """Whether the batch is in doubt now. Raises `StoreUnavailable` if it will never be stored."""
        if code in (MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE):
            raise _refused("Kafka takes no batch of this size: see max.message.bytes")
        if code == OUT_OF_ORDER_SEQUENCE:
            self._next_epoch()
            if in_doubt:
                raise StoreInDoubt("Kafka has lost count of what this gateway has stored")
        return in_doubt or (code not in NOT_APPENDED and code != OUT_OF_ORDER_SEQUENCE)

    async def _acknowledged(self, ticket: _Ticket, produced: Produced, count: int) -> Placed | None:
        if not await self._fate.may_acknowledge(ticket.producer_id):
            raise StoreInDoubt("this gateway has been given up by the others meanwhile")
        self._known_end = produced.position + count
        final = self._fate.final()
        if final is not None and produced.position >= final:
            return None
        return Placed(produced.position, produced.time_ms)

    async def _find(self, ticket: _Ticket) -> Placed | None:
        """Where a batch is that was in doubt when its log ended."""
        final = self._fate.final() or 0
        position = self._known_end
        while position < final:
            try:
                fetched = await self._cluster.fetch(self._topic, position, BATCH_BYTES, lane=self._lane)
            except KafkaError:
                fetched = None
            if fetched is None or fetched.code != NONE or not fetched.data:
                await asyncio.sleep(RETRY_S[-1])
                final = self._fate.final() or 0  # 0 once it is gone
                continue
            for batch in batches.batches(fetched.data):
                if (batch.producer_id, batch.epoch, batch.sequence) == ticket:
                    return Placed(batch.position, batch.time_ms)
                position = batch.next
        return None


def _refused(reason: str) -> StoreUnavailable:
    return StoreUnavailable(reason)
