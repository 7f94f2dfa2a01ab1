"""Streams and shards at a glance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.testing import Headwater
from tests.server.routes.asking import document, get

HALF = str(2**127)


@pytest.fixture(scope="module")
def running() -> Iterator[Headwater]:
    with Headwater(transition_ms=0, resubscribe_at_once=True) as server:
        yield server


@pytest.fixture
def server(running: Headwater) -> Headwater:
    running.reset()
    return running


@pytest.fixture
def kinesis(server: Headwater) -> Iterator[Any]:
    client = server.client()
    yield client
    client.close()


def test_a_stream_is_told_with_what_went_in_and_out(server: Headwater, kinesis: Any) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    for data in (b"3 apples", b"4 pears"):
        kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=data)
    shard = "shardId-000000000000"
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )
    kinesis.get_records(ShardIterator=iterator["ShardIterator"])
    (stream,) = document(server, "streams")["streams"]
    assert (stream["name"], stream["status"], stream["open_shards"]) == ("orders", "ACTIVE", 1)
    assert stream["records"] == stream["totals"]["records_in"] == stream["totals"]["records_out"] == 2
    assert stream["totals"]["bytes_in"] == 25
    by_minute = stream["by_minute"]
    assert {len(minutes) for minutes in by_minute.values()} == {30}
    assert (sum(by_minute["records_in"]), sum(by_minute["bytes_in"])) == (2, stream["totals"]["bytes_in"])
    assert sum(by_minute["records_out"]) == stream["totals"]["records_out"]
    assert stream["created_ms"] <= stream["oldest_ms"] <= stream["newest_ms"]


def test_an_empty_stream_has_no_oldest_record(server: Headwater, kinesis: Any) -> None:
    kinesis.create_stream(StreamName="empty", ShardCount=3)
    (stream,) = document(server, "streams")["streams"]
    assert (stream["records"], stream["oldest_ms"], stream["newest_ms"]) == (0, None, None)


def test_the_oldest_record_goes_with_retention(server: Headwater, kinesis: Any) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b"old")
    (first,) = document(server, "streams")["streams"]
    server.clock.advance(hours=23)
    kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b"new")
    server.clock.advance(hours=2)
    (then,) = document(server, "streams")["streams"]
    assert then["oldest_ms"] - first["oldest_ms"] >= 23 * 3_600_000


def test_streams_of_other_accounts_and_regions_are_told_where_they_are_asked_for(
    server: Headwater, kinesis: Any
) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    assert document(server, "streams", region="eu-west-1")["streams"] == []
    assert document(server, "streams", account="111122223333")["streams"] == []
    assert ["000000000000", "us-east-1"] in document(server, "about")["places"]


def test_shards_are_told_with_their_lineage_and_load(server: Headwater, kinesis: Any) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b"3 apples")
    kinesis.split_shard(StreamName="orders", ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)
    parent, lower, upper = document(server, "shards", stream="orders")["shards"]
    assert (parent["is_open"], parent["records"], parent["records_in"], parent["bytes_in"]) == (
        False,
        1,
        1,
        13,
    )
    assert parent["closed_ms"] == lower["opened_ms"] == upper["opened_ms"]
    assert lower["parents"] == upper["parents"] == [parent["id"]]
    assert upper["starting_hash_key"] == HALF
    assert (lower["oldest_ms"], lower["iterator_age_ms"]) == (None, None)


def test_subscriptions_are_told_with_what_they_have_not_sent(server: Headwater, kinesis: Any) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="billing")["Consumer"]
    kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b"3 apples")
    subscription = kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"],
        ShardId="shardId-000000000000",
        StartingPosition={"Type": "TRIM_HORIZON"},
    )
    next(iter(subscription["EventStream"]))
    (told,) = document(server, "shards", stream="orders")["subscriptions"]
    assert (told["consumer"], told["shard"], told["records_behind"]) == ("billing", "shardId-000000000000", 0)
    subscription["EventStream"].close()


@pytest.mark.parametrize(("query", "status"), [({}, 400), ({"stream": "none"}, 404), ({"steam": "x"}, 400)])
def test_what_is_not_there_is_refused_in_words(server: Headwater, query: dict[str, Any], status: int) -> None:
    answer = get(server, "shards", **query)
    assert answer.status == status
    assert json.loads(answer.body)["message"]
