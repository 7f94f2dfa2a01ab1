"""Records that neighbours put into Headwater's streams, until the streams have them.

Rules:
- each sender has a queue of its own: in it records keep their order, and wait for the one before;
- a call never has the same partition key twice, so that one that is refused is not overtaken;
- what is refused is tried again, after pauses that grow; what cannot succeed, because the stream is gone, or
  is as old as the sender's patience, is given up, and its sender told;
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

GivenUp = Callable[["OutgoingRecord", str], None]
Report = Callable[[str, int], None]
"""Takes a sender, and how many of its records are delivered."""
Warn = Callable[[str], None]


class OutgoingRecord(NamedTuple):
    """A record that is to be in a stream."""

    stream_arn: str
    partition_key: str
    data: bytes
    created_ms: int


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

    def __init__(self, kinesis: PutRecords, warn: Warn) -> None:
        self._kinesis = kinesis
        self._warn = warn
        self._queues: dict[str, _Queue] = {}
        self._given_up: dict[str, GivenUp] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._is_held = False
        self.report: Report = _nothing

    def put(self, sender: str, records: Sequence[OutgoingRecord], given_up: GivenUp | None = None) -> None:
        """Let records follow those that a sender has put before. Returns at once."""
        if not records:
            return
        with self._changed:
            queue = self._queues.setdefault(sender, _Queue())
            for record in records:
                queue.put(record)
            if given_up is not None:
                self._given_up[sender] = given_up
            surplus = list(queue.waiting)[: max(0, len(queue.waiting) - WAITING_RECORDS_MAX)]
            queue.finish_up_to(queue.done + len(surplus))
            self._begin()
        for record in surplus:
            self._give_up(sender, record, "too many records wait")

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
            self._given_up.clear()

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
        failed = [number for number, error in zip(batch, errors, strict=True) if error is not None]
        first = next((error for error in errors if error is not None), None)
        if first is None:
            queue.pause_s, queue.not_before_s = FIRST_PAUSE_S, 0.0
        else:
            queue.not_before_s = time() + queue.pause_s
            queue.pause_s = min(queue.pause_s * 2, PAUSE_S_MAX)
        given_up = [number for number in failed if self._is_hopeless(sender, batch[number], first or "")]
        with self._changed:
            for number in batch:
                if number not in failed or number in given_up:
                    queue.finish(number)
            done = queue.done
        self.report(sender, done)
        for number in given_up:
            self._give_up(sender, batch[number], first or "")

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

    def _is_hopeless(self, sender: str, record: OutgoingRecord, error: str) -> bool:
        is_gone = error == ResourceNotFoundException.__name__ and sender in self._given_up
        return is_gone or time() * 1000 - record.created_ms > PATIENCE_MS

    def _give_up(self, sender: str, record: OutgoingRecord, error: str) -> None:
        self._warn(f"A record of {sender} for {record.stream_arn} is given up: {error}")
        if sender in self._given_up:
            self._given_up[sender](record, error)


def _is_due(queue: _Queue, now_s: float) -> bool:
    return bool(queue.waiting) and queue.not_before_s <= now_s


def _nothing(_sender: str, _done: int) -> None:
    """Nobody writes down what is delivered."""
