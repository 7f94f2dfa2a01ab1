"""All that the API shows of a stream: its tags, its shards, and their records from the first to the last."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.crash.server_process import PATIENCE_S, Connection

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

    tags: dict[str, str]
    shards: list[SeenShard]


def see_everything(connection: Connection) -> dict[str, SeenStream]:
    """Every stream, by name, once nothing is under way any more."""
    names = connection.call("ListStreams", Limit=100)["StreamNames"]
    return {name: _see_stream(connection, name) for name in names}


def wait_until_active(connection: Connection, name: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while _status(connection, name) != "ACTIVE":
        assert time.monotonic() < deadline, f"{name} does not become ACTIVE"
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
    return list(_records_in(page)), page.get("NextShardIterator")


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
    wait_until_active(connection, name)
    tags = connection.call("ListTagsForStream", StreamName=name)["Tags"]
    shards = [
        shard._replace(records=read_on(connection, first_iterator(connection, name, shard), shard))
        for shard in see_shards(connection, name)
    ]
    return SeenStream({tag["Key"]: tag["Value"] for tag in tags}, shards)


def _status(connection: Connection, name: str) -> Any:
    return connection.call("DescribeStreamSummary", StreamName=name)["StreamDescriptionSummary"][
        "StreamStatus"
    ]


def _records_in(page: dict[str, Any]) -> Iterator[SeenRecord]:
    for record in page["Records"]:
        data = base64.b64decode(record["Data"])
        name = data.partition(NAME_END)[0].decode()
        yield SeenRecord(name, record["SequenceNumber"], record["PartitionKey"], data)
