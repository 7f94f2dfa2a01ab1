"""Acknowledgements, dead letters and restores on their way to the store; of a shared one, receives, too.

What comes while a commit is under way gathers for the next one, so a queue has one commit at a time,
and each page of its progress is written from what is committed and nothing else.

Rules:
- nobody hears of a settlement before its commit is done;
- a commit is made for the shards that the stream has then: one that has gone meanwhile leaves nothing;
- when a commit fails, each record is as it was: in flight, until its visibility ends;
- in a shared store a commit expects every page to be as it was written from. When another server was
  first, what it has changed is told by `overtake`: nothing becomes of that here, the rest is tried again.

Refuses to know receipts, and who may settle what.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

from headwater.engine.queues.progress import (
    DeadLetter,
    Prepared,
    QueueProgress,
    ReceivedState,
    Settlement,
    Writes,
)
from headwater.engine.queues.tracking import ShardTracking, TrackedRecord, Tracking
from headwater.model.completion import Completion, drive
from headwater.model.errors import KinesisError
from headwater.storage.interface import Change, Store, StoreUnavailable

Verdict = Literal["acknowledge", "die", "restore", "receive"]


class Sentence(NamedTuple):
    """What is to become of a record."""

    verdict: Verdict
    state: ReceivedState | None = None
    """With "receive": what it is then."""


Sentences = Mapping[TrackedRecord, Sentence]
"""By the record."""
DIES = Sentence("die")


Overtaken = Collection[TrackedRecord]
"""Records of a commit of which nothing became what was asked: others have changed them meanwhile."""


class _Batch:
    """The sentences that go into one commit, and who waits for it."""

    def __init__(self) -> None:
        self.sentences: dict[TrackedRecord, Sentence] = {}
        self.tidied: list[ShardTracking] = []
        """Shards of which stale pages are removed, whatever is settled."""
        self.waiting: list[Completion[Overtaken]] = []
        self.overtaken: set[TrackedRecord] = set()


class Settling:
    """The settlements of one queue."""

    def __init__(
        self,
        store: Store,
        tracking: Tracking,
        expected: Callable[[], Mapping[str, int]],
        now_ms: Callable[[], int],
        on_shown: Callable[[], None],
    ) -> None:
        """`expected` gives the version of the stream that is known.

        `on_shown` is told when records have become visible by being settled.
        """
        self._store = store
        self._expected = expected
        self._now_ms = now_ms
        self._tracking = tracking
        self._on_shown = on_shown
        self._gathering: _Batch | None = None
        self._under_way: _Batch | None = None
        self._is_working = False
        self._closed: KinesisError | None = None
        self.acknowledged = 0
        """How many records were, without dead letters."""

    def close(self, error: KinesisError) -> None:
        """Commit nothing any more: what the store does not have yet fails."""
        self._closed = error
        batch, self._gathering = self._gathering, None
        for waiting in batch.waiting if batch else ():
            waiting.fail(error)

    def verdict_on(self, record: TrackedRecord) -> Verdict | None:
        """What is about to become of a record."""
        for batch in (self._under_way, self._gathering):
            if batch is not None and record in batch.sentences:
                return batch.sentences[record].verdict
        return None

    def overtake(self, record: TrackedRecord) -> None:
        """Another server has changed the record: what was to become of it here does not."""
        for batch in (self._under_way, self._gathering):
            if batch is not None and batch.sentences.pop(record, None) is not None:
                batch.overtaken.add(record)

    def settle(self, sentences: Sentences, tidied: Iterable[ShardTracking] = ()) -> Completion[Overtaken]:
        """Commit these, and that the stale pages of shards are gone.

        Records that are being settled to the same end are waited for.

        Fails with `StoreUnavailable`: then nothing is settled, or with `StoreInDoubt` perhaps all;
        and with what it was closed with.
        """
        done = Completion[Overtaken]()
        if self._closed is not None:
            done.fail(self._closed)
            return done
        batch = self._gathering = self._gathering or _Batch()
        self._tracking.settle(sentences)
        batch.sentences.update(sentences)
        batch.tidied += tidied
        batch.waiting.append(done)
        if not self._is_working:  # who is told of a commit may settle more, within this very loop
            drive(self._work(), _raise)
        return done

    async def settled_once(self) -> None:
        """Wait for what is about to be committed; whether it was does not matter."""
        with suppress(StoreUnavailable):
            await self.settle({})

    async def _work(self) -> None:
        """One commit after the other, until nothing is left to be settled."""
        self._is_working = True
        try:
            await self._commit_all()
        finally:
            self._is_working = False

    async def _commit_all(self) -> None:
        while self._gathering is not None:
            batch, self._gathering = self._gathering, None
            self._under_way = batch
            try:
                await self._commit(batch)
            except (StoreUnavailable, KinesisError) as error:
                self._under_way = None
                self._give_back(batch)
                for waiting in batch.waiting:
                    waiting.fail(error)
            else:
                self._under_way = None
                if self._gathering is not None:
                    for record in batch.sentences:  # what was waited for has happened
                        self._gathering.sentences.pop(record, None)
                self._carry_out(batch)
                for waiting in batch.waiting:
                    waiting.resolve(batch.overtaken)

    def _give_back(self, batch: _Batch) -> None:
        """What was not committed is as it was, unless the next commit has it, too."""
        tried_again = self._gathering.sentences if self._gathering is not None else {}
        for record in batch.sentences:
            if record.phase == "settling" and record not in tried_again:
                self._tracking.give_back(record)

    async def _commit(self, batch: _Batch) -> None:
        while settlements := self._by_shard(batch):
            if self._closed is not None:  # since it was tried before
                raise self._closed
            if await self._write(settlements):
                return

    def _by_shard(self, batch: _Batch) -> dict[ShardTracking, Settlement]:
        """The settlement of each shard that is in the stream still; empty when nothing is left to be done."""
        shards = self._tracking.shards
        settlements = {
            shard: Settlement([], [], [], [])
            for shard in batch.tidied
            if shard.progress.has_stale_pages() and shards.get(shard.log_id) is shard
        }
        for record, (verdict, state) in batch.sentences.items():
            if record.phase != "settling":
                continue
            settlement = settlements.get(record.shard)
            if settlement is None:
                settlement = settlements[record.shard] = Settlement([], [], [], [])
            if verdict == "acknowledge":
                settlement.acknowledged.append(record.position)
            elif verdict == "die":
                letter = DeadLetter(record.position, record.first_receive_ms or 0, record.receives)
                settlement.died.append(letter)
            elif verdict == "restore":
                settlement.restored.append(record.position)
            elif state is not None:
                settlement.received.append(state)
        return settlements

    async def _write(self, settlements: Mapping[ShardTracking, Settlement]) -> bool:
        """Whether it was committed; if not, the stream has another value by now."""
        written: list[tuple[QueueProgress, Settlement, Prepared]] = []
        writes: Writes = {}
        expected = dict(self._expected())
        for shard, settlement in settlements.items():
            shard.raise_first()
            progress = shard.progress
            prepared = progress.prepared(settlement)
            written.append((progress, settlement, prepared))
            writes |= prepared.writes
            if self._store.is_shared:
                expected |= progress.expected_of(prepared.writes)
        made = await self._store.commit(Change(writes=writes, expected=expected))
        if not made:
            return False
        for progress, settlement, prepared in written:
            progress.apply(settlement, prepared, made)
        return True

    def _carry_out(self, batch: _Batch) -> None:
        """What was committed holds."""
        ended: list[TrackedRecord] = []
        has_shown = False
        for record, (verdict, state) in batch.sentences.items():
            if record.phase != "settling":  # its shard has gone meanwhile
                continue
            if verdict == "acknowledge":
                ended.append(record)
            elif state is not None:
                self._tracking.learn(record, state, self._now_ms())
            else:
                self._show(record, verdict)
                has_shown = True
        self.acknowledged += sum(not record.is_dead for record in ended)
        self._tracking.end(ended)
        if has_shown:
            self._on_shown()

    def _show(self, record: TrackedRecord, verdict: Verdict) -> None:
        record.is_dead = verdict == "die"
        if verdict == "restore":
            record.receives = 0
        self._tracking.show(record)


def _raise(_value: None, error: BaseException | None) -> None:
    if error is not None:
        raise error
