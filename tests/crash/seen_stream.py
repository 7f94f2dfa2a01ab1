"""All that the API shows of a stream: tags, consumers, shards, and all of their records."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.crash.server_process import Connection
from tests.waiting import RETRY_FOR_S

NAME_END = b"\0"
"""A record's data begin with its name."""


class SeenRecord(NamedTuple):
    """A record as it was read."""

    name: str
    sequence_number: str
    partition_key: str
    data: bytes


class SeenShard(NamedTuple):
    """A shard and what it holds."""

    shard_id: str
    parents: list[str]
    start: int
    end: int
    is_open: bool
    records: list[SeenRecord]


class SeenStream(NamedTuple):
    """A stream in which nothing is under way."""

    arn: str
    tags: dict[str, str]
    consumers: set[str]
    shards: list[SeenShard]


def see_everything(connection: Connection) -> dict[str, SeenStream]:
    """Every stream, by name, once nothing is under way any more."""
    names = connection.call("ListStreams", Limit=100)["StreamNames"]
    settled = [name for name in names if wait_until_settled(connection, name) is not None]
    return {name: _see_stream(connection, name) for name in settled}


def wait_until_settled(connection: Connection, name: str) -> str | None:
    """The ARN of a stream that is ACTIVE; `None` for one that is gone."""
    deadline = time.monotonic() + RETRY_FOR_S
    while True:
        status, answer = connection.ask("DescribeStreamSummary", StreamName=name)
        if answer.get("__type") == "ResourceNotFoundException":
            return None
        assert status == 200, answer
        described = answer["StreamDescriptionSummary"]
        if described["StreamStatus"] == "ACTIVE":
            return str(described["StreamARN"])
        assert time.monotonic() < deadline, f"{name} does not become ACTIVE"
        time.sleep(0.002)


def see_consumers(connection: Connection, arn: str) -> dict[str, str]:
    """The ARNs of a stream's consumers by their names, once all are ACTIVE."""
    deadline = time.monotonic() + RETRY_FOR_S
    while True:
        consumers = connection.call("ListStreamConsumers", StreamARN=arn)["Consumers"]
        if all(consumer["ConsumerStatus"] == "ACTIVE" for consumer in consumers):
            return {consumer["ConsumerName"]: consumer["ConsumerARN"] for consumer in consumers}
        assert time.monotonic() < deadline, f"the consumers of {arn} do not become ACTIVE"
        time.sleep(0.002)


def see_shards(connection: Connection, name: str) -> list[SeenShard]:
    """The shards of a stream, without their records."""
    answer = connection.call("ListShards", StreamName=name)
    assert "NextToken" not in answer, "no test makes so many shards"
    return [
        SeenShard(
            shard["ShardId"],
            [shard[member] for member in ("ParentShardId", "AdjacentParentShardId") if member in shard],
            int(shard["HashKeyRange"]["StartingHashKey"]),
            int(shard["HashKeyRange"]["EndingHashKey"]),
            "EndingSequenceNumber" not in shard["SequenceNumberRange"],
            [],
        )
        for shard in answer["Shards"]
    ]


def first_iterator(connection: Connection, name: str, shard: SeenShard) -> str:
    answer = connection.call(
        "GetShardIterator", StreamName=name, ShardId=shard.shard_id, ShardIteratorType="TRIM_HORIZON"
    )
    iterator: str = answer["ShardIterator"]
    return iterator


def read_page(
    connection: Connection, iterator: str, limit: int = 10_000
) -> tuple[list[SeenRecord], str | None]:
    """Records, and the iterator that leads on."""
    page = connection.call("GetRecords", ShardIterator=iterator, Limit=limit)
    return list(records_in(page)), page.get("NextShardIterator")


def read_on(connection: Connection, iterator: str, shard: SeenShard) -> list[SeenRecord]:
    """Everything from an iterator on, to the end of the shard or to where nothing comes any more."""
    records: list[SeenRecord] = []
    following: str | None = iterator
    while following is not None:
        page, following = read_page(connection, following)
        records += page
        if not page:
            break
    assert (following is not None) == shard.is_open, "exactly a closed shard has an end"
    return records


def _see_stream(connection: Connection, name: str) -> SeenStream:
    arn = wait_until_settled(connection, name)
    assert arn is not None, f"{name} went away while nothing was done"
    tags = connection.call("ListTagsForStream", StreamName=name)["Tags"]
    shards = [
        shard._replace(records=read_on(connection, first_iterator(connection, name, shard), shard))
        for shard in see_shards(connection, name)
    ]
    consumers = set(see_consumers(connection, arn))
    return SeenStream(arn, {tag["Key"]: tag["Value"] for tag in tags}, consumers, shards)


def records_in(page: dict[str, Any]) -> Iterator[SeenRecord]:
    """The records of a page of GetRecords, or of an event of SubscribeToShard."""
    for record in page["Records"]:
        data = base64.b64decode(record["Data"])
        name = data.partition(NAME_END)[0].decode()
        yield SeenRecord(name, record["SequenceNumber"], record["PartitionKey"], data)
