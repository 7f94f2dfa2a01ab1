"""The walk-through of the AWS developer guide, by the AWS CLI alone.

The AWS CLI takes longer to start than a stream takes, by default, to change its state.
So that it sees every state, this server's streams take a few seconds, as they do at AWS.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tutorials.commands import Aws, Ended, aws_for
from tests.tutorials.started_server import FREE_PORT, started_server

STREAM = "Foo"
TRANSITION_MS = 3000


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    """The AWS CLI against a server of this module's own."""
    with started_server(tmp_path, "--transition-ms", str(TRANSITION_MS), port=FREE_PORT) as server:
        yield aws_for(server.endpoint_url, tmp_path)


def described(aws: Aws) -> Ended:
    return aws("describe-stream-summary", "--stream-name", STREAM)


def status(aws: Aws) -> str:
    answer = described(aws).answer
    return str(answer["StreamDescriptionSummary"]["StreamStatus"])


@pytest.mark.long  # every day, test_stream_walk_through sees the states, by the SDK
def test_a_stream_is_seen_in_each_of_its_states(aws: Aws) -> None:
    assert aws("list-streams").answer["StreamNames"] == []

    assert aws("create-stream", "--stream-name", STREAM, "--shard-count", "1").answer is None
    assert status(aws) == "CREATING"
    deadline = time.monotonic() + 60
    while status(aws) != "ACTIVE":
        assert time.monotonic() < deadline
    summary = described(aws).answer["StreamDescriptionSummary"]
    assert summary["StreamName"] == STREAM
    assert summary["StreamARN"] == f"arn:aws:kinesis:us-east-1:000000000000:stream/{STREAM}"
    assert summary["RetentionPeriodHours"] == 24
    assert summary["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert summary["OpenShardCount"] == 1
    assert aws("list-streams").answer["StreamNames"] == [STREAM]

    placed = aws("put-record", "--stream-name", STREAM, "--partition-key", "123", "--data", "testdata").answer
    assert placed["ShardId"] == "shardId-000000000000"

    iterator = aws(
        *("get-shard-iterator", "--stream-name", STREAM),
        *("--shard-id", "shardId-000000000000", "--shard-iterator-type", "TRIM_HORIZON"),
    ).answer["ShardIterator"]
    got = aws("get-records", "--shard-iterator", iterator).answer
    (record,) = got["Records"]
    assert base64.b64decode(record["Data"]) == b"testdata"
    assert record["PartitionKey"] == "123"
    assert record["SequenceNumber"] == placed["SequenceNumber"]
    assert got["MillisBehindLatest"] == 0
    assert got["NextShardIterator"] != iterator

    assert aws("delete-stream", "--stream-name", STREAM).answer is None
    assert status(aws) == "DELETING"
    deadline = time.monotonic() + 60
    while (ended := described(aws)).exit_code == 0:
        assert time.monotonic() < deadline
    assert (
        "An error occurred (ResourceNotFoundException) when calling the DescribeStreamSummary operation: "
        f"Stream {STREAM} under account 000000000000 not found." in ended.err
    )
    assert aws("list-streams").answer["StreamNames"] == []
