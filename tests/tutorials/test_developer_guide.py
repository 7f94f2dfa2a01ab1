"""The walk-through of the AWS developer guide, by the AWS CLI alone.

The AWS CLI takes longer to start than a stream takes, by default, to change its state.
So that it sees every state, on any machine, this server's streams change it when its clock is moved.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.conftest import RunningServer
from tests.tutorials.commands import Aws, Ended
from tests.tutorials.started_server import FREE_PORT, started_server
from tests.waiting import RETRY_FOR_S

STREAM = "Foo"
TRANSITION_MS = 600_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server of this module's own, whose clock moves when it is told to."""
    options = ("--test-clock", "--transition-ms", str(TRANSITION_MS))
    with started_server(tmp_path, *options, port=FREE_PORT) as running:
        yield running


def let_transitions_end(server: RunningServer) -> None:
    body = json.dumps({"advance_ms": TRANSITION_MS + 1}).encode()
    request = Request(f"{server.endpoint_url}/_headwater/clock", body, {"Content-Type": "application/json"})
    urlopen(request, timeout=RETRY_FOR_S).close()


def described(aws: Aws) -> Ended:
    return aws("describe-stream-summary", "--stream-name", STREAM)


def status(aws: Aws) -> str:
    answer = described(aws).answer
    return str(answer["StreamDescriptionSummary"]["StreamStatus"])


@pytest.mark.long  # every day, test_stream_walk_through sees the states, by the SDK
def test_a_stream_is_seen_in_each_of_its_states(aws: Aws, server: RunningServer) -> None:
    assert aws("list-streams").answer["StreamNames"] == []

    assert aws("create-stream", "--stream-name", STREAM, "--shard-count", "1").answer is None
    assert status(aws) == "CREATING"
    let_transitions_end(server)
    assert status(aws) == "ACTIVE"
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
    let_transitions_end(server)
    ended = described(aws)
    assert (
        "An error occurred (ResourceNotFoundException) when calling the DescribeStreamSummary operation: "
        f"Stream {STREAM} under account 000000000000 not found." in ended.err
    )
    assert aws("list-streams").answer["StreamNames"] == []
