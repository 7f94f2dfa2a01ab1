"""UpdateQueueRecordsVisibility."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.queues import active_queue, all_received, attributes, failures, gives_nothing, put, received
from tests.api.refusals import refusal

Settle = Callable[[], None]


def change(kinesis: Any, arn: str, record: dict[str, Any], timeout_s: int) -> dict[str, Any]:
    entries = [{"ReceiptHandle": record["ReceiptHandle"], "VisibilityTimeoutSeconds": timeout_s}]
    answer: dict[str, Any] = kinesis.update_queue_records_visibility(QueueARN=arn, Entries=entries)
    return answer


def test_a_record_stays_in_flight_as_long_as_is_said_from_now_on(
    kinesis: Any, queue_arn: str, clock: ManualClock
) -> None:
    put(kinesis, ["longer", "shorter"])
    found = all_received(kinesis, queue_arn, 2)
    clock.advance_ms(20_000)
    answer = change(kinesis, queue_arn, found["longer"], 60)
    assert answer["Successful"] == [{"ReceiptHandle": found["longer"]["ReceiptHandle"]}]
    change(kinesis, queue_arn, found["shorter"], 2)
    clock.advance_ms(2_000)
    assert set(all_received(kinesis, queue_arn, 1)) == {"shorter"}
    clock.advance_ms(57_999)
    again = received(kinesis, queue_arn)
    assert {record["Data"] for record in again} == {b"shorter"}
    clock.advance_ms(1)
    assert received(kinesis, queue_arn)[0]["Data"] == b"longer"


def test_0_gives_a_record_back_at_once(kinesis: Any, queue_arn: str) -> None:
    put(kinesis, ["apple"])
    (record,) = received(kinesis, queue_arn)
    change(kinesis, queue_arn, record, 0)
    assert received(kinesis, queue_arn)[0]["ReceiveCount"] == 2


def test_0_makes_a_dead_letter_of_what_was_received_as_often_as_it_may_be(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arn = active_queue(kinesis, settle, on_demand_arn, QueueAttributes=attributes(receives_max=1))
    put(kinesis, ["poison"])
    (record,) = received(kinesis, arn)
    change(kinesis, arn, record, 0)
    dead = kinesis.receive_dead_letter_queue_records(QueueARN=arn)["QueueRecords"]
    assert dead[0]["RecordId"] == record["RecordId"]


def test_only_what_is_in_flight_can_be_changed(kinesis: Any, queue_arn: str, clock: ManualClock) -> None:
    put(kinesis, ["apple"])
    (old,) = received(kinesis, queue_arn)
    clock.advance_ms(30_000)
    assert failures(change(kinesis, queue_arn, old, 5)) == ["InvalidArgumentException"]
    (new,) = received(kinesis, queue_arn)
    assert failures(change(kinesis, queue_arn, old, 5)) == ["InvalidArgumentException"]
    assert failures(change(kinesis, queue_arn, new, 5)) == []
    kinesis.acknowledge_queue_records(QueueARN=queue_arn, Entries=[{"ReceiptHandle": new["ReceiptHandle"]}])
    assert failures(change(kinesis, queue_arn, new, 5)) == ["ResourceNotFoundException"]
    assert gives_nothing(kinesis, clock, queue_arn)


def test_what_is_past_retention_cannot_be_changed(kinesis: Any, queue_arn: str, clock: ManualClock) -> None:
    put(kinesis, ["apple"])
    (record,) = received(kinesis, queue_arn, VisibilityTimeoutSeconds=43_200)
    clock.advance_ms(12 * 3_600_000 - 1)
    change(kinesis, queue_arn, record, 43_200)
    clock.advance_ms(12 * 3_600_000 - 1)
    change(kinesis, queue_arn, record, 43_200)
    clock.advance_ms(3)
    assert failures(change(kinesis, queue_arn, record, 5)) == ["ResourceNotFoundException"]


@pytest.mark.parametrize("timeout_s", [-1, 43_201])
def test_bounds_are_those_of_the_model(kinesis: Any, queue_arn: str, timeout_s: int) -> None:
    entries = [{"ReceiptHandle": "x", "VisibilityTimeoutSeconds": timeout_s}]
    answer = refusal(kinesis.update_queue_records_visibility, QueueARN=queue_arn, Entries=entries)
    assert answer[0] == "ValidationException"
    incomplete = [{"ReceiptHandle": "x"}]
    answer = refusal(kinesis.update_queue_records_visibility, QueueARN=queue_arn, Entries=incomplete)
    assert answer[0] == "ValidationException"
