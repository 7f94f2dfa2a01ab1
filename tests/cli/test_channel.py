from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from tests.waiting import wait_until

Headwater = Callable[..., Any]


def lines_of(ended: Any) -> list[dict[str, Any]]:
    """The JSON lines of a command that succeeded."""
    assert ended.exit_code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


@pytest.fixture
def stream(kinesis: Any, server: Any) -> str:
    """An on-demand stream, and a bucket of the same name."""
    name = f"c{uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})

    def status() -> str:
        found = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        text: str = found["StreamStatus"]
        return text

    wait_until(lambda: status() == "ACTIVE")
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket=name)
    return name


def test_a_channel_is_created_listed_described_updated_and_deleted(
    headwater: Headwater, kinesis: Any, stream: str
) -> None:
    options = ["--bucket", stream, "--compression", "gzip", "--key-template", "in/!{yyyy}", "--tag", "a=b"]
    (created,) = lines_of(headwater("channel", "create", stream, stream, *options))
    assert created["ChannelStatus"] == "ACTIVE"
    storage = created["S3DestinationConfiguration"]["StorageConfiguration"]
    assert (storage["CompressionType"], storage["OutputKeyTemplate"]) == ("GZIP", "in/!{yyyy}")
    assert stream in {line["ChannelName"] for line in lines_of(headwater("channel", "list"))}
    (only,) = lines_of(headwater("channel", "list", "--stream", stream))
    assert only["ChannelARN"] == created["ChannelARN"]
    (updated,) = lines_of(headwater("channel", "update", stream, "--freshness", "600", "--logs"))
    assert updated["LoggingConfiguration"]["CloudWatchLogs"]["Enabled"] is True
    (described,) = lines_of(headwater("channel", "describe", stream))
    assert described["S3DestinationConfiguration"]["DataFreshnessInSeconds"] == 600
    (deleted,) = lines_of(headwater("channel", "delete", stream))
    assert deleted == {"ChannelARN": created["ChannelARN"], "Deleted": True}


def test_a_channel_that_fails_says_why(headwater: Headwater, stream: str) -> None:
    ended = headwater("channel", "create", stream, stream, "--bucket", f"{stream}-absent")
    assert ended.exit_code == 1
    assert "does not exist" in ended.err
    headwater("channel", "delete", stream)
    table = ["--table", "lake/events/clicks", "--dead-letters", stream, "--schema", "none", "--hour-of", "at"]
    assert headwater("channel", "create", stream, stream, *table).exit_code == 1


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--bucket", "a", "--table", "a/b/c"],
        ["--table", "a/b", "--dead-letters", "a"],
        ["--table", "a/b/c"],
    ],
)
def test_a_destination_is_one_of_two_and_whole(headwater: Headwater, stream: str, options: list[str]) -> None:
    assert headwater("channel", "create", stream, stream, *options).exit_code == 2


def test_what_is_not_there_is_said(headwater: Headwater, stream: str) -> None:
    assert "there is no channel nothing" in headwater("channel", "describe", "nothing").err
    assert headwater("channel", "update", "nothing").exit_code == 2
