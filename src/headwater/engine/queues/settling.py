"""Acknowledgements, dead letters and restores on their way to the store.

What comes while a commit is under way gathers for the next one, so a queue has one commit at a time,
and each page of its progress is written from what is committed and nothing else.

Rules:
- nobody hears of a settlement before its commit is done;
- a commit is made for the shards that the stream has then: one that has gone meanwhile leaves nothing;
- when a commit fails, each record is as it was: in flight, until its visibility ends.

Refuses to know receipts, and who may settle what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Literal

from headwater.engine.queues.progress import DeadLetter, PlannedProgress, Settlement, Writes
from headwater.engine.queues.tracking import ShardTracking, TrackedRecord, Tracking
from headwater.model.completion import Completion, drive
from headwater.model.errors import KinesisError
from headwater.storage.interface import Change, Store, StoreUnavailable

Verdict = Literal["acknowledge", "die", "restore"]
"""What is to become of a record."""


class _Batch:
    """What goes into one commit, and who waits for it."""

    def __init__(self) -> None:
        self.verdicts: dict[TrackedRecord, Verdict] = {}
        self.waiting: list[Completion[None]] = []


class Settling:
    """The settlements of one queue."""

    def __init__(
        self,
        store: Store,
        tracking: Tracking,
        expected: Callable[[], Mapping[str, int]],
        on_shown: Callable[[], None],
    ) -> None:
        """`expected` gives the version of the stream that is known.

        `on_shown` is told when records have become visible by being settled.
        """
        self._store = store
        self._expected = expected
        self._tracking = tracking
        self._on_shown = on_shown
        self._gathering: _Batch | None = None
        self._under_way: _Batch | None = None
        self._is_working = False
        self._closed: KinesisError | None = None

    def close(self, error: KinesisError) -> None:
        """Commit nothing any more: what the store does not have yet fails."""
        self._closed = error
        batch, self._gathering = self._gathering, None
        for waiting in batch.waiting if batch else ():
            waiting.fail(error)

    def verdict_on(self, record: TrackedRecord) -> Verdict | None:
        """What is about to become of a record."""
        for batch in (self._under_way, self._gathering):
            if batch is not None and record in batch.verdicts:
                return batch.verdicts[record]
        return None

    def settle(self, verdicts: Mapping[TrackedRecord, Verdict]) -> Completion[None]:
        """Commit what is to become of these. Records that are being settled to the same end are waited for.

        Fails with `StoreUnavailable`: then nothing is settled, or with `StoreInDoubt` perhaps all;
        and with what it was closed with.
        """
        done: Completion[None] = Completion()
        if self._closed is not None:
            done.fail(self._closed)
            return done
        batch = self._gathering = self._gathering or _Batch()
        for record in verdicts:
            if record.phase != "settling":
                self._tracking.settle(record)
        batch.verdicts.update(verdicts)
        batch.waiting.append(done)
        if not self._is_working:  # who is told of a commit may settle more, within this very loop
            drive(self._work(), _raise)
        return done

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
            except StoreUnavailable as error:
                self._under_way = None
                self._give_back(batch)
                for waiting in batch.waiting:
                    waiting.fail(error)
            else:
                self._under_way = None
                if self._gathering is not None:
                    for record in batch.verdicts:  # what was waited for has happened
                        self._gathering.verdicts.pop(record, None)
                self._carry_out(batch)
                for waiting in batch.waiting:
                    waiting.resolve(None)

    def _give_back(self, batch: _Batch) -> None:
        """What was not committed is as it was, unless the next commit has it, too."""
        tried_again = self._gathering.verdicts if self._gathering is not None else {}
        for record in batch.verdicts:
            if record.phase == "settling" and record not in tried_again:
                self._tracking.give_back(record)

    async def _commit(self, batch: _Batch) -> None:
        while settlements := _by_shard(batch):
            if await self._write(settlements):
                return

    async def _write(self, settlements: Mapping[ShardTracking, Settlement]) -> bool:
        """Whether it was committed; if not, the stream has another value by now."""
        planned: list[tuple[ShardTracking, PlannedProgress]] = []
        writes: Writes = {}
        for shard, settlement in settlements.items():
            shard.raise_first()
            of_shard = shard.progress.plan(settlement)
            planned.append((shard, of_shard))
            writes |= of_shard.writes
        if not await self._store.commit(Change(writes=writes, expected=self._expected())):
            return False
        for shard, of_shard in planned:
            shard.progress.apply(of_shard)
        return True

    def _carry_out(self, batch: _Batch) -> None:
        """What was committed holds."""
        has_shown = False
        acknowledged: list[TrackedRecord] = []
        for record, verdict in batch.verdicts.items():
            if record.phase != "settling":  # its shard has gone meanwhile
                continue
            if verdict == "acknowledge":
                acknowledged.append(record)
                continue
            if verdict == "restore":
                record.receives = 0
            self._tracking.show_as(record, is_dead=verdict == "die")
            has_shown = True
        self._tracking.end_settling(acknowledged)
        if has_shown:
            self._on_shown()


def _by_shard(batch: _Batch) -> dict[ShardTracking, Settlement]:
    shards: defaultdict[ShardTracking, Settlement] = defaultdict(lambda: Settlement([], [], []))
    for record, verdict in batch.verdicts.items():
        if record.phase != "settling":
            continue
        settlement = shards[record.shard]
        if verdict == "acknowledge":
            settlement.acknowledged.append(record.position)
        elif verdict == "restore":
            settlement.restored.append(record.position)
        else:
            letter = DeadLetter(record.position, record.first_receive_ms or 0, record.receives)
            settlement.died.append(letter)
    return shards


def _raise(_value: None, error: BaseException | None) -> None:
    if error is not None:
        raise error
