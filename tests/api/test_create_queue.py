"""CreateQueue."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.queues import (
    active_queue,
    all_received,
    attributes,
    create_queue,
    described,
    gives_nothing,
    on_demand_stream,
    put,
    received,
)
from tests.api.refusals import absent, account_of, invalid, refusal

Settle = Callable[[], None]


def start_of(description: dict[str, Any]) -> dict[str, Any]:
    (configuration,) = description["StreamConfigurationList"]
    start: dict[str, Any] = configuration["StartingPosition"]
    return start


def test_answers_with_the_queue_that_is_being_created(
    kinesis: Any, on_demand_arn: str, clock: ManualClock
) -> None:
    queue = create_queue(kinesis, on_demand_arn, "work")
    prefix = on_demand_arn.replace("stream/orders", "queue/")
    assert re.fullmatch(re.escape(prefix) + "[a-z0-9]+", queue["QueueARN"])
    assert "work" not in queue["QueueARN"]
    assert (queue["QueueName"], queue["QueueStatus"]) == ("work", "CREATING")
    assert queue["QueueCreationTimestamp"].timestamp() == clock.now_ms() // 1000
    assert queue["StreamConfigurationList"] == [
        {"StreamARN": on_demand_arn, "StartingPosition": {"Type": "LATEST"}}
    ]
    assert queue["QueueAttributes"] == attributes(30, 6)


def test_the_queue_becomes_active(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    arn = create_queue(kinesis, on_demand_arn)["QueueARN"]
    assert described(kinesis, arn)["QueueStatus"] == "CREATING"
    settle()
    assert described(kinesis, arn)["QueueStatus"] == "ACTIVE"


@pytest.mark.parametrize("timeout_s", [0, 43_200])
def test_attributes_are_as_given(kinesis: Any, on_demand_arn: str, timeout_s: int) -> None:
    queue = create_queue(kinesis, on_demand_arn, QueueAttributes=attributes(timeout_s, 1000))
    assert queue["QueueAttributes"] == attributes(timeout_s, 1000)


def test_without_dead_letters_there_is_no_count(kinesis: Any, on_demand_arn: str) -> None:
    wanted = {"DeadLetterConfiguration": {"TargetType": "NONE", "MaxReceiveCount": 3}}
    queue = create_queue(kinesis, on_demand_arn, QueueAttributes=wanted)
    assert queue["QueueAttributes"] == attributes(30, 0)


def test_latest_is_the_moment_of_the_call_not_that_of_becoming_active(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    put(kinesis, ["before"])
    created_ms = clock.now_ms()
    arn = create_queue(kinesis, on_demand_arn)["QueueARN"]
    put(kinesis, ["while creating"])
    settle()
    put(kinesis, ["after"])
    assert set(all_received(kinesis, arn, 2)) == {"while creating", "after"}
    assert gives_nothing(kinesis, clock, arn)
    assert start_of(described(kinesis, arn))["Timestamp"].timestamp() == created_ms / 1000


def test_trim_horizon_is_everything_that_is_kept(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    put(kinesis, ["before"])
    created = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    clock.advance_ms(5_000)
    queue = create_queue(kinesis, on_demand_arn, StartingPosition={"Type": "TRIM_HORIZON"})
    assert start_of(queue) == {"Type": "TRIM_HORIZON"}
    settle()
    assert set(all_received(kinesis, queue["QueueARN"], 1)) == {"before"}
    effective = start_of(described(kinesis, queue["QueueARN"]))["Timestamp"]
    assert 0 <= (effective - created["StreamCreationTimestamp"]).total_seconds() < 1


def test_at_timestamp_is_what_arrived_then_or_later(
    kinesis: Any, on_demand_arn: str, settle: Settle, clock: ManualClock
) -> None:
    put(kinesis, ["early"])
    clock.advance_ms(2_000)
    wanted_s = clock.now_ms() / 1000
    put(kinesis, ["at", "at too"])
    clock.advance_ms(2_000)
    put(kinesis, ["late"])
    start = {"Type": "AT_TIMESTAMP", "Timestamp": wanted_s}
    queue = create_queue(kinesis, on_demand_arn, StartingPosition=start)
    assert start_of(queue)["Timestamp"].timestamp() == wanted_s
    settle()
    assert set(all_received(kinesis, queue["QueueARN"], 3)) == {"at", "at too", "late"}
    assert gives_nothing(kinesis, clock, queue["QueueARN"])
    assert start_of(described(kinesis, queue["QueueARN"]))["Timestamp"].timestamp() == wanted_s


def test_a_time_before_the_stream_becomes_that_of_the_stream(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    queue = create_queue(kinesis, on_demand_arn, StartingPosition={"Type": "AT_TIMESTAMP", "Timestamp": 1})
    assert start_of(queue)["Timestamp"].timestamp() == 1
    settle()
    created = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    effective = start_of(described(kinesis, queue["QueueARN"]))["Timestamp"]
    assert 0 <= (effective - created["StreamCreationTimestamp"]).total_seconds() < 1


@pytest.mark.parametrize(
    ("start", "text"),
    [
        ({"Type": "AT_TIMESTAMP"}, "Timestamp is required when Type is AT_TIMESTAMP."),
        (
            {"Type": "LATEST", "Timestamp": 1},
            "Timestamp can only be specified when Type is AT_TIMESTAMP.",
        ),
        (
            {"Type": "TRIM_HORIZON", "Timestamp": 1},
            "Timestamp can only be specified when Type is AT_TIMESTAMP.",
        ),
    ],
)
def test_a_time_belongs_to_at_timestamp(
    kinesis: Any, on_demand_arn: str, start: dict[str, Any], text: str
) -> None:
    configuration = [{"StreamARN": on_demand_arn, "StartingPosition": start}]
    answer = refusal(kinesis.create_queue, QueueName="work", StreamConfigurationList=configuration)
    assert answer == ("ValidationException", text)


def test_a_time_to_come_is_refused(kinesis: Any, on_demand_arn: str, clock: ManualClock) -> None:
    start = {"Type": "AT_TIMESTAMP", "Timestamp": clock.now_ms() / 1000 + 1}
    configuration = [{"StreamARN": on_demand_arn, "StartingPosition": start}]
    code, _ = refusal(kinesis.create_queue, QueueName="work", StreamConfigurationList=configuration)
    assert code == "InvalidArgumentException"


def test_exactly_one_stream_is_named(kinesis: Any, on_demand_arn: str) -> None:
    two = [{"StreamARN": on_demand_arn}, {"StreamARN": on_demand_arn}]
    code, text = refusal(kinesis.create_queue, QueueName="work", StreamConfigurationList=two)
    assert code == "ValidationException"
    assert "exactly one entry" in text
    assert refusal(kinesis.create_queue, QueueName="work", StreamConfigurationList=[]) == invalid(
        "Value '[]' at 'streamConfigurationList' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_built_in_dead_letters_need_a_count(kinesis: Any, on_demand_arn: str) -> None:
    wanted = {"DeadLetterConfiguration": {"TargetType": "BUILT_IN"}}
    answer = refusal(
        kinesis.create_queue,
        QueueName="work",
        StreamConfigurationList=[{"StreamARN": on_demand_arn}],
        QueueAttributes=wanted,
    )
    assert answer == ("ValidationException", "MaxReceiveCount is required when TargetType is BUILT_IN.")


def test_a_name_is_taken_until_its_queue_is_gone(
    kinesis: Any, on_demand_arn: str, settle: Settle, client_of: Callable[..., Any]
) -> None:
    arn = active_queue(kinesis, settle, on_demand_arn)
    again = {"QueueName": "work", "StreamConfigurationList": [{"StreamARN": on_demand_arn}]}
    assert refusal(kinesis.create_queue, **again)[0] == "ResourceInUseException"
    other_stream = on_demand_stream(kinesis, settle, "clicks")
    elsewhere = {**again, "StreamConfigurationList": [{"StreamARN": other_stream}]}
    assert refusal(kinesis.create_queue, **elsewhere)[0] == "ResourceInUseException"
    other_region = client_of(account_of(on_demand_arn), "us-west-2")
    active_queue(other_region, settle, on_demand_stream(other_region, settle))
    kinesis.delete_queue(QueueARN=arn)
    assert refusal(kinesis.create_queue, **again)[0] == "ResourceInUseException"
    settle()
    assert create_queue(kinesis, on_demand_arn)["QueueARN"] != arn


def test_only_on_demand_streams_have_queues(kinesis: Any, stream_arn: str) -> None:
    configuration = [{"StreamARN": stream_arn}]
    code, text = refusal(kinesis.create_queue, QueueName="work", StreamConfigurationList=configuration)
    assert code == "ValidationException"
    assert "ON_DEMAND" in text


def test_queues_and_consumers_share_the_limit_of_a_stream(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    for number in range(19):
        active_queue(kinesis, settle, on_demand_arn, f"work-{number}")
    kinesis.register_stream_consumer(StreamARN=on_demand_arn, ConsumerName="reader")
    settle()
    configuration = [{"StreamARN": on_demand_arn}]
    answer = refusal(kinesis.create_queue, QueueName="more", StreamConfigurationList=configuration)
    assert answer[0] == "LimitExceededException"
    answer = refusal(kinesis.register_stream_consumer, StreamARN=on_demand_arn, ConsumerName="more")
    assert answer[0] == "LimitExceededException"
    summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    assert (summary["ConsumerCount"], summary["QueueCount"]) == (1, 19)
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    create_queue(kinesis, on_demand_arn, "more")


def test_five_queues_of_an_account_are_created_or_deleted_at_a_time(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arns = [active_queue(kinesis, settle, on_demand_arn, f"old-{number}") for number in range(3)]
    for arn in arns[:2]:
        kinesis.delete_queue(QueueARN=arn)
    for number in range(3):
        create_queue(kinesis, on_demand_arn, f"new-{number}")
    configuration = [{"StreamARN": on_demand_arn}]
    answer = refusal(kinesis.create_queue, QueueName="more", StreamConfigurationList=configuration)
    assert answer[0] == "LimitExceededException"
    assert refusal(kinesis.delete_queue, QueueARN=arns[2])[0] == "LimitExceededException"
    settle()
    kinesis.delete_queue(QueueARN=arns[2])
    create_queue(kinesis, on_demand_arn, "more")


def test_tags_are_there_from_the_beginning(kinesis: Any, on_demand_arn: str) -> None:
    arn = create_queue(kinesis, on_demand_arn, Tags={"team": "blue"})["QueueARN"]
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_more_than_fifty_tags_are_refused(kinesis: Any, on_demand_arn: str) -> None:
    answer = refusal(
        kinesis.create_queue,
        QueueName="work",
        StreamConfigurationList=[{"StreamARN": on_demand_arn}],
        Tags={str(number): "" for number in range(51)},
    )
    assert answer[0] == "InvalidArgumentException"


def test_the_stream_must_be_there_and_active(kinesis: Any, settle: Settle, on_demand_arn: str) -> None:
    missing = [{"StreamARN": f"{on_demand_arn}-not"}]
    answer = refusal(kinesis.create_queue, QueueName="work", StreamConfigurationList=missing)
    assert answer == absent("orders-not", account_of(on_demand_arn))
    kinesis.delete_stream(StreamName="orders")
    deleting = [{"StreamARN": on_demand_arn}]
    answer = refusal(kinesis.create_queue, QueueName="work", StreamConfigurationList=deleting)
    assert answer[0] == "ResourceInUseException"


def test_bounds_are_those_of_the_model(kinesis: Any, on_demand_arn: str) -> None:
    answer = refusal(
        kinesis.create_queue,
        QueueName="no name",
        StreamConfigurationList=[{"StreamARN": on_demand_arn}],
        QueueAttributes=attributes(43_201, 1001),
    )
    assert answer[0] == "ValidationException"
    assert answer[1].startswith("3 validation errors detected")


def test_two_queues_get_every_record_each(kinesis: Any, on_demand_arn: str, settle: Settle) -> None:
    one = active_queue(kinesis, settle, on_demand_arn, "one")
    two = active_queue(kinesis, settle, on_demand_arn, "two")
    put(kinesis, ["apple"])
    (of_one,), (of_two,) = received(kinesis, one), received(kinesis, two)
    assert of_one["RecordId"] == of_two["RecordId"]
    assert of_one["ReceiptHandle"] != of_two["ReceiptHandle"]
