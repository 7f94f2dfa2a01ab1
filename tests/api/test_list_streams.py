"""ListStreams."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.refusals import refusal
from tests.api.streams import another_account, create, create_on_demand
from tests.api.validation.broken_constraints import broken


def create_streams(kinesis: Any, settle: Callable[[], None], count: int) -> list[str]:
    names = [f"stream-{number:03}" for number in range(count)]
    for number, name in enumerate(names, start=1):
        kinesis.create_stream(StreamName=name, ShardCount=1)
        if number % 5 == 0:
            settle()
    return names


def test_an_account_without_streams_has_an_empty_list(kinesis: Any) -> None:
    answer = kinesis.list_streams()
    assert answer["StreamNames"] == []
    assert answer["StreamSummaries"] == []
    assert answer["HasMoreStreams"] is False
    assert "NextToken" not in answer


def test_lists_names_in_order_and_sums_each_stream_up(
    kinesis: Any, clock: ManualClock, settle: Callable[[], None], account_id: str
) -> None:
    created_s = clock.now_ms() // 1000
    create_on_demand(kinesis, settle, "orders")
    clock.advance_ms(5000)
    kinesis.create_stream(StreamName="Invoices", ShardCount=1)
    answer = kinesis.list_streams()
    assert answer["StreamNames"] == ["Invoices", "orders"]
    creating, active = answer["StreamSummaries"]
    assert creating["StreamStatus"] == "CREATING"
    assert creating["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert active == {
        "StreamName": "orders",
        "StreamARN": f"arn:aws:kinesis:eu-west-1:{account_id}:stream/orders",
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
        "StreamCreationTimestamp": datetime.fromtimestamp(created_s, UTC),
    }


def test_lists_the_streams_of_one_account_and_region(
    kinesis: Any, client_of: Callable[..., Any], settle: Callable[[], None], account_id: str
) -> None:
    create(kinesis, settle)
    create(client_of(account_id, "us-east-1"), settle, name="invoices")
    assert kinesis.list_streams()["StreamNames"] == ["orders"]
    assert client_of(account_id, "us-east-1").list_streams()["StreamNames"] == ["invoices"]
    assert client_of(account_id, "us-west-2").list_streams()["StreamNames"] == []


def test_pages_by_the_last_name(kinesis: Any, settle: Callable[[], None]) -> None:
    names = create_streams(kinesis, settle, 5)
    first = kinesis.list_streams(Limit=2)
    assert first["StreamNames"] == names[:2]
    assert first["HasMoreStreams"] is True
    second = kinesis.list_streams(Limit=2, ExclusiveStartStreamName=names[1])
    assert second["StreamNames"] == names[2:4]
    last = kinesis.list_streams(Limit=2, ExclusiveStartStreamName=names[3])
    assert last["StreamNames"] == names[4:]
    assert last["HasMoreStreams"] is False
    assert "NextToken" not in last


def test_pages_by_token(kinesis: Any, settle: Callable[[], None]) -> None:
    names = create_streams(kinesis, settle, 5)
    pages = [kinesis.list_streams(Limit=2)]
    while "NextToken" in pages[-1]:
        pages.append(kinesis.list_streams(Limit=2, NextToken=pages[-1]["NextToken"]))
    assert [page["StreamNames"] for page in pages] == [names[:2], names[2:4], names[4:]]
    assert [page["HasMoreStreams"] for page in pages] == [True, True, False]


def test_an_exclusive_start_need_not_exist(kinesis: Any, settle: Callable[[], None]) -> None:
    names = create_streams(kinesis, settle, 2)
    assert kinesis.list_streams(ExclusiveStartStreamName="stream-000a")["StreamNames"] == names[1:]


@pytest.mark.parametrize("members", [{}, {"Limit": 10_000}])
def test_a_page_has_a_hundred_streams_at_most(
    kinesis: Any, settle: Callable[[], None], members: dict[str, int]
) -> None:
    names = create_streams(kinesis, settle, 101)
    answer = kinesis.list_streams(**members)
    assert answer["StreamNames"] == names[:100]
    assert answer["HasMoreStreams"] is True
    pages = kinesis.get_paginator("list_streams").paginate()
    assert [name for page in pages for name in page["StreamNames"]] == names


def test_a_token_is_good_for_300_seconds(
    kinesis: Any, clock: ManualClock, settle: Callable[[], None]
) -> None:
    names = create_streams(kinesis, settle, 2)
    token = kinesis.list_streams(Limit=1)["NextToken"]
    clock.advance_ms(300_000)
    assert kinesis.list_streams(NextToken=token)["StreamNames"] == names[1:]
    clock.advance_ms(1)
    code, text = refusal(kinesis.list_streams, NextToken=token)
    assert code == "ExpiredNextTokenException"
    assert "300 seconds" in text


def test_a_token_is_good_for_its_own_listing(
    kinesis: Any, client_of: Callable[..., Any], settle: Callable[[], None], account_id: str
) -> None:
    create_streams(kinesis, settle, 2)
    create(kinesis, settle, 2)
    token = kinesis.list_streams(Limit=1)["NextToken"]
    shards_token = kinesis.list_shards(StreamName="orders", MaxResults=1)["NextToken"]
    for client, given in (
        (kinesis, "garbage"),
        (kinesis, token[:-4] + "AAA="),
        (kinesis, shards_token),
        (client_of(account_id, "us-east-1"), token),
        (client_of(another_account(account_id)), token),
    ):
        assert refusal(client.list_streams, NextToken=given) == (
            "InvalidArgumentException",
            "Invalid NextToken.",
        )


@pytest.mark.parametrize(
    ("limit", "constraint"),
    [
        (0, "Member must have value greater than or equal to 1"),
        (10_001, "Member must have value less than or equal to 10000"),
    ],
)
def test_the_limit_has_bounds(kinesis: Any, limit: int, constraint: str) -> None:
    assert refusal(kinesis.list_streams, Limit=limit) == broken("limit", limit, constraint)
