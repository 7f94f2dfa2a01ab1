"""UntagResource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.consumers import active_consumer
from tests.api.refusals import NOT_ACTIVE, WRONG_RESOURCE_ARN, busy, put_in_state, refusal
from tests.api.tags import INVALID_TAG_KEYS, tags_of

Settle = Callable[[], None]
Refused = Callable[[str], tuple[str, str]]


@pytest.fixture(params=["stream", "consumer"])
def tagged_arn(request: pytest.FixtureRequest, kinesis: Any, stream_arn: str, settle: Settle) -> str:
    """The ARN of the stream `orders`, and that of a consumer of it; each with three tags."""
    arn = stream_arn if request.param == "stream" else active_consumer(kinesis, settle, stream_arn)
    kinesis.tag_resource(ResourceARN=arn, Tags={"team": "blue", "stage": "test", "größe": "1"})
    return arn


def test_removes_tags_at_once(kinesis: Any, tagged_arn: str) -> None:
    kinesis.untag_resource(ResourceARN=tagged_arn, TagKeys=["stage", "größe"])
    assert tags_of(kinesis, tagged_arn) == {"team": "blue"}


def test_a_key_that_the_resource_does_not_have_is_ignored(kinesis: Any, tagged_arn: str) -> None:
    kinesis.untag_resource(ResourceARN=tagged_arn, TagKeys=["none", "Team"])
    assert len(tags_of(kinesis, tagged_arn)) == 3


def test_the_tags_of_a_consumer_go_without_those_of_its_stream(
    kinesis: Any, stream_arn: str, settle: Settle
) -> None:
    arn = active_consumer(kinesis, settle, stream_arn, Tags={"team": "blue"})
    kinesis.tag_resource(ResourceARN=stream_arn, Tags={"team": "blue"})
    kinesis.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert tags_of(kinesis, arn) == {}
    assert tags_of(kinesis, stream_arn) == {"team": "blue"}


@pytest.mark.parametrize(("keys", "refused"), INVALID_TAG_KEYS)
def test_keys_that_no_tag_may_have_are_refused(
    kinesis: Any, tagged_arn: str, keys: list[str], refused: Refused
) -> None:
    answer = refusal(kinesis.untag_resource, ResourceARN=tagged_arn, TagKeys=keys)
    assert answer == refused(tagged_arn)
    assert len(tags_of(kinesis, tagged_arn)) == 3


def test_lacking_members_are_told_in_one_answer(kinesis: Any) -> None:
    code, text = refusal(kinesis.untag_resource)
    assert code == "ValidationException"
    assert text.startswith("2 validation errors detected: ")
    for member in ("tagKeys", "resourceARN"):
        assert f"Value null at '{member}' failed to satisfy constraint: Member must not be null" in text


@pytest.mark.parametrize(("wrong", "refused"), WRONG_RESOURCE_ARN)
def test_the_arn_must_be_that_of_a_resource_of_the_caller(
    kinesis: Any, stream_arn: str, wrong: Callable[[str], str], refused: Refused
) -> None:
    answer = refusal(kinesis.untag_resource, ResourceARN=wrong(stream_arn), TagKeys=["a"])
    assert answer == refused(stream_arn)


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    answer = refusal(kinesis.untag_resource, ResourceARN=arn, TagKeys=["a"])
    assert answer == busy(state, account_id)
