"""`headwater consume`, as a person or a program runs it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from headwater.cli.consume import lease_table
from headwater.client import KinesisConsumer
from tests.cli.conftest import Ended
from tests.client.streams import new_stream
from tests.conftest import RunningServer


@pytest.fixture
def consume(headwater: Callable[..., Ended]) -> Callable[..., Ended]:
    return partial(headwater, "consume")


@pytest.fixture
def stream(kinesis: Any) -> str:
    return new_stream(kinesis)


def test_records_are_written_as_json_lines(consume: Callable[..., Ended], kinesis: Any, stream: str) -> None:
    for data in (b"text", b"\xff\x00"):
        kinesis.put_record(StreamName=stream, PartitionKey="key", Data=data)
    ran = consume(stream, "--from", "trim-horizon", "--limit", "2")
    assert (ran.exit_code, ran.err) == (0, "")
    first, second = map(json.loads, ran.out.splitlines())
    assert (first["ShardId"], first["PartitionKey"], first["Data"]) == ("shardId-000000000000", "key", "text")
    assert base64.b64decode(second["DataBase64"]) == b"\xff\x00"
    assert second["SequenceNumber"] > first["SequenceNumber"]
    assert second["ApproximateArrivalTimestamp"].endswith("Z")


def test_a_group_goes_on_where_it_ended(
    consume: Callable[..., Ended], kinesis: Any, stream: str, tmp_path: Path
) -> None:
    for number in range(4):
        kinesis.put_record(StreamName=stream, PartitionKey="key", Data=b"%d" % number)
    state = f"sqlite:{tmp_path / 'leases.db'}"
    for group, numbers in (("a", [0, 1]), ("a", [2, 3]), ("b", [0, 1])):
        ran = consume(stream, "--from", "trim-horizon", "--limit", "2", "--state", state, "--group", group)
        assert [int(json.loads(line)["Data"]) for line in ran.out.splitlines()] == numbers, ran.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--state", "redis"], "memory, sqlite:PATH and dynamodb"),
        (["--from", "yesterday"], "trim-horizon, latest"),
        (["--limit", "0"], "0 is not in the range"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    consume: Callable[..., Ended], arguments: list[str], reason: str
) -> None:
    ran = consume("stream", *arguments)
    assert ran.exit_code == 2
    assert reason in " ".join(ran.err.replace("│", "").split())


def test_a_stream_that_is_missing_is_one_line(
    consume: Callable[..., Ended],
) -> None:
    ran = consume("no-such-stream")
    assert ran.exit_code == 1
    assert ran.err.startswith("headwater: ResourceNotFoundException: Stream no-such-stream")
    assert ran.err.count("\n") == 1


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
