"""Records that neighbours put into Headwater's streams, until the streams have them.

Rules:
- each sender has a queue of its own: in it records keep their order, and wait for the one before;
- a call never has the same partition key twice, so that one that is refused is not overtaken;
- what is refused is tried again, after pauses that grow; what has reached the end of its terms (an age, a
  number of retries, a stream that is gone) is given up, and who looks after dead letters told;
- a record has its terms and retries with it, so that they hold after a restart, too;
- records are counted for each sender; what is delivered is written down by its number, so that whoever makes
  the same records again after a kill (a log that is replayed) has them delivered once. Between a delivery
  and its note lies a moment in which a kill makes a second record.

Refuses to know what is in a record.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any, NamedTuple, Protocol

from headwater.model.arn import parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError, ResourceNotFoundException

FIRST_PAUSE_S = 0.1
PAUSE_S_MAX = 5.0
BATCH_RECORDS_MAX = 500
BATCH_BYTES_MAX = 4 * 1024 * 1024
PATIENCE_MS = 24 * 60 * 60 * 1000
"""How long a record may wait, at AWS as here."""
WAITING_RECORDS_MAX = 100_000
"""Of one sender; beyond it the oldest are given up."""

Report = Callable[[str, int], None]
"""Takes a sender, and how many of its records are delivered."""
Warn = Callable[[str], None]


class DeadLetterTarget(NamedTuple):
    """Where a record goes that is given up."""

    queue_arn: str
    text: str
    """What is said of it: it need not be the record's data."""
    told: tuple[tuple[str, str], ...]
    """Names and texts that go with it."""


class Terms(NamedTuple):
    """How long a record is tried."""

    age_ms_max: int = PATIENCE_MS
    retries_max: int | None = None
    """`None`: only the age counts."""
    ends_with_stream: bool = False
    """Nothing is tried again once the stream is gone."""
    dead_letters: DeadLetterTarget | None = None


PATIENT = Terms()


class OutgoingRecord(NamedTuple):
    """A record that is to be in a stream."""

    stream_arn: str
    partition_key: str
    data: bytes
    created_ms: int
    terms: Terms = PATIENT
    retries: int = 0


class GivenUp(NamedTuple):
    """A record that is not tried again."""

    record: OutgoingRecord
    error: str
    exhausted: str | None
    """Which of its terms has come to its end; `None` for none of the figures."""


Bury = Callable[[GivenUp], None]
"""Takes what is given up to its dead letters."""
AGE, RETRIES = "MaximumEventAgeInSeconds", "MaximumRetryAttempts"
"""What EventBridge calls the terms."""


class PutRecords(Protocol):
    """Kinesis, for who waits for its answers."""

    def call(self, caller: Caller, operation: str, **members: Any) -> dict[str, Any]:
        """An operation's answer. Raises its error."""


@dataclass
class _Queue:
    waiting: deque[OutgoingRecord] = field(default_factory=deque)
    """The first has the number after `done`."""
    done: int = 0
    """Up to this number all records are delivered, or given up."""
    total: int = 0
    """The number of the last record that was put."""
    ahead: set[int] = field(default_factory=set)
    """Numbers of waiting records that were delivered before those in front of them."""
    not_before_s: float = 0.0
    pause_s: float = FIRST_PAUSE_S

    def put(self, record: OutgoingRecord) -> None:
        self.total += 1
        if self.total > self.done:
            self.waiting.append(record)

    def finish(self, number: int) -> None:
        if number > self.done:
            self.ahead.add(number)
        while self.waiting and self.done + 1 in self.ahead:
            self.waiting.popleft()
            self.done += 1
            self.ahead.discard(self.done)

    def finish_up_to(self, number: int) -> None:
        while self.waiting and self.done < number:
            self.waiting.popleft()
            self.done += 1
        self.done = max(self.done, number)
        self.ahead = {each for each in self.ahead if each > self.done}

    def note_retry(self, number: int) -> None:
        """A record was refused, and is to be tried again."""
        at = number - self.done - 1
        if 0 <= at < len(self.waiting):
            record = self.waiting[at]
            self.waiting[at] = record._replace(retries=record.retries + 1)

    def batch(self) -> dict[int, OutgoingRecord]:
        """The first records, for one stream, with no partition key twice, by their numbers."""
        batch: dict[int, OutgoingRecord] = {}
        keys: set[str] = set()
        size, stream_arn = 0, ""
        for number, record in enumerate(self.waiting, self.done + 1):
            if number in self.ahead:
                continue
            size += len(record.data)
            stream_arn = stream_arn or record.stream_arn
            if (
                record.stream_arn != stream_arn
                or record.partition_key in keys
                or len(batch) == BATCH_RECORDS_MAX
            ):
                break
            if batch and size > BATCH_BYTES_MAX:
                break
            batch[number] = record
            keys.add(record.partition_key)
        return batch


class RecordOutbox:
    """The queues of one server's senders, and the thread that empties them."""

    def __init__(self, kinesis: PutRecords, warn: Warn, bury: Bury) -> None:
        self._kinesis = kinesis
        self._warn = warn
        self._bury = bury
        self._queues: dict[str, _Queue] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._is_held = False
        self.report: Report = _nothing

    def put(self, sender: str, records: Sequence[OutgoingRecord]) -> None:
        """Let records follow those that a sender has put before. Returns at once."""
        if not records:
            return
        with self._changed:
            queue = self._queues.setdefault(sender, _Queue())
            for record in records:
                queue.put(record)
            surplus = list(queue.waiting)[: max(0, len(queue.waiting) - WAITING_RECORDS_MAX)]
            queue.finish_up_to(queue.done + len(surplus))
            self._begin()
        for record in surplus:
            self._give_up(sender, GivenUp(record, "too many records wait", None))

    def drop(self, sender: str) -> None:
        """Forget what a sender still has waiting."""
        with self._changed:
            queue = self._queues.get(sender)
            if queue is not None:
                queue.finish_up_to(queue.total)

    def hold(self) -> None:
        """Deliver nothing until `release`: what was delivered before is not known yet."""
        self._is_held = True

    def release(self) -> None:
        """Deliver what waits."""
        with self._changed:
            self._is_held = False
            self._begin()

    def state(self) -> dict[str, tuple[int, list[OutgoingRecord]]]:
        """For each sender how many records are done, and which wait."""
        with self._changed:
            return {name: (queue.done, list(queue.waiting)) for name, queue in self._queues.items()}

    def restore(self, state: dict[str, tuple[int, list[OutgoingRecord]]]) -> None:
        """Begin with what `state` gave."""
        with self._changed:
            self._queues = {
                name: _Queue(deque(waiting), done, done + len(waiting))
                for name, (done, waiting) in state.items()
            }

    def delivered_before(self, sender: str, done: int) -> None:
        """A note says that so many records of a sender are done."""
        with self._changed:
            self._queues.setdefault(sender, _Queue()).finish_up_to(done)

    def clear(self) -> None:
        """Forget everything."""
        with self._changed:
            self._queues.clear()

    def close(self) -> None:
        """Deliver nothing more. Waits for the call that is under way."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        self._changed.notify_all()
        if self._thread is None and not self._is_stopping:
            self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._is_stopping:
                    return
                now_s = time()
                due = [] if self._is_held else [name for name, q in self._queues.items() if _is_due(q, now_s)]
                if not due:
                    later = [q.not_before_s - now_s for q in self._queues.values() if q.waiting]
                    self._changed.wait(None if self._is_held or not later else max(0.01, min(later)))
                    continue
            for name in due:
                self._deliver(name)

    def _deliver(self, sender: str) -> None:
        with self._changed:
            queue = self._queues.get(sender)
            batch = {} if queue is None else queue.batch()
        if queue is None or not batch:
            return
        records = list(batch.values())
        errors = self._put(records)
        first = next((error for error in errors if error is not None), None)
        if first is None:
            queue.pause_s, queue.not_before_s = FIRST_PAUSE_S, 0.0
        else:
            queue.not_before_s = time() + queue.pause_s
            queue.pause_s = min(queue.pause_s * 2, PAUSE_S_MAX)
        with self._changed:
            given_up = self._settle(queue, batch, errors)
            done = queue.done
        self.report(sender, done)
        for lost in given_up:
            self._give_up(sender, lost)

    def _settle(
        self, queue: _Queue, batch: dict[int, OutgoingRecord], errors: list[str | None]
    ) -> list[GivenUp]:
        """Note what came of a call; gives what is not tried again. No server's end ends a record's terms."""
        given_up: list[GivenUp] = []
        for number, error in zip(batch, errors, strict=True):
            if error is not None and self._is_stopping:
                continue
            if error is not None:
                lost = _end_of(batch[number], error)
                if lost is None:
                    queue.note_retry(number)
                    continue
                given_up.append(lost)
            queue.finish(number)
        return given_up

    def _put(self, records: list[OutgoingRecord]) -> list[str | None]:
        """For each record the error that it got, if any."""
        stream = parse_stream_arn(records[0].stream_arn)
        if stream is None:
            return [ResourceNotFoundException.__name__] * len(records)
        caller = Caller(stream.account_id, stream.region)
        entries = [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]
        try:
            answer = self._kinesis.call(
                caller, "PutRecords", StreamARN=records[0].stream_arn, Records=entries
            )
        except KinesisError as error:
            return [error.code] * len(records)
        except Exception as error:  # noqa: BLE001 - the server ends, or has a fault of its own: it is tried again
            return [type(error).__name__] * len(records)
        if not answer["FailedRecordCount"]:
            return [None] * len(records)
        return [result.get("ErrorCode") for result in answer["Records"]]

    def _give_up(self, sender: str, lost: GivenUp) -> None:
        self._warn(f"A record of {sender} for {lost.record.stream_arn} is given up: {lost.error}")
        if lost.record.terms.dead_letters is None:
            return
        try:
            self._bury(lost)
        except Exception as error:  # noqa: BLE001 - whatever a queue says, the others' records go on
            self._warn(f"Nor did its dead-letter queue take it: {error}")


def _end_of(record: OutgoingRecord, error: str) -> GivenUp | None:
    """Whether a record that was refused is given up, and why; `None`: it is tried again."""
    terms = record.terms
    if terms.ends_with_stream and error == ResourceNotFoundException.__name__:
        return GivenUp(record, error, None)
    if time() * 1000 - record.created_ms > terms.age_ms_max:
        return GivenUp(record, error, AGE)
    if terms.retries_max is not None and record.retries >= terms.retries_max:
        return GivenUp(record, error, RETRIES)
    return None


def _is_due(queue: _Queue, now_s: float) -> bool:
    return bool(queue.waiting) and queue.not_before_s <= now_s


def _nothing(_sender: str, _done: int) -> None:
    """Nobody writes down what is delivered."""
