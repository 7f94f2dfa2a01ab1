"""UpdateDeadLetterQueueRecordsVisibility."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.model.clock import ManualClock
from tests.api.queues import RECEIVE_DEAD, dead_letters, failures, gives_nothing, handles, received

Settle = Callable[[], None]


def change(kinesis: Any, arn: str, record: dict[str, Any], timeout_s: int) -> dict[str, Any]:
    entries = [{**handles([record])[0], "VisibilityTimeoutSeconds": timeout_s}]
    call = kinesis.update_dead_letter_queue_records_visibility
    answer: dict[str, Any] = call(QueueARN=arn, Entries=entries)
    return answer


def test_a_dead_letter_stays_in_flight_as_long_as_is_said(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["poison"])
    (record,) = received(kinesis, arn, RECEIVE_DEAD)
    assert change(kinesis, arn, record, 100)["Successful"] == handles([record])
    clock.advance_ms(40_000)
    assert gives_nothing(kinesis, clock, arn, RECEIVE_DEAD)
    change(kinesis, arn, record, 0)
    assert received(kinesis, arn, RECEIVE_DEAD)[0]["RecordId"] == record["RecordId"]


def test_only_a_dead_letter_in_flight_can_be_changed(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["poison"])
    (record,) = received(kinesis, arn, RECEIVE_DEAD, VisibilityTimeoutSeconds=0)
    assert failures(change(kinesis, arn, record, 5)) == ["InvalidArgumentException"]
    kinesis.restore_dead_letter_queue_records(QueueARN=arn, Entries=handles([record]))
    assert failures(change(kinesis, arn, record, 5)) == ["ResourceNotFoundException"]
    (alive,) = received(kinesis, arn)
    assert failures(change(kinesis, arn, alive, 5)) == ["InvalidArgumentException"]
