"""DeleteChannel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.channels import channel_request
from tests.api.refusals import refusal

Settle = Callable[[], None]


def test_the_channel_is_deleting_for_a_while_and_then_gone(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arn = kinesis.create_channel(**channel_request(on_demand_arn))["ChannelDescription"]["ChannelARN"]
    kinesis.delete_channel(ChannelARN=arn)
    assert kinesis.describe_channel(ChannelARN=arn)["ChannelDescription"]["ChannelStatus"] == "DELETING"
    kinesis.delete_channel(ChannelARN=arn)  # again: nothing else happens
    settle()
    assert kinesis.list_channels()["ChannelSummaries"] == []
    assert refusal(kinesis.delete_channel, ChannelARN=arn)[0] == "ResourceNotFoundException"


def test_a_stream_with_channels_is_neither_deleted_nor_provisioned(
    kinesis: Any, on_demand_arn: str, settle: Settle
) -> None:
    arn = kinesis.create_channel(**channel_request(on_demand_arn))["ChannelDescription"]["ChannelARN"]
    mode = {"StreamARN": on_demand_arn, "StreamModeDetails": {"StreamMode": "PROVISIONED"}}
    for call, members in (
        (kinesis.delete_stream, {"StreamName": "orders", "EnforceConsumerDeletion": True}),
        (kinesis.update_stream_mode, mode),
    ):
        code, message = refusal(call, **members)
        assert (code, "channels" in message) == ("ResourceInUseException", True)
    kinesis.delete_channel(ChannelARN=arn)
    settle()
    kinesis.delete_stream(StreamName="orders")
