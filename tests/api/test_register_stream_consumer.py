"""RegisterStreamConsumer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.consumers import active_consumer, status_of
from tests.api.refusals import NOT_ACTIVE, WRONG_ARN, busy, put_in_state, refusal

Settle = Callable[[], None]


def register_many(kinesis: Any, settle: Settle, stream_arn: str, count: int) -> None:
    for number in range(count):
        active_consumer(kinesis, settle, stream_arn, f"reader-{number}")


def on_demand_stream(kinesis: Any, settle: Settle) -> str:
    kinesis.create_stream(StreamName="orders", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    settle()
    arn: str = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    return arn


def commit(kinesis: Any) -> None:
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})


def test_answers_with_the_consumer_that_is_being_created(
    kinesis: Any, stream_arn: str, clock: ManualClock
) -> None:
    answer = kinesis.register_stream_consumer(
        StreamARN=stream_arn, ConsumerName="reader", Tags={"team": "blue"}
    )
    consumer = answer["Consumer"]
    created_s = clock.now_ms() // 1000
    assert consumer["ConsumerName"] == "reader"
    assert consumer["ConsumerARN"] == f"{stream_arn}/consumer/reader:{created_s}"
    assert consumer["ConsumerStatus"] == "CREATING"
    assert consumer["ConsumerCreationTimestamp"].timestamp() == created_s


def test_the_consumer_becomes_active(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="reader")["Consumer"][
        "ConsumerARN"
    ]
    assert status_of(kinesis, arn) == "CREATING"
    settle()
    assert status_of(kinesis, arn) == "ACTIVE"


def test_tags_take_effect_while_the_consumer_is_being_created(kinesis: Any, stream_arn: str) -> None:
    consumer = kinesis.register_stream_consumer(
        StreamARN=stream_arn, ConsumerName="reader", Tags={"team": "blue", "empty": ""}
    )["Consumer"]
    assert kinesis.list_tags_for_resource(ResourceARN=consumer["ConsumerARN"])["Tags"] == [
        {"Key": "empty", "Value": ""},
        {"Key": "team", "Value": "blue"},
    ]
    assert kinesis.list_tags_for_resource(ResourceARN=stream_arn)["Tags"] == []


def test_the_stream_stays_active_and_counts_its_consumers(
    kinesis: Any, stream_arn: str, settle: Settle
) -> None:
    register_many(kinesis, settle, stream_arn, 2)
    summary = kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    assert summary["ConsumerCount"] == 2
    assert summary["StreamStatus"] == "ACTIVE"


def test_a_name_is_taken_until_the_consumer_is_gone(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    taken = (
        "ResourceInUseException",
        f"Consumer under stream {stream_arn} with name reader already exists.",
    )
    request = {"StreamARN": stream_arn, "ConsumerName": "reader"}
    first = kinesis.register_stream_consumer(**request)["Consumer"]
    assert refusal(kinesis.register_stream_consumer, **request) == taken
    settle()
    assert refusal(kinesis.register_stream_consumer, **request) == taken
    kinesis.deregister_stream_consumer(ConsumerARN=first["ConsumerARN"])
    assert refusal(kinesis.register_stream_consumer, **request) == taken
    settle()
    assert kinesis.register_stream_consumer(**request)["Consumer"]["ConsumerStatus"] == "CREATING"


def test_a_consumer_registered_again_has_another_arn(
    kinesis: Any, stream_arn: str, settle: Settle, clock: ManualClock
) -> None:
    first_arn = active_consumer(kinesis, settle, stream_arn)
    kinesis.deregister_stream_consumer(ConsumerARN=first_arn)
    clock.advance_ms(1000)
    assert active_consumer(kinesis, settle, stream_arn) != first_arn
    assert refusal(kinesis.describe_stream_consumer, ConsumerARN=first_arn) == (
        "ResourceNotFoundException",
        f"Consumer {first_arn} not found.",
    )


def test_a_name_may_be_used_once_on_each_stream(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    kinesis.create_stream(StreamName="invoices", ShardCount=1)
    settle()
    active_consumer(kinesis, settle, stream_arn)
    active_consumer(kinesis, settle, stream_arn.replace("orders", "invoices"))


def test_five_consumers_are_created_at_once(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    for number in range(5):
        kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName=f"reader-{number}")
    code, text = refusal(kinesis.register_stream_consumer, StreamARN=stream_arn, ConsumerName="sixth")
    assert code == "LimitExceededException"
    assert "5 consumers in state CREATING" in text
    settle()
    kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="sixth")


def test_a_provisioned_stream_has_twenty_consumers_whatever_the_account_has_committed_to(
    kinesis: Any, stream_arn: str, settle: Settle, account_id: str
) -> None:
    commit(kinesis)
    register_many(kinesis, settle, stream_arn, 20)
    assert refusal(kinesis.register_stream_consumer, StreamARN=stream_arn, ConsumerName="more") == (
        "LimitExceededException",
        f"Stream orders under account {account_id} has reached its limit of 20 registered consumers.",
    )


def test_an_on_demand_stream_has_twenty_consumers_and_fifty_with_the_commitment(
    kinesis: Any, settle: Settle, account_id: str
) -> None:
    arn = on_demand_stream(kinesis, settle)
    register_many(kinesis, settle, arn, 20)
    assert refusal(kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="more") == (
        "LimitExceededException",
        f"Stream orders under account {account_id} has reached its limit of 20 registered consumers.",
    )
    commit(kinesis)
    for number in range(20, 50):
        active_consumer(kinesis, settle, arn, f"reader-{number}")
    assert refusal(kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="more") == (
        "LimitExceededException",
        f"Stream orders under account {account_id} has reached its limit of 50 registered consumers.",
    )


def test_a_place_is_free_again_when_a_consumer_is_gone(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    register_many(kinesis, settle, stream_arn, 20)
    kinesis.deregister_stream_consumer(StreamARN=stream_arn, ConsumerName="reader-7")
    request = {"StreamARN": stream_arn, "ConsumerName": "more"}
    assert refusal(kinesis.register_stream_consumer, **request)[0] == "LimitExceededException"
    settle()
    kinesis.register_stream_consumer(**request)


def test_lacking_members_are_told_in_one_answer(kinesis: Any) -> None:
    assert refusal(kinesis.register_stream_consumer) == (
        "ValidationException",
        (
            "2 validation errors detected: "
            "Value null at 'streamARN' failed to satisfy constraint: Member must not be null; "
            "Value null at 'consumerName' failed to satisfy constraint: Member must not be null"
        ),
    )


@pytest.mark.parametrize(
    ("name", "constraint"),
    [
        ("rea der", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ("r" * 129, "Member must have length less than or equal to 128"),
    ],
)
def test_the_name_has_a_form(kinesis: Any, stream_arn: str, name: str, constraint: str) -> None:
    assert refusal(kinesis.register_stream_consumer, StreamARN=stream_arn, ConsumerName=name) == (
        "ValidationException",
        (
            f"1 validation error detected: Value '{name}' at 'consumerName' "
            f"failed to satisfy constraint: {constraint}"
        ),
    )


def test_the_longest_name_is_taken(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = active_consumer(kinesis, settle, stream_arn, "r" * 128)
    assert status_of(kinesis, arn) == "ACTIVE"


@pytest.mark.parametrize("tags", [{"a%b": "c"}, {"a#b": "c"}, {"a": "b?"}, {"aws:a": "b"}])
def test_tags_that_no_resource_may_have_are_refused(
    kinesis: Any, stream_arn: str, tags: dict[str, str]
) -> None:
    request = {"StreamARN": stream_arn, "ConsumerName": "reader", "Tags": tags}
    assert refusal(kinesis.register_stream_consumer, **request)[0] == "InvalidArgumentException"
    assert kinesis.list_stream_consumers(StreamARN=stream_arn)["Consumers"] == []


def test_a_consumer_has_fifty_tags(kinesis: Any, stream_arn: str) -> None:
    tags = {f"tag-{number}": "" for number in range(51)}
    request = {"StreamARN": stream_arn, "ConsumerName": "reader"}
    code, text = refusal(kinesis.register_stream_consumer, **request, Tags=tags)
    assert code == "InvalidArgumentException"
    assert "more than 50 tags" in text
    del tags["tag-50"]
    kinesis.register_stream_consumer(**request, Tags=tags)


@pytest.mark.parametrize(("wrong", "refused"), WRONG_ARN)
def test_the_arn_must_be_that_of_a_stream_of_the_caller(
    kinesis: Any,
    stream_arn: str,
    wrong: Callable[[str], str],
    refused: Callable[[str], tuple[str, str]],
) -> None:
    answer = refusal(kinesis.register_stream_consumer, StreamARN=wrong(stream_arn), ConsumerName="reader")
    assert answer == refused(stream_arn)


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    answer = refusal(kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="reader")
    assert answer == busy(state, account_id)
