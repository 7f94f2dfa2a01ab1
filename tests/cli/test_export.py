"""`headwater export` and `headwater import`: what a stream holds, out and in again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECORDS = [
    {"Data": b"3 apples", "PartitionKey": "alice"},
    {"Data": b"", "PartitionKey": "bob"},
    {"Data": "na\u00efve \u2615\n\x00".encode(), "PartitionKey": "\u2615"},
    {"Data": b"\xff\xfe\x00", "PartitionKey": "bytes"},
    {"Data": bytes(range(256)) * 20, "PartitionKey": "large"},
]


@pytest.fixture
def filled(kinesis: Any, stream: str) -> str:
    """A stream that was split in the middle of its records."""
    kinesis.put_records(StreamName=stream, Records=RECORDS[:3])
    kinesis.split_shard(
        StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127 - 5)
    )
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    kinesis.put_records(StreamName=stream, Records=RECORDS[3:])
    return stream


def contents(lines: str) -> dict[str, bytes]:
    """Data by partition key."""
    records = [json.loads(line) for line in lines.splitlines()]
    return {
        record["PartitionKey"]: base64.b64decode(record["DataBase64"])
        if "DataBase64" in record
        else record["Data"].encode()
        for record in records
    }


EXPECTED = {str(record["PartitionKey"]): record["Data"] for record in RECORDS}


def test_every_record_is_exported_once(headwater: Callable[..., Any], filled: str) -> None:
    ended = headwater("export", filled)
    assert ended.exit_code == 0
    assert len(ended.out.splitlines()) == len(RECORDS)
    assert contents(ended.out) == EXPECTED


def test_what_was_exported_can_be_imported(
    headwater: Callable[..., Any], filled: str, kinesis: Any, tmp_path: Path
) -> None:
    file = tmp_path / "records.jsonl"
    assert headwater("export", filled, "--output", str(file)).exit_code == 0
    again = f"{filled}-again"
    kinesis.create_stream(StreamName=again, ShardCount=3)
    kinesis.get_waiter("stream_exists").wait(StreamName=again, WaiterConfig={"Delay": 1})
    ended = headwater("import", again, str(file))
    assert json.loads(ended.out)["Records"] == len(RECORDS)
    assert contents(headwater("export", again).out) == EXPECTED


def test_lines_that_are_no_records_are_named_and_the_others_stored(
    headwater: Callable[..., Any], stream: str
) -> None:
    lines = [
        b'{"PartitionKey": "a", "Data": "one"}',
        b"no",
        b"[]",
        b'{"PartitionKey": "a"}',
        b'{"PartitionKey": 1, "Data": "x"}',
        b'{"PartitionKey": "a", "Data": 1}',
        b'{"PartitionKey": "a", "DataBase64": "?"}',
        b'{"PartitionKey": null, "DataBase64": "dHdv"}',
    ]
    ended = headwater("import", stream, stdin=b"\n".join(lines))
    assert ended.exit_code == 1
    assert json.loads(ended.out)["FailedLines"] == [2, 3, 4, 5, 6, 7]
    assert "headwater: line 2: not JSON" in ended.err
    assert sorted(contents(headwater("export", stream).out).values()) == [b"one", b"two"]


def test_a_file_that_cannot_be_written_is_named(
    headwater: Callable[..., Any], stream: str, tmp_path: Path
) -> None:
    ended = headwater("export", stream, "--output", str(tmp_path / "missing" / "file"))
    assert ended.exit_code == 1
    assert "cannot be written" in ended.err
