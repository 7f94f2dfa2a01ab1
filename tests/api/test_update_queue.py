"""UpdateQueue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.queues import (
    RECEIVE_DEAD,
    active_queue,
    attributes,
    create_queue,
    dead_letters,
    described,
    gives_nothing,
    put,
    received,
)
from tests.api.refusals import refusal

Settle = Callable[[], None]


def update(kinesis: Any, arn: str, wanted: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = kinesis.update_queue(QueueARN=arn, QueueAttributes=wanted)["QueueDescription"]
    return answer


def test_the_queue_is_updating_for_a_while_and_shows_what_will_hold(
    kinesis: Any, queue_arn: str, settle: Settle
) -> None:
    queue = update(kinesis, queue_arn, attributes(7, 2))
    assert queue["QueueStatus"] == "UPDATING"
    assert queue["QueueAttributes"] == attributes(7, 2)
    settle()
    queue = described(kinesis, queue_arn)
    assert queue["QueueStatus"] == "ACTIVE"
    assert queue["QueueAttributes"] == attributes(7, 2)


@pytest.mark.parametrize(
    ("wanted", "then"),
    [
        ({}, attributes(30, 6)),
        (attributes(7), attributes(7, 6)),
        (attributes(receives_max=2), attributes(30, 2)),
        (attributes(receives_max=0), attributes(30, 0)),
    ],
)
def test_what_is_not_given_stays(
    kinesis: Any, queue_arn: str, settle: Settle, wanted: dict[str, Any], then: dict[str, Any]
) -> None:
    update(kinesis, queue_arn, wanted)
    settle()
    assert described(kinesis, queue_arn)["QueueAttributes"] == then


def test_only_an_active_queue_is_updated(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = create_queue(kinesis, on_demand_arn)["QueueARN"]
    wanted = {"QueueARN": arn, "QueueAttributes": attributes(7)}
    assert refusal(kinesis.update_queue, **wanted)[0] == "ResourceInUseException"
    settle()
    update(kinesis, arn, attributes(7))
    assert refusal(kinesis.update_queue, **wanted)[0] == "ResourceInUseException"
    settle()
    kinesis.delete_queue(QueueARN=arn)
    assert refusal(kinesis.update_queue, **wanted)[0] == "ResourceInUseException"


def test_built_in_dead_letters_need_a_count(kinesis: Any, queue_arn: str) -> None:
    wanted = {"DeadLetterConfiguration": {"TargetType": "BUILT_IN"}}
    answer = refusal(kinesis.update_queue, QueueARN=queue_arn, QueueAttributes=wanted)
    assert answer == ("ValidationException", "MaxReceiveCount is required when TargetType is BUILT_IN.")
    assert refusal(kinesis.update_queue, QueueARN=queue_arn)[0] == "ValidationException"


def test_a_new_timeout_holds_for_what_is_received_once_the_update_is_complete(
    kinesis: Any, queue_arn: str, settle: Settle, clock: ManualClock
) -> None:
    put(kinesis, ["a"])
    received(kinesis, queue_arn)
    update(kinesis, queue_arn, attributes(300))
    put(kinesis, ["b"])
    assert received(kinesis, queue_arn)[0]["Data"] == b"b"  # while UPDATING, with the old timeout
    settle()
    put(kinesis, ["c"])
    assert received(kinesis, queue_arn)[0]["Data"] == b"c"
    clock.advance_ms(30_000)
    assert {record["Data"] for record in received(kinesis, queue_arn)} == {b"a", b"b"}
    clock.advance_ms(270_000)
    assert received(kinesis, queue_arn)[0]["Data"] == b"c"


def test_a_lower_count_makes_dead_letters_of_what_was_received_as_often(
    kinesis: Any, queue_arn: str, settle: Settle, clock: ManualClock
) -> None:
    put(kinesis, ["again", "flying"])
    for record in received(kinesis, queue_arn, VisibilityTimeoutSeconds=0):
        assert record["ReceiveCount"] == 1
    (flying,) = [r for r in received(kinesis, queue_arn) if r["Data"] == b"flying"]
    update(kinesis, queue_arn, attributes(receives_max=1))
    settle()
    clock.advance_ms(30_000)  # what is in flight is judged when its visibility ends
    assert gives_nothing(kinesis, clock, queue_arn)
    dead = received(kinesis, queue_arn, RECEIVE_DEAD)
    assert {record["Data"] for record in dead} == {b"again", b"flying"}
    entries = [{"ReceiptHandle": flying["ReceiptHandle"]}]
    answer = kinesis.acknowledge_queue_records(QueueARN=queue_arn, Entries=entries)
    assert [entry["ErrorCode"] for entry in answer["Failed"]] == ["ResourceNotFoundException"]


def test_without_dead_letters_those_that_are_stay_and_no_more_come(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["old"])
    update(kinesis, arn, attributes(receives_max=0))
    settle()
    put(kinesis, ["new"])
    counts = [received(kinesis, arn, VisibilityTimeoutSeconds=0)[0]["ReceiveCount"] for _ in range(10)]
    assert counts == list(range(1, 11))
    assert [record["Data"] for record in received(kinesis, arn, RECEIVE_DEAD)] == [b"old"]


def test_a_higher_count_leaves_dead_letters_dead(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = dead_letters(kinesis, settle, on_demand_arn, ["old"])
    update(kinesis, arn, attributes(receives_max=9))
    settle()
    put(kinesis, ["new"])
    assert [record["Data"] for record in received(kinesis, arn)] == [b"new"]
    assert [record["Data"] for record in received(kinesis, arn, RECEIVE_DEAD)] == [b"old"]


def test_a_queue_of_a_stream_that_reshards_can_be_updated(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arn = active_queue(kinesis, settle, on_demand_arn)
    kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=48)
    assert update(kinesis, arn, attributes(7))["QueueStatus"] == "UPDATING"
