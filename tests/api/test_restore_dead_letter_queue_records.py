"""RestoreDeadLetterQueueRecords."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

from headwater.model.clock import ManualClock
from tests.api.queues import (
    RECEIVE_DEAD,
    dead_letters,
    failures,
    gives_nothing,
    handles,
    received,
    waiting,
)

Settle = Callable[[], None]


def test_a_restored_record_is_received_and_counted_anew(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["poison"])
    (dead,) = received(kinesis, arn, RECEIVE_DEAD)
    answer = kinesis.restore_dead_letter_queue_records(QueueARN=arn, Entries=handles([dead]))
    assert (answer["Successful"], answer["Failed"]) == (handles([dead]), [])
    (record,) = received(kinesis, arn)
    assert (record["RecordId"], record["ReceiveCount"]) == (dead["RecordId"], 1)
    assert record["FirstReceiveTimestamp"] == dead["FirstReceiveTimestamp"]
    assert gives_nothing(kinesis, clock, arn, RECEIVE_DEAD)
    clock.advance_ms(30_000)  # and dies again after as many receives
    assert received(kinesis, arn, RECEIVE_DEAD)[0]["RecordId"] == dead["RecordId"]


def test_who_waits_gets_a_restored_record(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["poison"])
    dead = received(kinesis, arn, RECEIVE_DEAD)
    with waiting(kinesis, arn, WaitTimeSeconds=20) as call:
        assert not wait([call], 0.3).done
        kinesis.restore_dead_letter_queue_records(QueueARN=arn, Entries=handles(dead))
        assert call.result()[0]["Data"] == b"poison"


def test_what_is_no_dead_letter_any_more_cannot_be_restored(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["a", "b"])
    dead = received(kinesis, arn, RECEIVE_DEAD)
    restore = kinesis.restore_dead_letter_queue_records
    restore(QueueARN=arn, Entries=handles(dead[:1]))
    kinesis.acknowledge_dead_letter_queue_records(QueueARN=arn, Entries=handles(dead[1:]))
    answer = restore(QueueARN=arn, Entries=[*handles(dead), {"ReceiptHandle": "nonsense"}])
    assert answer["Successful"] == []
    assert failures(answer) == [
        "ResourceNotFoundException",
        "ResourceNotFoundException",
        "InvalidArgumentException",
    ]


def test_an_older_handle_restores_nothing(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["a"])
    old = handles(received(kinesis, arn, RECEIVE_DEAD, VisibilityTimeoutSeconds=0))
    received(kinesis, arn, RECEIVE_DEAD)
    answer = kinesis.restore_dead_letter_queue_records(QueueARN=arn, Entries=old)
    assert failures(answer) == ["InvalidArgumentException"]


def test_what_is_past_retention_is_not_restored(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["a"])
    dead = handles(received(kinesis, arn, RECEIVE_DEAD))
    clock.advance_ms(24 * 3_600_000 + 1)
    answer = kinesis.restore_dead_letter_queue_records(QueueARN=arn, Entries=dead)
    assert failures(answer) == ["ResourceNotFoundException"]
