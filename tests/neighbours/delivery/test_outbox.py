"""Records reach a stream in order, however often it refuses them, and none is given up without a word."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.model.caller import Caller
from headwater.model.errors import InternalFailureException, ResourceNotFoundException
from headwater.neighbours.delivery.outbox import (
    AGE,
    PATIENCE_MS,
    RETRIES,
    DeadLetterTarget,
    GivenUp,
    OutgoingRecord,
    RecordOutbox,
    Terms,
)
from tests.waiting import RETRY_FOR_S

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
THROTTLED = "ProvisionedThroughputExceededException"
LETTERS = DeadLetterTarget("arn:aws:sqs:us-east-1:000000000000:dead", "{}", ())


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
def buried() -> list[GivenUp]:
    return []


@pytest.fixture
def outbox(stream: Stream, buried: list[GivenUp]) -> Iterator[RecordOutbox]:
    outbox = RecordOutbox(stream, lambda _: None, buried.append)
    yield outbox
    outbox.close()


def record(key: str, data: bytes, created_ms: int | None = None, **terms: Any) -> OutgoingRecord:
    now_ms = int(time.time() * 1000)
    return OutgoingRecord(ARN, key, data, now_ms if created_ms is None else created_ms, Terms(**terms))


def told(buried: list[GivenUp]) -> list[tuple[bytes, str, str | None, int]]:
    return [(lost.record.data, lost.error, lost.exhausted, lost.record.retries) for lost in buried]


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
    again = RecordOutbox(stream, lambda _: None, lambda _: None)
    again.hold()
    again.restore(state)
    again.delivered_before("table", 1)
    again.release()
    assert stream.wait_for(1) == [b"2"]
    again.close()


def test_what_is_given_up_is_told_with_the_term_that_ended(
    stream: Stream, outbox: RecordOutbox, buried: list[GivenUp]
) -> None:
    stream.answers = [
        ResourceNotFoundException(),
        InternalFailureException(),
        InternalFailureException(),
        InternalFailureException(),
    ]
    now_ms = int(time.time() * 1000)
    outbox.put(
        "rule",
        [
            record("a", b"gone", ends_with_stream=True, dead_letters=LETTERS),
            record("a", b"old", now_ms - 60_001, age_ms_max=60_000, dead_letters=LETTERS),
            record("a", b"tried", retries_max=1, dead_letters=LETTERS),
            record("a", b"new", now_ms + PATIENCE_MS),
        ],
    )
    assert stream.wait_for(1) == [b"new"]
    assert told(buried) == [
        (b"gone", "ResourceNotFoundException", None, 0),
        (b"old", "InternalFailureException", AGE, 0),
        (b"tried", "InternalFailureException", RETRIES, 1),
    ]


def test_terms_and_retries_outlive_a_restart(
    stream: Stream, outbox: RecordOutbox, buried: list[GivenUp]
) -> None:
    stream.answers = [InternalFailureException()]
    outbox.put("rule", [record("a", b"1", retries_max=1, ends_with_stream=True, dead_letters=LETTERS)])
    with stream.changed:
        assert stream.changed.wait_for(lambda: not stream.answers, RETRY_FOR_S)
    outbox.close()
    state = outbox.state()
    again = RecordOutbox(stream, lambda _: None, buried.append)
    stream.answers = [InternalFailureException()]
    again.restore(state)
    again.put("rule", [record("a", b"2")])
    assert stream.wait_for(1) == [b"2"]
    again.close()
    assert told(buried) == [(b"1", "InternalFailureException", RETRIES, 1)]


def test_a_dead_letter_queue_that_is_gone_holds_up_nobody(stream: Stream) -> None:
    def bury(_lost: GivenUp) -> None:
        raise KeyError("no such queue")

    warnings: list[str] = []
    outbox = RecordOutbox(stream, warnings.append, bury)
    stream.answers = [InternalFailureException()]
    outbox.put("rule", [record("a", b"1", retries_max=0, dead_letters=LETTERS), record("a", b"2")])
    assert stream.wait_for(1) == [b"2"]
    outbox.close()
    assert "no such queue" in warnings[-1]


def test_a_sender_may_take_back_what_waits(stream: Stream, outbox: RecordOutbox) -> None:
    outbox.hold()
    outbox.put("table", [record("a", b"1")])
    outbox.drop("table")
    outbox.put("table", [record("a", b"2")])
    outbox.release()
    assert stream.wait_for(1) == [b"2"]
