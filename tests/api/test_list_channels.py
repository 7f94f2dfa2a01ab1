"""ListChannels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.channels import channel_request
from tests.api.queues import on_demand_stream
from tests.api.refusals import refusal

Settle = Callable[[], None]


def test_channels_come_in_the_order_of_their_names_a_page_at_a_time(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    other_arn = on_demand_stream(kinesis, settle, "others")
    kinesis.create_channel(**channel_request(on_demand_arn, "b"))
    kinesis.create_channel(**channel_request(other_arn, "a"))
    first = kinesis.list_channels(MaxResults=1)
    assert [(each["ChannelName"], each["ChannelDestinationType"]) for each in first["ChannelSummaries"]] == [
        ("a", "S3")
    ]
    rest = kinesis.list_channels(MaxResults=1, NextToken=first["NextToken"])
    assert [each["Streams"][0]["StreamARN"] for each in rest["ChannelSummaries"]] == [on_demand_arn]
    assert "NextToken" not in rest
    pages = kinesis.get_paginator("list_channels").paginate(StreamFilter=[{"StreamARN": other_arn}])
    assert [each["ChannelName"] for page in pages for each in page["ChannelSummaries"]] == ["a"]
    assert refusal(kinesis.list_channels, NextToken="strange")[0] == "InvalidArgumentException"


def test_a_stream_of_another_time_has_none(kinesis: Any, on_demand_arn: str) -> None:
    kinesis.create_channel(**channel_request(on_demand_arn))
    wanted = {"StreamARN": on_demand_arn, "StreamCreationTimestamp": 1}
    assert kinesis.list_channels(StreamFilter=[wanted])["ChannelSummaries"] == []
