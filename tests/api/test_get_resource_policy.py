"""GetResourcePolicy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.consumers import active_consumer
from tests.api.policies import NO_POLICY, policy_at, policy_for
from tests.api.refusals import NOT_ACTIVE, WRONG_POLICY_ARN, put_in_state, refusal, required

Settle = Callable[[], None]


def test_gives_the_policy_of_a_stream(kinesis: Any, stream_arn: str) -> None:
    kinesis.put_resource_policy(ResourceARN=stream_arn, Policy=policy_for(stream_arn))
    assert policy_at(kinesis, stream_arn) == policy_for(stream_arn)


def test_gives_the_policy_of_a_consumer(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    kinesis.put_resource_policy(ResourceARN=arn, Policy=policy_for(arn))
    assert policy_at(kinesis, arn) == policy_for(arn)


def test_a_resource_without_a_policy_has_an_empty_one(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    assert policy_at(kinesis, stream_arn) == NO_POLICY
    assert policy_at(kinesis, active_consumer(kinesis, settle, stream_arn)) == NO_POLICY


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_answers_in_every_state_of_the_stream(kinesis: Any, settle: Settle, state: str) -> None:
    assert policy_at(kinesis, put_in_state(kinesis, settle, state)) == NO_POLICY


def test_a_later_stream_of_the_same_name_does_not_inherit_it(
    kinesis: Any, stream_arn: str, settle: Settle
) -> None:
    kinesis.put_resource_policy(ResourceARN=stream_arn, Policy=policy_for(stream_arn))
    kinesis.delete_stream(StreamARN=stream_arn)
    settle()
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    assert policy_at(kinesis, stream_arn) == NO_POLICY


def test_the_resource_is_required(kinesis: Any) -> None:
    assert refusal(kinesis.get_resource_policy) == required("resourceARN")


@pytest.mark.parametrize(("wrong", "refused"), WRONG_POLICY_ARN)
def test_the_arn_must_be_that_of_a_resource_of_the_caller(
    kinesis: Any, stream_arn: str, wrong: Callable[[str], str], refused: Callable[[str], tuple[str, str]]
) -> None:
    answer = refusal(kinesis.get_resource_policy, ResourceARN=wrong(stream_arn))
    assert answer == refused(stream_arn)
