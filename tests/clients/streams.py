"""What a test does to a stream while a client library reads or writes it."""

from __future__ import annotations

import time
from typing import Any

import boto3

from tests.clients.client_process import CREDENTIALS, Endpoint


def client(endpoint: Endpoint) -> Any:
    """The test's own client, beside the one that is tested."""
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint.url,
        region_name="eu-west-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        verify=None if endpoint.ca_path is None else str(endpoint.ca_path),
    )


def wait_until_active(kinesis: Any, name: str) -> None:
    """Wait for the end of a creation or a reshard."""
    while _status(kinesis, name) != "ACTIVE":
        time.sleep(0.02)


def split(kinesis: Any, name: str, shard_id: str) -> None:
    """Split a shard in its middle."""
    (shard,) = (s for s in kinesis.list_shards(StreamName=name)["Shards"] if s["ShardId"] == shard_id)
    keys = shard["HashKeyRange"]
    middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"]) + 1) // 2
    kinesis.split_shard(StreamName=name, ShardToSplit=shard_id, NewStartingHashKey=str(middle))


def closed_shards(kinesis: Any, name: str) -> set[str]:
    """The shards that a reshard has closed."""
    return {
        shard["ShardId"]
        for shard in kinesis.list_shards(StreamName=name)["Shards"]
        if "EndingSequenceNumber" in shard["SequenceNumberRange"]
    }


def _status(kinesis: Any, name: str) -> str:
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    status: str = summary["StreamStatus"]
    return status
