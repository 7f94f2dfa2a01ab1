"""AcknowledgeDeadLetterQueueRecords. What the entries have in common with others: AcknowledgeQueueRecords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.model.clock import ManualClock
from tests.api.queues import RECEIVE_DEAD, dead_letters, failures, gives_nothing, handles, received

Settle = Callable[[], None]


def test_an_acknowledged_dead_letter_is_gone(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["a", "b"])
    (one,) = received(kinesis, arn, RECEIVE_DEAD, Limit=1)
    answer = kinesis.acknowledge_dead_letter_queue_records(QueueARN=arn, Entries=handles([one]))
    assert (answer["Successful"], answer["Failed"]) == (handles([one]), [])
    clock.advance_ms(30_000)
    (other,) = received(kinesis, arn, RECEIVE_DEAD)
    assert other["RecordId"] != one["RecordId"]
    assert gives_nothing(kinesis, clock, arn)


def test_an_older_handle_succeeds_and_does_nothing(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["a"])
    old = handles(received(kinesis, arn, RECEIVE_DEAD, VisibilityTimeoutSeconds=0))
    received(kinesis, arn, RECEIVE_DEAD)
    answer = kinesis.acknowledge_dead_letter_queue_records(QueueARN=arn, Entries=old)
    assert (answer["Successful"], answer["Failed"]) == (old, [])
    clock.advance_ms(30_000)
    assert received(kinesis, arn, RECEIVE_DEAD)


def test_what_is_no_handle_fails_alone(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["a"])
    entries = [*handles(received(kinesis, arn, RECEIVE_DEAD)), {"ReceiptHandle": "nonsense"}]
    answer = kinesis.acknowledge_dead_letter_queue_records(QueueARN=arn, Entries=entries)
    assert (answer["Successful"], failures(answer)) == (entries[:1], ["InvalidArgumentException"])
