"""DeleteStream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import absent, busy, put_in_state, refusal
from tests.api.streams import create, put, read, status


def test_a_stream_is_deleting_and_then_gone(
    kinesis: Any, settle: Callable[[], None], account_id: str, stream_arn: str
) -> None:
    kinesis.delete_stream(StreamName="orders")
    assert status(kinesis) == "DELETING"
    assert kinesis.list_streams()["StreamSummaries"][0]["StreamStatus"] == "DELETING"
    settle()
    assert refusal(kinesis.describe_stream_summary, StreamName="orders") == absent("orders", account_id)
    assert kinesis.list_streams()["StreamNames"] == []
    assert kinesis.describe_limits()["OpenShardCount"] == 0


def test_a_stream_that_is_creating_can_be_deleted(
    kinesis: Any, settle: Callable[[], None], account_id: str
) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    kinesis.delete_stream(StreamName="orders")
    assert status(kinesis) == "DELETING"
    settle()
    assert refusal(kinesis.describe_stream_summary, StreamName="orders") == absent("orders", account_id)
    create(kinesis, settle)
    put(kinesis, b"new")
    assert read(kinesis) == [b"new"]


@pytest.mark.parametrize("state", ["UPDATING", "DELETING"])
def test_a_stream_that_is_changing_cannot(
    kinesis: Any, settle: Callable[[], None], account_id: str, state: str
) -> None:
    put_in_state(kinesis, settle, state)
    assert refusal(kinesis.delete_stream, StreamName="orders") == busy(state, account_id)


def test_records_tags_and_policies_go_with_it(kinesis: Any, settle: Callable[[], None]) -> None:
    create(kinesis, settle)
    put(kinesis, b"old")
    kinesis.add_tags_to_stream(StreamName="orders", Tags={"team": "blue"})
    kinesis.delete_stream(StreamName="orders")
    settle()
    create(kinesis, settle)
    assert read(kinesis) == []
    assert kinesis.list_tags_for_stream(StreamName="orders")["Tags"] == []


@pytest.mark.parametrize("members", [{}, {"EnforceConsumerDeletion": False}])
def test_consumers_protect_their_stream(
    kinesis: Any, settle: Callable[[], None], stream_arn: str, members: dict[str, bool]
) -> None:
    kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="app")
    settle()
    code, text = refusal(kinesis.delete_stream, StreamName="orders", **members)
    assert code == "ResourceInUseException"
    assert text.startswith(f"DeleteStream can't delete {stream_arn} because there are consumers")
    assert status(kinesis) == "ACTIVE"


def test_consumers_go_with_their_stream_when_that_is_enforced(
    kinesis: Any, settle: Callable[[], None], stream_arn: str
) -> None:
    kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="app")
    settle()
    kinesis.delete_stream(StreamName="orders", EnforceConsumerDeletion=True)
    settle()
    create(kinesis, settle)
    assert kinesis.list_stream_consumers(StreamARN=stream_arn)["Consumers"] == []


def test_a_stream_of_the_same_name_elsewhere_stays(
    kinesis: Any, client_of: Callable[..., Any], settle: Callable[[], None], account_id: str, stream_arn: str
) -> None:
    elsewhere = client_of(account_id, "us-east-1")
    create(elsewhere, settle)
    kinesis.delete_stream(StreamName="orders")
    settle()
    assert status(elsewhere) == "ACTIVE"
