"""Retention of the stream `orders`: its period, and what is still readable."""

from __future__ import annotations

from typing import Any

HOUR_MS = 3_600_000

TOO_SHORT = [
    (
        hours,
        (
            f"Minimum allowed retention period is 24 hours. Requested retention period ({hours} hours) "
            "is too short."
        ),
    )
    for hours in (23, 1, 0, -1)
]
TOO_LONG = [
    (
        hours,
        (
            f"Maximum allowed retention period is 8760 hours. Requested retention period ({hours} hours) "
            "is too long."
        ),
    )
    for hours in (8761, 2_000_000_000)
]


def retention_of(kinesis: Any) -> int:
    """The period, as both operations that describe the stream tell it."""
    summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    whole = kinesis.describe_stream(StreamName="orders")["StreamDescription"]
    hours: int = summary["RetentionPeriodHours"]
    assert whole["RetentionPeriodHours"] == hours
    assert summary["StreamStatus"] == "ACTIVE"
    return hours


def put(kinesis: Any, data: bytes) -> None:
    """Put one record; all go to the same shard."""
    kinesis.put_record(StreamName="orders", Data=data, PartitionKey="k")


def readable(kinesis: Any) -> list[bytes]:
    """The data of every record that a reader from TRIM_HORIZON finds."""
    data: list[bytes] = []
    for shard in kinesis.list_shards(StreamName="orders")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="orders", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        data += [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]]
    return data
