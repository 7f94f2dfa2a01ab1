"""DescribeStreamConsumer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.consumers import MISNAMED, NAMED, active_consumer, status_of
from tests.api.refusals import OTHER_ACCOUNT_ID, Reference, refusal

Settle = Callable[[], None]


@pytest.mark.parametrize("named", NAMED)
def test_tells_everything_about_a_consumer(
    kinesis: Any, stream_arn: str, settle: Settle, clock: ManualClock, named: Reference
) -> None:
    created_s = clock.now_ms() // 1000
    arn = active_consumer(kinesis, settle, stream_arn)
    described = kinesis.describe_stream_consumer(**named(arn))["ConsumerDescription"]
    assert described.pop("ConsumerCreationTimestamp").timestamp() == created_s
    assert described == {
        "ConsumerName": "reader",
        "ConsumerARN": arn,
        "ConsumerStatus": "ACTIVE",
        "StreamARN": stream_arn,
    }


def test_tells_the_state_of_the_consumer_until_its_stream_is_gone(
    kinesis: Any, stream_arn: str, settle: Settle
) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    kinesis.update_shard_count(StreamARN=stream_arn, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    assert status_of(kinesis, arn) == "ACTIVE"
    settle()
    kinesis.delete_stream(StreamARN=stream_arn, EnforceConsumerDeletion=True)
    settle()
    assert refusal(kinesis.describe_stream_consumer, ConsumerARN=arn)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(("misnamed", "refused"), MISNAMED)
def test_what_is_given_must_name_one_consumer_of_the_caller(
    kinesis: Any,
    stream_arn: str,
    settle: Settle,
    misnamed: Reference,
    refused: Callable[[str], tuple[str, str]],
) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    assert refusal(kinesis.describe_stream_consumer, **misnamed(arn)) == refused(arn)


def test_another_account_does_not_see_the_consumer(
    kinesis: Any, client_of: Callable[..., Any], stream_arn: str, settle: Settle
) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    stranger = client_of(OTHER_ACCOUNT_ID)
    assert refusal(stranger.describe_stream_consumer, ConsumerARN=arn)[0] == "ResourceNotFoundException"
