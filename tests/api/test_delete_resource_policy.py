"""DeleteResourcePolicy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.consumers import active_consumer, inactive
from tests.api.policies import NO_POLICY, policy_at, policy_for
from tests.api.refusals import NOT_ACTIVE, WRONG_POLICY_ARN, busy, put_in_state, refusal, required

Settle = Callable[[], None]


@pytest.fixture(params=["stream", "consumer"])
def resource_arn(request: pytest.FixtureRequest, kinesis: Any, stream_arn: str, settle: Settle) -> str:
    """The ARN of the stream `orders`, and that of a consumer of it; each with a policy."""
    arn = stream_arn if request.param == "stream" else active_consumer(kinesis, settle, stream_arn)
    kinesis.put_resource_policy(ResourceARN=arn, Policy=policy_for(arn))
    return arn


def test_takes_the_policy_away(kinesis: Any, resource_arn: str) -> None:
    kinesis.delete_resource_policy(ResourceARN=resource_arn)
    assert policy_at(kinesis, resource_arn) == NO_POLICY


def test_a_policy_goes_once(kinesis: Any, resource_arn: str) -> None:
    kinesis.delete_resource_policy(ResourceARN=resource_arn)
    code, text = refusal(kinesis.delete_resource_policy, ResourceARN=resource_arn)
    assert code == "ResourceNotFoundException"
    assert text == f"No resource policy found for resource ARN {resource_arn}."


def test_the_policy_of_a_consumer_goes_without_that_of_its_stream(
    kinesis: Any, stream_arn: str, settle: Settle
) -> None:
    consumer_arn = active_consumer(kinesis, settle, stream_arn)
    for arn in (stream_arn, consumer_arn):
        kinesis.put_resource_policy(ResourceARN=arn, Policy=policy_for(arn))
    kinesis.delete_resource_policy(ResourceARN=consumer_arn)
    assert policy_at(kinesis, stream_arn) == policy_for(stream_arn)


def test_the_resource_is_required(kinesis: Any) -> None:
    assert refusal(kinesis.delete_resource_policy) == required("resourceARN")


@pytest.mark.parametrize(("wrong", "refused"), WRONG_POLICY_ARN)
def test_the_arn_must_be_that_of_a_resource_of_the_caller(
    kinesis: Any, stream_arn: str, wrong: Callable[[str], str], refused: Callable[[str], tuple[str, str]]
) -> None:
    answer = refusal(kinesis.delete_resource_policy, ResourceARN=wrong(stream_arn))
    assert answer == refused(stream_arn)


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    assert refusal(kinesis.delete_resource_policy, ResourceARN=arn) == busy(state, account_id)


def test_the_consumer_must_be_active(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    kinesis.put_resource_policy(ResourceARN=arn, Policy=policy_for(arn))
    kinesis.deregister_stream_consumer(ConsumerARN=arn)
    assert refusal(kinesis.delete_resource_policy, ResourceARN=arn) == inactive(arn)
