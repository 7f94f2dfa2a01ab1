"""DescribeChannel."""

from __future__ import annotations

from typing import Any

from tests.api.channels import channel_request
from tests.api.refusals import refusal


def test_it_is_what_creating_has_answered(kinesis: Any, on_demand_arn: str) -> None:
    created = kinesis.create_channel(**channel_request(on_demand_arn))["ChannelDescription"]
    assert kinesis.describe_channel(ChannelARN=created["ChannelARN"])["ChannelDescription"] == created


def test_a_channel_that_is_not_there_is_not_found(kinesis: Any, on_demand_arn: str, account_id: str) -> None:
    absent = f"arn:aws:kinesis:eu-west-1:{account_id}:channel/0123456789abcdef"
    code, message = refusal(kinesis.describe_channel, ChannelARN=absent)
    assert (code, absent in message) == ("ResourceNotFoundException", True)
    strange = f"arn:aws:kinesis:eu-west-1:{account_id}:channel/NOT-AN-ID"
    assert refusal(kinesis.describe_channel, ChannelARN=strange)[0] == "InvalidArgumentException"
    assert refusal(kinesis.describe_channel, ChannelARN=on_demand_arn)[0] == "ValidationException"
