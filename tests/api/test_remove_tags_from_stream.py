"""RemoveTagsFromStream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import NAMED, NOT_ACTIVE, Reference, busy, put_in_state, refusal, required
from tests.api.tags import INVALID_TAG_KEYS, tags_of

Settle = Callable[[], None]
Refused = Callable[[str], tuple[str, str]]


@pytest.fixture
def tagged_arn(kinesis: Any, stream_arn: str) -> str:
    """The ARN of `orders`, which has three tags."""
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags={"team": "blue", "stage": "test", "größe": "1"})
    return stream_arn


@pytest.mark.parametrize("named", NAMED)
def test_removes_tags_at_once(kinesis: Any, tagged_arn: str, named: Reference) -> None:
    kinesis.remove_tags_from_stream(**named(tagged_arn), TagKeys=["stage", "größe"])
    assert tags_of(kinesis, tagged_arn) == {"team": "blue"}


def test_a_key_that_the_stream_does_not_have_is_ignored(kinesis: Any, tagged_arn: str) -> None:
    kinesis.remove_tags_from_stream(StreamARN=tagged_arn, TagKeys=["Team", "none", "stage", "stage"])
    assert tags_of(kinesis, tagged_arn) == {"team": "blue", "größe": "1"}


def test_a_stream_without_tags_stays_so(kinesis: Any, stream_arn: str) -> None:
    kinesis.remove_tags_from_stream(StreamARN=stream_arn, TagKeys=["team"])
    assert tags_of(kinesis, stream_arn) == {}


def test_fifty_go_in_one_call(kinesis: Any, stream_arn: str) -> None:
    fifty = {f"tag-{number}": "" for number in range(50)}
    kinesis.add_tags_to_stream(StreamARN=stream_arn, Tags=fifty)
    kinesis.remove_tags_from_stream(StreamARN=stream_arn, TagKeys=list(fifty))
    assert tags_of(kinesis, stream_arn) == {}


@pytest.mark.parametrize(("keys", "refused"), INVALID_TAG_KEYS)
def test_keys_that_no_tag_may_have_are_refused(
    kinesis: Any, tagged_arn: str, keys: list[str], refused: Refused
) -> None:
    answer = refusal(kinesis.remove_tags_from_stream, StreamARN=tagged_arn, TagKeys=keys)
    assert answer == refused(tagged_arn)
    assert len(tags_of(kinesis, tagged_arn)) == 3


def test_keys_are_required(kinesis: Any, tagged_arn: str) -> None:
    assert refusal(kinesis.remove_tags_from_stream, StreamARN=tagged_arn) == required("tagKeys")


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    answer = refusal(kinesis.remove_tags_from_stream, StreamARN=arn, TagKeys=["team"])
    assert answer == busy(state, account_id)


def test_streams_of_the_same_name_elsewhere_keep_their_tags(
    kinesis: Any, client_of: Callable[..., Any], account_id: str, tagged_arn: str, settle: Settle
) -> None:
    elsewhere = client_of(account_id, "us-west-2")
    elsewhere.create_stream(StreamName="orders", ShardCount=1, Tags={"team": "blue"})
    settle()
    kinesis.remove_tags_from_stream(StreamARN=tagged_arn, TagKeys=["team"])
    assert elsewhere.list_tags_for_stream(StreamName="orders")["Tags"] == [{"Key": "team", "Value": "blue"}]
