"""ListTagsForStream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import NAMED, NOT_ACTIVE, Reference, put_in_state, refusal

Settle = Callable[[], None]


@pytest.fixture
def tagged_arn(kinesis: Any, stream_arn: str) -> str:
    """The ARN of `orders`, which has five tags."""
    tags = {"d": "4", "B": "2", "a": "", "c": "3", "ä": "5"}
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags=tags)
    return stream_arn


def keys_in(answer: dict[str, Any]) -> list[str]:
    return [tag["Key"] for tag in answer["Tags"]]


@pytest.mark.parametrize("named", NAMED)
def test_lists_keys_and_values_in_the_order_of_the_keys(
    kinesis: Any, tagged_arn: str, named: Reference
) -> None:
    answer = kinesis.list_tags_for_stream(**named(tagged_arn))
    assert answer["Tags"] == [
        {"Key": "B", "Value": "2"},
        {"Key": "a", "Value": ""},
        {"Key": "c", "Value": "3"},
        {"Key": "d", "Value": "4"},
        {"Key": "ä", "Value": "5"},
    ]
    assert answer["HasMoreTags"] is False


def test_a_stream_without_tags_has_an_empty_list(kinesis: Any, stream_arn: str) -> None:
    answer = kinesis.list_tags_for_stream(StreamARN=stream_arn)
    assert answer["Tags"] == []
    assert answer["HasMoreTags"] is False


def test_pages_go_on_after_the_last_key(kinesis: Any, tagged_arn: str) -> None:
    first = kinesis.list_tags_for_stream(StreamARN=tagged_arn, Limit=2)
    assert keys_in(first) == ["B", "a"]
    assert first["HasMoreTags"] is True
    second = kinesis.list_tags_for_stream(StreamARN=tagged_arn, Limit=2, ExclusiveStartTagKey="a")
    assert keys_in(second) == ["c", "d"]
    assert second["HasMoreTags"] is True
    last = kinesis.list_tags_for_stream(StreamARN=tagged_arn, Limit=2, ExclusiveStartTagKey="d")
    assert keys_in(last) == ["ä"]
    assert last["HasMoreTags"] is False


@pytest.mark.parametrize(("start", "keys"), [("b", ["c", "d", "ä"]), ("A", ["B", "a", "c", "d", "ä"])])
def test_the_start_key_need_not_be_that_of_a_tag(
    kinesis: Any, tagged_arn: str, start: str, keys: list[str]
) -> None:
    answer = kinesis.list_tags_for_stream(StreamARN=tagged_arn, ExclusiveStartTagKey=start)
    assert keys_in(answer) == keys
    assert answer["HasMoreTags"] is False


def test_nothing_follows_the_last_key(kinesis: Any, tagged_arn: str) -> None:
    answer = kinesis.list_tags_for_stream(StreamARN=tagged_arn, ExclusiveStartTagKey="ä")
    assert answer["Tags"] == []
    assert answer["HasMoreTags"] is False


def test_the_most_tags_that_a_stream_has_fit_on_one_page(kinesis: Any, stream_arn: str) -> None:
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags={f"tag-{number}": "" for number in range(50)})
    for members in ({}, {"Limit": 50}):
        answer = kinesis.list_tags_for_stream(StreamARN=stream_arn, **members)
        assert len(answer["Tags"]) == 50
        assert answer["HasMoreTags"] is False


@pytest.mark.parametrize(
    ("members", "constraint"),
    [
        (
            {"Limit": 0},
            (
                "Value '0' at 'limit' failed to satisfy constraint: "
                "Member must have value greater than or equal to 1"
            ),
        ),
        (
            {"Limit": 51},
            (
                "Value '51' at 'limit' failed to satisfy constraint: "
                "Member must have value less than or equal to 50"
            ),
        ),
        (
            {"ExclusiveStartTagKey": ""},
            (
                "Value '' at 'exclusiveStartTagKey' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
        ),
        (
            {"ExclusiveStartTagKey": "k" * 129},
            (
                f"Value '{'k' * 129}' at 'exclusiveStartTagKey' failed to satisfy constraint: "
                "Member must have length less than or equal to 128"
            ),
        ),
    ],
)
def test_limit_and_start_key_have_bounds(
    kinesis: Any, stream_arn: str, members: dict[str, Any], constraint: str
) -> None:
    answer = refusal(kinesis.list_tags_for_stream, StreamARN=stream_arn, **members)
    assert answer == ("ValidationException", f"1 validation error detected: {constraint}")


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_lists_in_every_state_of_the_stream(kinesis: Any, settle: Settle, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    assert kinesis.list_tags_for_stream(StreamARN=arn)["Tags"] == []
