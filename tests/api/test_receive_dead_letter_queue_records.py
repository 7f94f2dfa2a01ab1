"""ReceiveDeadLetterQueueRecords."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

from headwater.model.clock import ManualClock
from tests.api.queues import (
    RECEIVE_DEAD,
    active_queue,
    attributes,
    dead_letters,
    gives_nothing,
    put,
    received,
    waiting,
)

Settle = Callable[[], None]


def test_gives_the_record_as_it_was_with_a_handle_of_its_own(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = active_queue(kinesis, settle, on_demand_arn, QueueAttributes=attributes(10, 2))
    put(kinesis, ["poison"])
    (first,) = received(kinesis, arn)
    clock.advance_ms(10_000)
    (second,) = received(kinesis, arn)
    clock.advance_ms(10_000)
    (dead,) = received(kinesis, arn, RECEIVE_DEAD)
    for member in (
        "Data",
        "PartitionKey",
        "RecordId",
        "ApproximateArrivalTimestamp",
        "FirstReceiveTimestamp",
    ):
        assert dead[member] == first[member]
    assert dead["ReceiptHandle"] not in (first["ReceiptHandle"], second["ReceiptHandle"])
    assert dead["ReceiveCount"] == 3  # this receive is one, too


def test_a_dead_letter_is_with_one_receiver_until_its_visibility_ends(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["poison"])
    received(kinesis, arn, RECEIVE_DEAD, VisibilityTimeoutSeconds=5)
    assert gives_nothing(kinesis, clock, arn, RECEIVE_DEAD)
    clock.advance_ms(5_000)
    assert received(kinesis, arn, RECEIVE_DEAD)[0]["ReceiveCount"] == 3


def test_gives_up_to_the_limit(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, [str(number) for number in range(12)])
    assert [len(received(kinesis, arn, RECEIVE_DEAD, Limit=limit)) for limit in (1, 10, 10)] == [1, 10, 1]


def test_what_waits_gets_a_record_as_it_becomes_a_dead_letter(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = active_queue(kinesis, settle, on_demand_arn, QueueAttributes=attributes(5, 1))
    put(kinesis, ["poison"])
    received(kinesis, arn)
    with waiting(kinesis, arn, RECEIVE_DEAD, WaitTimeSeconds=20) as call:
        assert not wait([call], 0.3).done
        clock.advance_ms(5_000)
        assert call.result()[0]["Data"] == b"poison"


def test_records_that_are_no_dead_letters_are_not_given(
    kinesis: Any, queue_arn: str, clock: ManualClock
) -> None:
    put(kinesis, ["apple"])
    assert gives_nothing(kinesis, clock, queue_arn, RECEIVE_DEAD)
    assert received(kinesis, queue_arn)


def test_what_is_past_retention_is_not_given(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["poison"])
    clock.advance_ms(24 * 3_600_000 + 1)
    assert gives_nothing(kinesis, clock, arn, RECEIVE_DEAD)
