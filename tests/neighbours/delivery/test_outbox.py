"""Records reach a stream in order, however often it refuses them, and none is given up without a word."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.model.caller import Caller
from headwater.model.errors import InternalFailureException, ResourceNotFoundException
from headwater.neighbours.delivery.outbox import PATIENCE_MS, OutgoingRecord, RecordOutbox

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
THROTTLED = "ProvisionedThroughputExceededException"
RETRY_FOR_S = 20.0


class Stream:
    """A stream that answers calls as it is told, and then takes everything."""

    def __init__(self) -> None:
        self.answers: list[Exception | set[bytes]] = []
        """An error for a call, or which of its records are refused."""
        self.stored: list[bytes] = []
        self.changed = threading.Condition()

    def call(self, caller: Caller, operation: str, **members: Any) -> dict[str, Any]:
        assert (caller, operation) == (Caller("000000000000", "us-east-1"), "PutRecords")
        answer = self.answers.pop(0) if self.answers else set()
        with self.changed:
            self.changed.notify_all()
            if isinstance(answer, Exception):
                raise answer
            records = [record["Data"] for record in members["Records"]]
            self.stored += [data for data in records if data not in answer]
        results = [{"ErrorCode": THROTTLED} if data in answer else {} for data in records]
        return {"FailedRecordCount": sum(map(bool, results)), "Records": results}

    def wait_for(self, count: int) -> list[bytes]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.stored) >= count, RETRY_FOR_S), self.stored
            return list(self.stored)


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def outbox(stream: Stream) -> Iterator[RecordOutbox]:
    outbox = RecordOutbox(stream, lambda _: None)
    yield outbox
    outbox.close()


def record(key: str, data: bytes, created_ms: int | None = None) -> OutgoingRecord:
    return OutgoingRecord(ARN, key, data, int(time.time() * 1000) if created_ms is None else created_ms)


def test_a_record_is_not_overtaken_by_a_later_one_of_its_key(stream: Stream, outbox: RecordOutbox) -> None:
    stream.answers = [InternalFailureException(), {b"a1"}]
    outbox.put("table", [record("a", b"a1"), record("b", b"b1"), record("a", b"a2"), record("b", b"b2")])
    stored = stream.wait_for(4)
    assert stored == [b"b1", b"a1", b"b2", b"a2"] or stored == [b"b1", b"a1", b"a2", b"b2"]
    assert stored.index(b"a1") < stored.index(b"a2")


def test_what_was_delivered_before_a_kill_is_not_delivered_again(
    stream: Stream, outbox: RecordOutbox
) -> None:
    outbox.hold()
    outbox.delivered_before("table", 2)  # the note may be in the log before the write that it is about
    outbox.put("table", [record("a", b"1"), record("a", b"2"), record("a", b"3")])
    outbox.release()
    assert stream.wait_for(1) == [b"3"]


def test_what_waits_is_there_after_a_restart_with_its_numbers(stream: Stream, outbox: RecordOutbox) -> None:
    outbox.hold()
    outbox.put("table", [record("a", b"1"), record("a", b"2")])
    state = outbox.state()
    again = RecordOutbox(stream, lambda _: None)
    again.hold()
    again.restore(state)
    again.delivered_before("table", 1)
    again.release()
    assert stream.wait_for(1) == [b"2"]
    again.close()


def test_a_sender_hears_of_what_is_given_up(stream: Stream, outbox: RecordOutbox) -> None:
    stream.answers = [ResourceNotFoundException(), InternalFailureException()]
    told: list[tuple[bytes, str]] = []
    outbox.put("rule", [record("a", b"gone")], lambda each, error: told.append((each.data, error)))
    outbox.put("rule", [record("a", b"old", 1), record("a", b"new", int(time.time() * 1000) + PATIENCE_MS)])
    assert stream.wait_for(1) == [b"new"]
    assert told == [(b"gone", "ResourceNotFoundException"), (b"old", "InternalFailureException")]


def test_a_sender_may_take_back_what_waits(stream: Stream, outbox: RecordOutbox) -> None:
    outbox.hold()
    outbox.put("table", [record("a", b"1")])
    outbox.drop("table")
    outbox.put("table", [record("a", b"2")])
    outbox.release()
    assert stream.wait_for(1) == [b"2"]
