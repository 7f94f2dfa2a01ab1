"""UpdateChannel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.channels import at_rest, bucket_request, channel_request, new_bucket
from tests.api.clocked_server import ClockedServer
from tests.api.refusals import refusal

Settle = Callable[[], None]


@pytest.fixture
def channel_arn(
    kinesis: Any, on_demand_arn: str, account_id: str, settle: Settle, clocked: ClockedServer
) -> str:
    """An ACTIVE channel to a bucket; its ARN."""
    bucket = f"updated-{account_id}"
    new_bucket(clocked.endpoint_url, account_id, bucket)
    asked = channel_request(on_demand_arn, S3DestinationConfiguration=bucket_request(account_id, bucket))
    arn: str = kinesis.create_channel(**asked)["ChannelDescription"]["ChannelARN"]
    assert refusal(update(kinesis), ChannelARN=arn, **freshness(400))[0] == "ResourceInUseException"
    settle()
    assert at_rest(kinesis, arn)["ChannelStatus"] == "ACTIVE"
    return arn


def update(kinesis: Any) -> Callable[..., Any]:
    call: Callable[..., Any] = kinesis.update_channel
    return call


def freshness(seconds: int) -> dict[str, Any]:
    return {"S3DestinationConfiguration": {"DataFreshnessInSeconds": seconds}}


def test_a_new_freshness_is_shown_at_once_and_the_rest_stays(
    kinesis: Any, channel_arn: str, settle: Settle
) -> None:
    described = kinesis.update_channel(ChannelARN=channel_arn, **freshness(900))["ChannelDescription"]
    assert described["ChannelStatus"] == "UPDATING"
    assert described["S3DestinationConfiguration"]["DataFreshnessInSeconds"] == 900
    assert described["LoggingConfiguration"]["CloudWatchLogs"]["Enabled"] is False
    settle()
    assert at_rest(kinesis, channel_arn)["S3DestinationConfiguration"]["DataFreshnessInSeconds"] == 900


def test_logs_can_be_turned_on_and_keep_their_place(kinesis: Any, channel_arn: str, settle: Settle) -> None:
    logs = {"CloudWatchLogs": {"Enabled": True, "LogGroupName": "mine"}}
    described = kinesis.update_channel(ChannelARN=channel_arn, LoggingConfiguration=logs)[
        "ChannelDescription"
    ]
    named = {"Enabled": True, "LogGroupName": "mine", "LogStreamName": "DestinationDelivery"}
    assert described["LoggingConfiguration"]["CloudWatchLogs"] == named
    settle()
    kinesis.update_channel(
        ChannelARN=channel_arn, LoggingConfiguration={"CloudWatchLogs": {"Enabled": False}}
    )
    settle()
    assert at_rest(kinesis, channel_arn)["LoggingConfiguration"]["CloudWatchLogs"] == named | {
        "Enabled": False
    }


def test_nothing_else_can_be_updated(kinesis: Any, channel_arn: str) -> None:
    assert refusal(update(kinesis), ChannelARN=channel_arn)[0] == "ValidationException"
    assert refusal(update(kinesis), ChannelARN=channel_arn, **freshness(10))[0] == "ValidationException"
    table = {"S3TablesDestinationConfiguration": {"DataFreshnessInSeconds": 400}}
    code, message = refusal(update(kinesis), ChannelARN=channel_arn, **table)
    assert (code, "general purpose" in message) == ("ValidationException", True)
