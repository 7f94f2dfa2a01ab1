"""The walk-through by boto3: create, describe, put three, iterate, get, update shard count, tag, delete."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.waiting import RETRY_FOR_S

STREAM = "walk-through"
PAYLOADS = (bytes(range(256)), '{"greeting": "Grüß Gott, 世界"}'.encode(), b"\x00")


def summary_of(kinesis: Any) -> dict[str, Any]:
    summary: dict[str, Any] = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]
    return summary


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + RETRY_FOR_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_stream_from_its_creation_to_its_end(kinesis: Any) -> None:
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    assert summary_of(kinesis)["StreamStatus"] == "CREATING"
    until(lambda: summary_of(kinesis)["StreamStatus"] == "ACTIVE")

    described = kinesis.describe_stream(StreamName=STREAM)["StreamDescription"]
    assert described["StreamARN"] == f"arn:aws:kinesis:us-east-1:000000000000:stream/{STREAM}"
    assert [shard["ShardId"] for shard in described["Shards"]] == ["shardId-000000000000"]
    assert described["HasMoreShards"] is False
    assert STREAM in kinesis.list_streams()["StreamNames"]

    placed = [
        kinesis.put_record(StreamName=STREAM, Data=payload, PartitionKey=f"key-{number}")
        for number, payload in enumerate(PAYLOADS)
    ]
    assert {answer["ShardId"] for answer in placed} == {"shardId-000000000000"}

    iterator = kinesis.get_shard_iterator(
        StreamName=STREAM, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    got = kinesis.get_records(ShardIterator=iterator)
    assert tuple(record["Data"] for record in got["Records"]) == PAYLOADS
    assert [record["PartitionKey"] for record in got["Records"]] == ["key-0", "key-1", "key-2"]
    assert [record["SequenceNumber"] for record in got["Records"]] == [
        answer["SequenceNumber"] for answer in placed
    ]
    assert got["MillisBehindLatest"] == 0
    assert kinesis.get_records(ShardIterator=got["NextShardIterator"])["Records"] == []

    updated = kinesis.update_shard_count(StreamName=STREAM, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    assert updated["CurrentShardCount"] == 1
    assert updated["TargetShardCount"] == 2
    assert summary_of(kinesis)["StreamStatus"] == "UPDATING"
    until(lambda: summary_of(kinesis)["StreamStatus"] == "ACTIVE")
    assert summary_of(kinesis)["OpenShardCount"] == 2

    kinesis.add_tags_to_stream(StreamName=STREAM, Tags={"team": "blue"})
    assert kinesis.list_tags_for_stream(StreamName=STREAM)["Tags"] == [{"Key": "team", "Value": "blue"}]

    kinesis.delete_stream(StreamName=STREAM)
    assert summary_of(kinesis)["StreamStatus"] == "DELETING"
    until(lambda: STREAM not in kinesis.list_streams()["StreamNames"])
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        summary_of(kinesis)
