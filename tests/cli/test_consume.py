"""`headwater consume`, as a person or a program runs it."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from headwater.cli.consume import lease_table
from headwater.client import KinesisConsumer
from tests.client.streams import new_stream
from tests.conftest import RunningServer


def consume(server: RunningServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headwater", "consume", "--endpoint-url", server.endpoint_url]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def stream(kinesis: Any) -> str:
    return new_stream(kinesis)


def test_records_are_written_as_json_lines(server: RunningServer, kinesis: Any, stream: str) -> None:
    for data in (b"text", b"\xff\x00"):
        kinesis.put_record(StreamName=stream, PartitionKey="key", Data=data)
    ran = consume(server, stream, "--from", "trim-horizon", "--limit", "2")
    assert (ran.returncode, ran.stderr) == (0, "")
    first, second = map(json.loads, ran.stdout.splitlines())
    assert (first["ShardId"], first["PartitionKey"], first["Data"]) == ("shardId-000000000000", "key", "text")
    assert base64.b64decode(second["DataBase64"]) == b"\xff\x00"
    assert second["SequenceNumber"] > first["SequenceNumber"]
    assert second["ApproximateArrivalTimestamp"].endswith("Z")


def test_a_group_goes_on_where_it_ended(
    server: RunningServer, kinesis: Any, stream: str, tmp_path: Path
) -> None:
    for number in range(4):
        kinesis.put_record(StreamName=stream, PartitionKey="key", Data=b"%d" % number)
    state = f"sqlite:{tmp_path / 'leases.db'}"
    for group, numbers in (("a", [0, 1]), ("a", [2, 3]), ("b", [0, 1])):
        ran = consume(
            server, stream, "--from", "trim-horizon", "--limit", "2", "--state", state, "--group", group
        )
        assert [int(json.loads(line)["Data"]) for line in ran.stdout.splitlines()] == numbers, ran.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--state", "redis"], "memory, sqlite:PATH and dynamodb"),
        (["--from", "yesterday"], "trim-horizon, latest"),
        (["--limit", "0"], "0 is not in the range"),
    ],
)
def test_what_cannot_be_meant_is_refused(server: RunningServer, arguments: list[str], reason: str) -> None:
    ran = consume(server, "stream", *arguments)
    assert ran.returncode == 2
    assert reason in " ".join(ran.stderr.replace("│", "").split())


def test_a_stream_that_is_missing_is_one_line(server: RunningServer) -> None:
    ran = consume(server, "no-such-stream")
    assert ran.returncode == 1
    assert ran.stderr.startswith("headwater: ResourceNotFoundException: Stream no-such-stream")
    assert ran.stderr.count("\n") == 1


def test_the_table_shows_who_reads_which_shard(server: RunningServer, kinesis: Any, stream: str) -> None:
    kinesis.put_record(StreamName=stream, PartitionKey="key", Data=b"data")
    with KinesisConsumer(
        stream, start="TRIM_HORIZON", endpoint_url=server.endpoint_url, region_name="us-east-1"
    ) as consumer:
        next(iter(consumer))
        console = Console(width=140, record=True, file=io.StringIO())
        console.print(lease_table(consumer))
        shown = console.export_text()
    assert stream in shown
    assert "shardId-000000000000" in shown
    assert "this one" in shown
