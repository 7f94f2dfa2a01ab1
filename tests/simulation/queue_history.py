"""One history of a queue: workers that receive, acknowledge, hold on and give up, while everything happens.

As `history` is for streams: chosen, run and ended by a seed. The stream's shards split and merge, the store
fails, the process crashes and restarts, time jumps; `queue_book` says what may be seen.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from headwater.engine.stream_checks import require_active
from headwater.engine.stream_lifecycle import begin
from headwater.model.arn import StreamName
from headwater.model.clock import ManualClock
from headwater.model.errors import KinesisError
from headwater.model.hash_key import HASH_KEY_MAX
from headwater.model.stream import Merge, Split, Step, Stream
from headwater.storage.interface import StoreUnavailable
from tests.simulation.history import HistoryFailed
from tests.simulation.queue_book import ExpectedRecord, QueueBook
from tests.simulation.scheduler import Scheduler, Source
from tests.simulation.simulated_server import CALLER, ConnectionLost, SimulatedServer
from tests.simulation.simulated_store import Faults

START_MS = 1_700_000_000_000
NAME = StreamName(*CALLER, "orders")
STEPS_OF_DRAINING = 2_000
LOST = (KinesisError, StoreUnavailable, ConnectionLost)


class QueueCharacter(NamedTuple):
    """What kind of history it is."""

    steps: int
    workers: int
    crash_weight: float
    strides_ms: tuple[int, ...]
    timeout_s: int
    receives_max: int | None


class QueueHistory:
    """A seed's history."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.scheduler = scheduler = Scheduler(seed)
        chance = scheduler.chance
        faulty = chance.random() < 0.6
        faults = Faults(
            failed_commits=chance.choice((0.0, 0.02, 0.15)) if faulty else 0.0,
            failed_reads=chance.choice((0.0, 0.02, 0.1)) if faulty else 0.0,
            late_reads=chance.choice((0.0, 0.1, 0.5)),
        )
        strides_ms: tuple[int, ...] = (1, 300, 1_000, 5_000)
        if chance.random() < 0.2:
            strides_ms += (43_200_000,)
        self._character = QueueCharacter(
            steps=chance.choice((100, 300, 600)),
            workers=chance.randint(1, 4),
            crash_weight=chance.choice((0.0, 0.1, 0.5)) if faulty else 0.0,
            strides_ms=strides_ms,
            timeout_s=chance.choice((0, 1, 5, 30)),
            receives_max=chance.choice((None, 1, 2, 3)),
        )
        self._clock = ManualClock(START_MS)
        self._server = SimulatedServer(scheduler, self._clock, 200, faults, chance.choice((3.0, 20.0)))
        self._book = QueueBook(self._server)
        self._ending = False
        self._sent = 0
        self._stream_arn = ""
        self._arn = ""

    def run(self) -> str:
        """Run to the end; the hash of the trace. Raises HistoryFailed."""
        try:
            self._begin()
            for _ in range(self._character.steps):
                self.scheduler.step()
            self._end()
        except Exception as failure:  # a fault may raise anything
            raise HistoryFailed(self._seed, self.scheduler, failure) from failure
        finally:
            self._server.end()
            self.scheduler.close()
        return self.scheduler.trace

    # The beginning

    def _begin(self) -> None:
        chosen, ask = self._character, self._server.ask
        ask("CreateStream", StreamName="orders", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        self._clock.advance_ms(200)
        summary = ask("DescribeStreamSummary", StreamName="orders")["StreamDescriptionSummary"]
        self._stream_arn = summary["StreamARN"]
        attributes = _attributes(chosen.timeout_s, chosen.receives_max)
        start = {"StreamARN": self._stream_arn, "StartingPosition": {"Type": "TRIM_HORIZON"}}
        queue = ask(
            "CreateQueue", QueueName="work", StreamConfigurationList=[start], QueueAttributes=attributes
        )
        self._arn = queue["QueueDescription"]["QueueARN"]
        self._clock.advance_ms(200)
        self._book.timeout_s.add(chosen.timeout_s)
        self._book.counts.add(chosen.receives_max)
        self.scheduler.start("a producer", self._produce())
        for _ in range(chosen.workers):
            self.scheduler.start("a worker", self._work(is_dead=False))
        self.scheduler.start("a worker on dead letters", self._work(is_dead=True))
        self.scheduler.start("an administrator", self._administrate())
        for name, weight, run in (
            ("the clock moves", 6.0, self._move_clock),
            ("a tick", 4.0, self._server.tick),
            ("a crash", chosen.crash_weight, self._server.crash),
            ("a restart", chosen.crash_weight / 4, self._server.restart),
        ):
            self.scheduler.add_source(Source(name, weight, lambda: True, run))

    def _move_clock(self) -> None:
        stride_ms = self.scheduler.chance.choice(self._character.strides_ms)
        if stride_ms > 10_000 and self.scheduler.chance.random() < 0.9:
            stride_ms = 1
        self._advance(stride_ms)

    def _advance(self, milliseconds: int) -> None:
        self._clock.advance_ms(milliseconds)
        self.scheduler.note(f"it is {self._clock.now_ms() - START_MS}")
        self._server.clock_moved()

    # Who takes part

    async def _produce(self) -> None:
        chance = self.scheduler.chance
        while not self._ending:
            await self.scheduler.turn("a producer")
            if self._ending:
                return
            texts = []
            for _ in range(chance.choice((1, 3, 12))):
                self._sent += 1
                texts.append(f"r{self._sent}")
                self._book.records[texts[-1]] = ExpectedRecord(texts[-1])
            records = [
                {
                    "Data": b64encode(text.encode()).decode(),
                    "PartitionKey": text,
                    "ExplicitHashKey": str(chance.randrange(HASH_KEY_MAX)),
                }
                for text in texts
            ]
            with suppress(*LOST):
                settle = partial(self._book.put, texts)
                await self._server.call("PutRecords", settle, StreamName="orders", Records=records)

    async def _work(self, *, is_dead: bool) -> None:
        """Receive, and do this or that with what was given; now and then with what was given long ago."""
        chance, kept = self.scheduler.chance, list[str]()
        while not self._ending:
            await self.scheduler.turn("a worker")
            if self._ending:
                return
            with suppress(*LOST):
                if not kept or chance.random() < 0.5:
                    kept += await self._receive(is_dead=is_dead)
                else:
                    chance.shuffle(kept)
                    count = chance.randint(1, min(10, len(kept)))
                    used, kept = kept[:count], kept[count:]
                    await self._use(used, is_dead=is_dead)
                    if chance.random() < 0.3:
                        kept += used

    async def _receive(self, *, is_dead: bool) -> list[str]:
        chance = self.scheduler.chance
        members: dict[str, Any] = {
            "QueueARN": self._arn,
            "Limit": chance.randint(1, 10),
            "WaitTimeSeconds": chance.choice((1, 5, 20)),
        }
        if chance.random() < 0.4:
            members["VisibilityTimeoutSeconds"] = chance.choice((0, 1, 10))
        operation = "ReceiveDeadLetterQueueRecords" if is_dead else "ReceiveQueueRecords"
        settle = partial(self._book.received, is_dead=is_dead)
        answer = await self._server.call(operation, settle, **members)
        return [record["ReceiptHandle"] for record in answer["QueueRecords"]]

    async def _use(self, handles: list[str], *, is_dead: bool) -> None:
        book = self._book
        entries: list[dict[str, Any]] = [{"ReceiptHandle": handle} for handle in handles]
        what = self.scheduler.chance.random()
        used = [book.by_handle[handle].text for handle in handles]
        book.giving_back.update(used)
        try:
            await self._use_for(what, entries, is_dead=is_dead)
        finally:
            book.giving_back.subtract(used)

    async def _use_for(self, what: float, entries: list[dict[str, Any]], *, is_dead: bool) -> None:
        chance, book = self.scheduler.chance, self._book
        if what < 0.25:
            for entry in entries:
                entry["VisibilityTimeoutSeconds"] = chance.choice((0, 0, 3, 60))
            operation = (
                "UpdateDeadLetterQueueRecordsVisibility" if is_dead else "UpdateQueueRecordsVisibility"
            )
            await self._server.call(operation, book.visibility, QueueARN=self._arn, Entries=entries)
        elif is_dead and what < 0.7:
            settle = partial(book.settled, verdict="restore", is_dead=True)
            await self._server.call(
                "RestoreDeadLetterQueueRecords", settle, QueueARN=self._arn, Entries=entries
            )
        else:
            settle = partial(book.settled, verdict="acknowledge", is_dead=is_dead)
            operation = "AcknowledgeDeadLetterQueueRecords" if is_dead else "AcknowledgeQueueRecords"
            await self._server.call(operation, settle, QueueARN=self._arn, Entries=entries)

    async def _administrate(self) -> None:
        """Split and merge shards, as an on-demand stream does, and change the queue's attributes."""
        chance = self.scheduler.chance
        while not self._ending:
            for _ in range(chance.randint(1, 6)):
                await self.scheduler.turn("an administrator")
            if self._ending:
                return
            with suppress(*LOST):
                if chance.random() < 0.2:
                    attributes = _attributes(chance.choice((0, 1, 5)), chance.choice((None, 1, 2, 4)))
                    await self._server.call(
                        "UpdateQueue", self._book.updated, QueueARN=self._arn, QueueAttributes=attributes
                    )
                else:
                    await self._server.engine.replace(NAME, self._resharded)

    def _resharded(self, stream: Stream) -> Stream:
        require_active(stream)
        shards = sorted(stream.open_shards, key=lambda shard: int(shard.starting_hash_key))
        at = self.scheduler.chance.randrange(len(shards))
        step: Step
        if at + 1 < len(shards) and (len(shards) > 6 or self.scheduler.chance.random() < 0.5):
            step = Merge(shards[at].index, shards[at + 1].index)
        else:
            middle = (int(shards[at].starting_hash_key) + int(shards[at].ending_hash_key)) // 2 + 1
            step = Split(shards[at].index, str(middle))
        self.scheduler.note(f"{step}")
        return begin(stream, "UPDATING", step, self._clock.now_ms() + 200)

    # The end

    def _end(self) -> None:
        self._ending = True
        self._server.heal()
        self._quiet()
        for _ in range(3):  # waits end, transitions and visibilities, too
            self._advance(30_000)
            self._server.tick()
            self._quiet()
        self._advance(60_000)
        self._server.tick()
        self._quiet()
        assert self._server.engine.check() == []
        self._drain()
        self._server.crash()
        self._quiet()
        assert self._server.engine.check() == []
        self._drain()

    def _drain(self) -> None:
        """Receive all that there is, of both kinds, and look whether that is everything."""
        alive, dead = set[str](), set[str]()
        for operation, found in (
            ("ReceiveQueueRecords", alive),
            ("ReceiveDeadLetterQueueRecords", dead),
            ("ReceiveQueueRecords", alive),
        ):
            for _ in range(STEPS_OF_DRAINING):
                texts = self._received(operation)
                found.update(texts)
                if not texts:
                    break
            else:
                raise AssertionError(f"{operation} does not come to an end")
        self._book.check_whole(alive, dead, self._clock.now_ms())

    def _received(self, operation: str) -> list[str]:
        texts: list[str] = []

        async def receive() -> None:
            members = {"QueueARN": self._arn, "Limit": 10, "WaitTimeSeconds": 1}
            settle = partial(self._book.received, is_dead=operation == "ReceiveDeadLetterQueueRecords")
            answer = await self._server.call(operation, settle, **members, VisibilityTimeoutSeconds=43_200)
            texts.extend(self._book.by_handle[r["ReceiptHandle"]].text for r in answer["QueueRecords"])

        self.scheduler.start("the last worker", receive())
        self._quiet()
        if not texts:
            self._advance(1_000)
            self._server.tick()
            self._quiet()
        return texts

    def _quiet(self) -> None:
        self.scheduler.run_waiting(self._server.work)


def _attributes(timeout_s: int, receives_max: int | None) -> dict[str, Any]:
    dead_letters: dict[str, Any] = {"TargetType": "NONE"}
    if receives_max is not None:
        dead_letters = {"TargetType": "BUILT_IN", "MaxReceiveCount": receives_max}
    return {"VisibilityTimeoutSeconds": timeout_s, "DeadLetterConfiguration": dead_letters}
