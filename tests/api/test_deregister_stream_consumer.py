"""DeregisterStreamConsumer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.consumers import MISNAMED, NAMED, active_consumer, status_of
from tests.api.refusals import Reference, refusal

Settle = Callable[[], None]


@pytest.mark.parametrize("named", NAMED)
def test_the_consumer_is_deleting_and_then_gone(
    kinesis: Any, stream_arn: str, settle: Settle, named: Reference
) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    kinesis.deregister_stream_consumer(**named(arn))
    assert status_of(kinesis, arn) == "DELETING"
    settle()
    assert refusal(kinesis.describe_stream_consumer, ConsumerARN=arn)[0] == "ResourceNotFoundException"
    assert kinesis.list_stream_consumers(StreamARN=stream_arn)["Consumers"] == []


def test_the_stream_and_its_other_consumers_stay_as_they_are(
    kinesis: Any, stream_arn: str, settle: Settle
) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    other = active_consumer(kinesis, settle, stream_arn, "writer")
    kinesis.deregister_stream_consumer(ConsumerARN=arn)
    summary = kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    assert summary["StreamStatus"] == "ACTIVE"
    settle()
    assert status_of(kinesis, other) == "ACTIVE"


def test_a_consumer_that_is_being_created_may_go(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="reader")["Consumer"][
        "ConsumerARN"
    ]
    kinesis.deregister_stream_consumer(ConsumerARN=arn)
    assert status_of(kinesis, arn) == "DELETING"
    settle()
    assert kinesis.list_stream_consumers(StreamARN=stream_arn)["Consumers"] == []


def test_a_consumer_goes_once(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    kinesis.deregister_stream_consumer(ConsumerARN=arn)
    kinesis.deregister_stream_consumer(ConsumerARN=arn)  # it is going already
    settle()
    assert refusal(kinesis.deregister_stream_consumer, ConsumerARN=arn) == (
        "ResourceNotFoundException",
        f"Consumer {arn} not found.",
    )


def test_an_old_arn_does_not_name_the_consumer_registered_later(
    kinesis: Any, stream_arn: str, settle: Settle, clock: ManualClock
) -> None:
    old_arn = active_consumer(kinesis, settle, stream_arn)
    kinesis.deregister_stream_consumer(ConsumerARN=old_arn)
    clock.advance_ms(1000)
    new_arn = active_consumer(kinesis, settle, stream_arn)
    assert refusal(kinesis.deregister_stream_consumer, ConsumerARN=old_arn)[0] == "ResourceNotFoundException"
    assert status_of(kinesis, new_arn) == "ACTIVE"


def test_goes_on_while_the_stream_is_updating(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    kinesis.update_shard_count(StreamARN=stream_arn, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    kinesis.deregister_stream_consumer(ConsumerARN=arn)
    assert status_of(kinesis, arn) == "DELETING"


@pytest.mark.parametrize(("misnamed", "refused"), MISNAMED)
def test_what_is_given_must_name_one_consumer_of_the_caller(
    kinesis: Any,
    stream_arn: str,
    settle: Settle,
    misnamed: Reference,
    refused: Callable[[str], tuple[str, str]],
) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    assert refusal(kinesis.deregister_stream_consumer, **misnamed(arn)) == refused(arn)
    assert status_of(kinesis, arn) == "ACTIVE"
