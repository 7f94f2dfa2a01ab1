"""TagResource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.consumers import active_consumer
from tests.api.refusals import NOT_ACTIVE, WRONG_RESOURCE_ARN, busy, put_in_state, refusal
from tests.api.tags import INVALID_TAGS, VALID_TAGS, tags_of, too_many
from tests.tables import each

Settle = Callable[[], None]
Refused = Callable[[str], tuple[str, str]]


@pytest.fixture(params=["stream", "consumer"])
def resource_arn(request: pytest.FixtureRequest, kinesis: Any, stream_arn: str, settle: Settle) -> str:
    """The ARN of the stream `orders`, and that of a consumer of it."""
    return stream_arn if request.param == "stream" else active_consumer(kinesis, settle, stream_arn)


def test_adds_tags_at_once(kinesis: Any, resource_arn: str) -> None:
    kinesis.tag_resource(ResourceARN=resource_arn, Tags=VALID_TAGS)
    assert tags_of(kinesis, resource_arn) == VALID_TAGS


def test_gives_a_present_tag_its_new_value_and_leaves_the_others(kinesis: Any, resource_arn: str) -> None:
    kinesis.tag_resource(ResourceARN=resource_arn, Tags={"team": "blue", "stage": "test"})
    kinesis.tag_resource(ResourceARN=resource_arn, Tags={"team": "green", "cost": "low"})
    assert tags_of(kinesis, resource_arn) == {"team": "green", "stage": "test", "cost": "low"}


def test_the_tags_of_a_stream_are_those_of_the_older_operations(kinesis: Any, stream_arn: str) -> None:
    kinesis.tag_resource(ResourceARN=stream_arn, Tags={"a": "b"})
    assert kinesis.list_tags_for_stream(StreamARN=stream_arn)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_a_resource_has_fifty_tags(kinesis: Any, resource_arn: str) -> None:
    fifty = {f"tag-{number}": "old" for number in range(50)}
    kinesis.tag_resource(ResourceARN=resource_arn, Tags=fifty)
    answer = refusal(kinesis.tag_resource, ResourceARN=resource_arn, Tags={"more": ""})
    assert answer == too_many(resource_arn)
    kinesis.tag_resource(ResourceARN=resource_arn, Tags=dict.fromkeys(fifty, "new"))
    assert tags_of(kinesis, resource_arn) == dict.fromkeys(fifty, "new")


@each(("tags", "refused"), INVALID_TAGS)
def test_tags_that_no_resource_may_have_are_refused(
    kinesis: Any, resource_arn: str, tags: dict[str, str], refused: Refused
) -> None:
    answer = refusal(kinesis.tag_resource, ResourceARN=resource_arn, Tags=tags)
    assert answer == refused(resource_arn)
    assert tags_of(kinesis, resource_arn) == {}


def test_lacking_members_are_told_in_one_answer(kinesis: Any) -> None:
    code, text = refusal(kinesis.tag_resource)
    assert code == "ValidationException"
    assert text.startswith("2 validation errors detected: ")
    for member in ("tags", "resourceARN"):
        assert f"Value null at '{member}' failed to satisfy constraint: Member must not be null" in text


@pytest.mark.parametrize(("wrong", "refused"), WRONG_RESOURCE_ARN)
def test_the_arn_must_be_that_of_a_resource_of_the_caller(
    kinesis: Any, stream_arn: str, wrong: Callable[[str], str], refused: Refused
) -> None:
    answer = refusal(kinesis.tag_resource, ResourceARN=wrong(stream_arn), Tags={"a": "b"})
    assert answer == refused(stream_arn)


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    answer = refusal(kinesis.tag_resource, ResourceARN=arn, Tags={"a": "b"})
    assert answer == busy(state, account_id)


def test_a_queue_is_tagged_while_its_stream_is_being_updated(
    kinesis: Any, on_demand_arn: str, queue_arn: str
) -> None:
    kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=48)
    kinesis.tag_resource(ResourceARN=queue_arn, Tags={"team": "blue", "tier": "1"})
    kinesis.untag_resource(ResourceARN=queue_arn, TagKeys=["tier"])
    assert kinesis.list_tags_for_resource(ResourceARN=queue_arn)["Tags"] == [{"Key": "team", "Value": "blue"}]
    assert kinesis.list_tags_for_resource(ResourceARN=on_demand_arn)["Tags"] == []
    answer = refusal(kinesis.tag_resource, ResourceARN=queue_arn, Tags=dict.fromkeys(map(str, range(50)), ""))
    assert answer[0] == "InvalidArgumentException"
