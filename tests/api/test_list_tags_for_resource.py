"""ListTagsForResource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.consumers import active_consumer
from tests.api.refusals import NOT_ACTIVE, WRONG_RESOURCE_ARN, put_in_state, refusal, required

Settle = Callable[[], None]


def test_lists_the_tags_of_a_stream_in_the_order_of_their_keys(kinesis: Any, stream_arn: str) -> None:
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags={"b": "2", "a": "", "C": "3"})
    assert kinesis.list_tags_for_resource(ResourceARN=stream_arn)["Tags"] == [
        {"Key": "C", "Value": "3"},
        {"Key": "a", "Value": ""},
        {"Key": "b", "Value": "2"},
    ]


def test_the_tags_of_a_consumer_are_not_those_of_its_stream(
    kinesis: Any, stream_arn: str, settle: Settle
) -> None:
    arn = active_consumer(kinesis, settle, stream_arn, Tags={"of": "the consumer"})
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags={"of": "the stream"})
    of_consumer = kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert of_consumer == [{"Key": "of", "Value": "the consumer"}]
    of_stream = kinesis.list_tags_for_resource(ResourceARN=stream_arn)["Tags"]
    assert of_stream == [{"Key": "of", "Value": "the stream"}]


def test_a_resource_without_tags_has_an_empty_list(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    assert kinesis.list_tags_for_resource(ResourceARN=stream_arn)["Tags"] == []
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == []


def test_lists_all_fifty(kinesis: Any, stream_arn: str) -> None:
    kinesis.tag_resource(ResourceARN=stream_arn, Tags={f"tag-{number}": "" for number in range(50)})
    assert len(kinesis.list_tags_for_resource(ResourceARN=stream_arn)["Tags"]) == 50


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_lists_in_every_state_of_the_stream(kinesis: Any, settle: Settle, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == []


def test_the_resource_is_required(kinesis: Any) -> None:
    assert refusal(kinesis.list_tags_for_resource) == required("resourceARN")


@pytest.mark.parametrize(("wrong", "refused"), WRONG_RESOURCE_ARN)
def test_the_arn_must_be_that_of_a_resource_of_the_caller(
    kinesis: Any, stream_arn: str, wrong: Callable[[str], str], refused: Callable[[str], tuple[str, str]]
) -> None:
    answer = refusal(kinesis.list_tags_for_resource, ResourceARN=wrong(stream_arn))
    assert answer == refused(stream_arn)
