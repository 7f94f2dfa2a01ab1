"""AcknowledgeQueueRecords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.queues import (
    RECEIVE_DEAD,
    active_queue,
    all_received,
    attributes,
    dead_letters,
    failures,
    gives_nothing,
    handles,
    put,
    received,
)
from tests.api.refusals import invalid, refusal

Settle = Callable[[], None]


def test_an_acknowledged_record_is_not_given_again(kinesis: Any, queue_arn: str, clock: ManualClock) -> None:
    put(kinesis, ["a", "b", "c"])
    found = all_received(kinesis, queue_arn, 3)
    entries = handles([found["a"], found["c"]])
    answer = kinesis.acknowledge_queue_records(QueueARN=queue_arn, Entries=entries)
    assert (answer["Successful"], answer["Failed"]) == (entries, [])
    clock.advance_ms(30_000)
    assert set(all_received(kinesis, queue_arn, 1)) == {"b"}
    assert gives_nothing(kinesis, clock, queue_arn)


def test_the_stream_and_its_other_queues_keep_the_record(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    one = active_queue(kinesis, settle, on_demand_arn, "one")
    two = active_queue(kinesis, settle, on_demand_arn, "two")
    put(kinesis, ["apple"])
    kinesis.acknowledge_queue_records(QueueARN=one, Entries=handles(received(kinesis, one)))
    assert received(kinesis, two)[0]["Data"] == b"apple"


def test_what_is_no_handle_of_the_queue_fails_alone(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    one = active_queue(kinesis, settle, on_demand_arn, "one")
    two = active_queue(kinesis, settle, on_demand_arn, "two")
    put(kinesis, ["apple"])
    (good,), (foreign,) = handles(received(kinesis, one)), handles(received(kinesis, two))
    text = foreign["ReceiptHandle"]
    tampered = {"ReceiptHandle": text[:-6] + ("A" if text[-6] != "A" else "B") + text[-5:]}
    entries = [{"ReceiptHandle": "nonsense"}, good, foreign, tampered]
    answer = kinesis.acknowledge_queue_records(QueueARN=one, Entries=entries)
    assert answer["Successful"] == [good]
    assert failures(answer) == ["InvalidArgumentException"] * 3
    assert [entry["ReceiptHandle"] for entry in answer["Failed"]] == [
        entry["ReceiptHandle"] for entry in (entries[0], foreign, tampered)
    ]
    assert all(entry["ErrorMessage"] for entry in answer["Failed"])


def test_acknowledging_twice_succeeds_twice(kinesis: Any, queue_arn: str) -> None:
    put(kinesis, ["apple"])
    entries = handles(received(kinesis, queue_arn))
    for _ in range(2):
        answer = kinesis.acknowledge_queue_records(QueueARN=queue_arn, Entries=entries * 2)
        assert (answer["Successful"], answer["Failed"]) == (entries * 2, [])


def test_the_latest_handle_acknowledges_when_its_visibility_has_ended(
    kinesis: Any, queue_arn: str, clock: ManualClock
) -> None:
    put(kinesis, ["apple"])
    entries = handles(received(kinesis, queue_arn))
    clock.advance_ms(60_000)
    kinesis.acknowledge_queue_records(QueueARN=queue_arn, Entries=entries)
    assert gives_nothing(kinesis, clock, queue_arn)


def test_an_older_handle_succeeds_and_does_nothing(kinesis: Any, queue_arn: str, clock: ManualClock) -> None:
    put(kinesis, ["apple"])
    entries = handles(received(kinesis, queue_arn))
    clock.advance_ms(30_000)
    received(kinesis, queue_arn)
    answer = kinesis.acknowledge_queue_records(QueueARN=queue_arn, Entries=entries)
    assert (answer["Successful"], answer["Failed"]) == (entries, [])
    clock.advance_ms(30_000)
    assert received(kinesis, queue_arn)[0]["ReceiveCount"] == 3


def test_a_record_past_retention_is_acknowledged_as_any(
    kinesis: Any, queue_arn: str, clock: ManualClock
) -> None:
    put(kinesis, ["apple"])
    entries = handles(received(kinesis, queue_arn))
    clock.advance_ms(25 * 3_600_000)
    answer = kinesis.acknowledge_queue_records(QueueARN=queue_arn, Entries=entries)
    assert (answer["Successful"], answer["Failed"]) == (entries, [])


def test_the_two_kinds_of_handles_are_not_taken_for_each_other(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["poison"])
    put(kinesis, ["good"])
    (dead,), (alive,) = handles(received(kinesis, arn, RECEIVE_DEAD)), handles(received(kinesis, arn))
    answer = kinesis.acknowledge_queue_records(QueueARN=arn, Entries=[dead, alive])
    assert (answer["Successful"], failures(answer)) == ([alive], ["InvalidArgumentException"])
    answer = kinesis.acknowledge_dead_letter_queue_records(QueueARN=arn, Entries=[alive, dead])
    assert (answer["Successful"], failures(answer)) == ([dead], ["InvalidArgumentException"])


def test_what_has_become_a_dead_letter_is_no_record_any_more(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    one_receive = attributes(receives_max=1)
    arn = active_queue(kinesis, settle, on_demand_arn, QueueAttributes=one_receive)
    put(kinesis, ["poison"])
    entries = handles(received(kinesis, arn, VisibilityTimeoutSeconds=0))
    answer = kinesis.acknowledge_queue_records(QueueARN=arn, Entries=entries)
    assert failures(answer) == ["ResourceNotFoundException"]
    assert received(kinesis, arn, RECEIVE_DEAD)[0]["Data"] == b"poison"


def test_handles_of_a_queue_that_is_gone_are_worthless(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arn = active_queue(kinesis, settle, on_demand_arn)
    put(kinesis, ["apple"])
    entries = handles(received(kinesis, arn))
    kinesis.delete_queue(QueueARN=arn)
    answer = refusal(kinesis.acknowledge_queue_records, QueueARN=arn, Entries=entries)
    assert answer[0] == "ResourceNotFoundException"
    settle()
    again = active_queue(kinesis, settle, on_demand_arn, StartingPosition={"Type": "TRIM_HORIZON"})
    answer = kinesis.acknowledge_queue_records(QueueARN=again, Entries=entries)
    assert failures(answer) == ["InvalidArgumentException"]
    assert received(kinesis, again)[0]["Data"] == b"apple"


@pytest.mark.parametrize("count", [0, 11])
def test_takes_one_to_ten_entries(kinesis: Any, queue_arn: str, count: int) -> None:
    entries = [{"ReceiptHandle": str(number)} for number in range(count)]
    answer = refusal(kinesis.acknowledge_queue_records, QueueARN=queue_arn, Entries=entries)
    assert answer[0] == "ValidationException"


def test_a_handle_has_1_to_1024_characters(kinesis: Any, queue_arn: str) -> None:
    call = kinesis.acknowledge_queue_records
    answer = refusal(call, QueueARN=queue_arn, Entries=[{"ReceiptHandle": ""}])
    assert answer == invalid(
        "Value '' at 'entries.1.member.receiptHandle' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )
    answer = refusal(call, QueueARN=queue_arn, Entries=[{"ReceiptHandle": "x" * 1025}])
    assert answer[0] == "ValidationException"
