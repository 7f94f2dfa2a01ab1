"""Records put by the AWS CLI in every way in which it takes them, read back byte by byte."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tutorials.commands import Aws

pytestmark = pytest.mark.long  # everyday: the same operations by the SDK

STREAM = "aws-cli-records"


@pytest.fixture
def stored(kinesis: Any) -> Callable[[], list[bytes]]:
    """Gives the data of the records that the test has put."""
    if STREAM not in kinesis.list_streams()["StreamNames"]:
        kinesis.create_stream(StreamName=STREAM, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
    iterator = kinesis.get_shard_iterator(
        StreamName=STREAM, ShardId="shardId-000000000000", ShardIteratorType="LATEST"
    )["ShardIterator"]

    def read() -> list[bytes]:
        return [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]]

    return read


def put_record(aws: Aws, data: str) -> Any:
    return aws(*("put-record", "--stream-name", STREAM, "--partition-key", "key", "--data", data)).answer


@pytest.mark.parametrize("data", ["testdata", '{"greeting": "Grüß Gott"}', "two words\nand two lines"])
def test_raw_text(aws: Aws, stored: Callable[[], list[bytes]], data: str) -> None:
    placed = put_record(aws, data)
    assert placed.keys() == {"ShardId", "SequenceNumber"}
    assert stored() == [data.encode()]


def test_base64_text_is_kept_as_it_was_given_to_the_first_version(
    aws: Aws, stored: Callable[[], list[bytes]]
) -> None:
    """Version 1 encodes what it is given, base64 too; version 2 sends base64 on as it is."""
    encoded = base64.b64encode(b"testdata").decode()
    put_record(aws, encoded)
    assert stored() == [encoded.encode()]
    assert base64.b64decode(stored()[0]) == b"testdata"


def test_a_file_of_bytes(aws: Aws, stored: Callable[[], list[bytes]], tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(range(256)))
    put_record(aws, f"fileb://{tmp_path / 'data'}")
    assert stored() == [bytes(range(256))]


def test_a_record_is_read_back_by_the_aws_cli_in_base64(
    aws: Aws, kinesis: Any, stored: Callable[[], list[bytes]], tmp_path: Path
) -> None:
    (tmp_path / "data").write_bytes(b"\xff\x00\xfe")
    placed = put_record(aws, f"fileb://{tmp_path / 'data'}")
    iterator = kinesis.get_shard_iterator(
        StreamName=STREAM,
        ShardId=placed["ShardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=placed["SequenceNumber"],
    )["ShardIterator"]
    (record,) = aws("get-records", "--shard-iterator", iterator).answer["Records"]
    assert record["Data"] == "/wD+"


def test_records_in_shorthand(aws: Aws, stored: Callable[[], list[bytes]]) -> None:
    answer = aws(
        *("put-records", "--stream-name", STREAM, "--records"),
        *("Data=blob1,PartitionKey=key1", "Data=blob2,PartitionKey=key2"),
    ).answer
    assert answer["FailedRecordCount"] == 0
    assert [placed["ShardId"] for placed in answer["Records"]] == ["shardId-000000000000"] * 2
    assert stored() == [b"blob1", b"blob2"]


def test_records_in_json(aws: Aws, stored: Callable[[], list[bytes]]) -> None:
    records = [{"Data": "blob1", "PartitionKey": "key1"}, {"Data": "blob2", "PartitionKey": "key2"}]
    answer = aws("put-records", "--stream-name", STREAM, "--records", json.dumps(records)).answer
    assert answer["FailedRecordCount"] == 0
    assert stored() == [b"blob1", b"blob2"]


def test_a_whole_request_in_a_json_file(aws: Aws, stored: Callable[[], list[bytes]], tmp_path: Path) -> None:
    request = {"StreamName": STREAM, "Records": [{"Data": "from a file", "PartitionKey": "key"}]}
    (tmp_path / "request.json").write_text(json.dumps(request))
    answer = aws("put-records", "--cli-input-json", f"file://{tmp_path}/request.json").answer
    assert answer["FailedRecordCount"] == 0
    assert stored() == [b"from a file"]
