"""AddTagsToStream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import NAMED, NOT_ACTIVE, Reference, busy, put_in_state, refusal, required
from tests.api.tags import INVALID_TAGS, VALID_TAGS, tags_of, too_many
from tests.tables import each

Settle = Callable[[], None]
Refused = Callable[[str], tuple[str, str]]


@pytest.mark.parametrize("named", NAMED)
def test_adds_tags_at_once(kinesis: Any, stream_arn: str, named: Reference) -> None:
    kinesis.add_tags_to_stream(**named(stream_arn), Tags=VALID_TAGS)
    assert tags_of(kinesis, stream_arn) == VALID_TAGS
    summary = kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    assert summary["StreamStatus"] == "ACTIVE"


def test_gives_a_present_tag_its_new_value_and_leaves_the_others(kinesis: Any, stream_arn: str) -> None:
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags={"team": "blue", "stage": "test"})
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags={"team": "green", "cost": "low"})
    assert tags_of(kinesis, stream_arn) == {"team": "green", "stage": "test", "cost": "low"}


def test_adds_to_the_tags_that_the_stream_was_created_with(kinesis: Any, settle: Settle) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1, Tags={"team": "blue"})
    settle()
    kinesis.add_tags_to_stream(StreamName="orders", Tags={"stage": "test"})
    assert kinesis.list_tags_for_stream(StreamName="orders")["Tags"] == [
        {"Key": "stage", "Value": "test"},
        {"Key": "team", "Value": "blue"},
    ]


def test_keys_that_differ_in_case_are_two(kinesis: Any, stream_arn: str) -> None:
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags={"team": "a", "Team": "b"})
    assert tags_of(kinesis, stream_arn) == {"team": "a", "Team": "b"}


def test_a_stream_has_fifty_tags(kinesis: Any, stream_arn: str) -> None:
    fifty = {f"tag-{number}": "old" for number in range(50)}
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags=fifty)
    answer = refusal(kinesis.add_tags_to_stream, StreamARN=stream_arn, Tags={"more": ""})
    assert answer == too_many(stream_arn)
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags=dict.fromkeys(fifty, "new"))
    assert tags_of(kinesis, stream_arn) == dict.fromkeys(fifty, "new")


@pytest.mark.parametrize("count", [51, 200])
def test_too_many_at_once_add_none(kinesis: Any, stream_arn: str, count: int) -> None:
    tags = {f"tag-{number}": "" for number in range(count)}
    answer = refusal(kinesis.add_tags_to_stream, StreamARN=stream_arn, Tags=tags)
    assert answer == too_many(stream_arn)
    assert tags_of(kinesis, stream_arn) == {}


def test_more_than_200_break_the_model(kinesis: Any, stream_arn: str) -> None:
    tags = {f"tag-{number}": "" for number in range(201)}
    code, text = refusal(kinesis.add_tags_to_stream, StreamARN=stream_arn, Tags=tags)
    assert code == "ValidationException"
    assert text.endswith("Member must have length less than or equal to 200")


@each(("tags", "refused"), INVALID_TAGS)
def test_tags_that_no_stream_may_have_are_refused(
    kinesis: Any, stream_arn: str, tags: dict[str, str], refused: Refused
) -> None:
    answer = refusal(kinesis.add_tags_to_stream, StreamARN=stream_arn, Tags=tags)
    assert answer == refused(stream_arn)
    assert tags_of(kinesis, stream_arn) == {}


def test_tags_are_required(kinesis: Any, stream_arn: str) -> None:
    assert refusal(kinesis.add_tags_to_stream, StreamARN=stream_arn) == required("tags")


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    answer = refusal(kinesis.add_tags_to_stream, StreamARN=arn, Tags={"a": "b"})
    assert answer == busy(state, account_id)


def test_streams_of_the_same_name_elsewhere_keep_their_tags(
    kinesis: Any, client_of: Callable[..., Any], account_id: str, stream_arn: str, settle: Settle
) -> None:
    elsewhere = client_of(account_id, "us-west-2")
    elsewhere.create_stream(StreamName="orders", ShardCount=1)
    settle()
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags={"a": "b"})
    assert elsewhere.list_tags_for_stream(StreamName="orders")["Tags"] == []
