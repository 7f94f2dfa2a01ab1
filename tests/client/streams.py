"""Streams for the client library's tests, and what lies in them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from headwater.client.leases.shard_tree import ShardNode
from headwater.client.leases.stream_identity import StreamIdentity
from headwater.wire.aggregated_record import deaggregate
from tests.waiting import wait_until


class Stored(NamedTuple):
    """One record of a stream."""

    shard_id: str
    sequence_number: str
    partition_key: str
    data: bytes


def new_stream(kinesis: Any, shard_count: int = 1) -> str:
    """A stream of its own, ACTIVE."""
    name = f"client-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, ShardCount=shard_count)
    wait_until_active(kinesis, name)
    return name


def wait_until_active(kinesis: Any, name: str) -> None:
    wait_until(lambda: status_of(kinesis, name) == "ACTIVE", f"{name} as an ACTIVE stream")


def status_of(kinesis: Any, name: str) -> str:
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return str(summary["StreamStatus"])


def stored(kinesis: Any, name: str) -> list[Stored]:
    """All records, shard after shard, in the order in which they lie there."""
    shards = kinesis.list_shards(StreamName=name)["Shards"]
    return [record for shard in shards for record in stored_in(kinesis, name, shard["ShardId"])]


def stored_in(kinesis: Any, name: str, shard_id: str) -> Iterator[Stored]:
    at = kinesis.get_shard_iterator(StreamName=name, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON")
    iterator = at["ShardIterator"]
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator)
        for record in page["Records"]:
            yield Stored(shard_id, record["SequenceNumber"], record["PartitionKey"], record["Data"])
        iterator = page.get("NextShardIterator") if page["Records"] or page["MillisBehindLatest"] else None


def user_records(records: list[Stored]) -> list[tuple[str, bytes]]:
    """The key and data of each user record, aggregates taken apart."""
    taken_apart: list[tuple[str, bytes]] = []
    for record in records:
        users = deaggregate(record.data)
        if users is None:
            taken_apart.append((record.partition_key, record.data))
        else:
            taken_apart += [(user.partition_key, user.data) for user in users]
    return taken_apart


def identity_of(kinesis: Any, name: str) -> StreamIdentity:
    """By which a state keeps the leases of a stream."""
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    created_s = summary["StreamCreationTimestamp"].timestamp()
    return StreamIdentity.of(summary | {"StreamCreationTimestamp": created_s})


async def no_shards() -> list[ShardNode]:
    """For leases that all name their stream: nobody asks for the shards."""
    raise AssertionError
