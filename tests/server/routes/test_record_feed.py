"""Records as JSON lines, up to now and as they come."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.testing import Headwater
from tests.server.routes.asking import get, lines

FIRST = "shardId-000000000000"


@pytest.fixture(scope="module")
def running() -> Iterator[Headwater]:
    with Headwater(transition_ms=0) as server:
        yield server


@pytest.fixture
def server(running: Headwater) -> Headwater:
    running.reset()
    return running


@pytest.fixture
def kinesis(server: Headwater) -> Iterator[Any]:
    client = server.client()
    client.create_stream(StreamName="orders", ShardCount=1)
    yield client
    client.close()


def put(kinesis: Any, *data: str) -> list[str]:
    """The sequence numbers of records."""
    puts = (kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=each) for each in data)
    return [answer["SequenceNumber"] for answer in puts]


def data_of(page: dict[str, Any]) -> list[str]:
    return [b64decode(record["Data"]).decode() for record in page.get("Records", ())]


def read(server: Headwater, **query: object) -> list[str]:
    """The data of all records, and the reason of the end."""
    with lines(server, "records", stream="orders", **query) as found:
        told = list(found)
    assert told[0] == {"Begin": told[0]["Begin"]}
    return [*(each for page in told[1:-1] for each in data_of(page)), told[-1]["End"]]


def test_all_records_up_to_now(server: Headwater, kinesis: Any) -> None:
    put(kinesis, "a", "b")
    assert read(server) == ["a", "b", "All that there is."]


def test_a_page_has_what_get_records_has(server: Headwater, kinesis: Any) -> None:
    (number,) = put(kinesis, "a")
    with lines(server, "records", stream="orders") as found:
        next(found)
        page = next(found)
    assert (page["ShardId"], page["Skipped"], page["MillisBehindLatest"]) == (FIRST, 0, 0)
    (record,) = page["Records"]
    assert (record["SequenceNumber"], record["PartitionKey"], record["Data"]) == (number, "alice", "YQ==")


def test_from_where_one_says(server: Headwater, kinesis: Any) -> None:
    numbers = put(kinesis, "a", "b", "c", "d")
    end = "All that there is."
    assert read(server, **{"from": "last", "last": 2}) == ["c", "d", end]
    assert read(server, **{"from": "last", "last": 9}) == ["a", "b", "c", "d", end]
    assert read(server, **{"from": "newest"}) == [end]
    assert read(server, **{"from": "sequence_number"}, shard=FIRST, sequence_number=numbers[1]) == [
        "b",
        "c",
        "d",
        end,
    ]
    assert read(server, **{"from": "time"}, time_ms=0) == ["a", "b", "c", "d", end]
    assert read(server, limit=3) == ["a", "b", "c", "As many as were asked for."]


def test_records_come_as_they_are_put_and_from_shards_that_are_made_meanwhile(
    server: Headwater, kinesis: Any
) -> None:
    with lines(server, "records", stream="orders", follow="yes") as found:
        assert next(found) == {"Begin": 1}
        put(kinesis, "a")
        assert data_of(next(found)) == ["a"]
        kinesis.split_shard(StreamName="orders", ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
        put(kinesis, "b")
        page = next(found)
        assert (data_of(page), page["ShardId"] != FIRST) == (["b"], True)
        kinesis.delete_stream(StreamName="orders")
        assert "End" in next(found)


def test_a_following_of_one_shard_keeps_to_it(server: Headwater, kinesis: Any) -> None:
    with lines(server, "records", stream="orders", shard=FIRST, follow="yes", limit=2) as found:
        put(kinesis, "a", "b")
        told = list(found)
    assert [each for page in told for each in data_of(page)] == ["a", "b"]
    assert told[-1] == {"End": "As many as were asked for."}


def test_what_retention_took_is_counted(server: Headwater, kinesis: Any) -> None:
    put(kinesis, "a", "b")
    server.clock.advance(hours=23)
    put(kinesis, "c")
    numbers = document_of_first(server)
    server.clock.advance(hours=2)
    with lines(
        server,
        "records",
        stream="orders",
        shard=FIRST,
        **{"from": "sequence_number"},
        sequence_number=numbers,
    ) as found:
        next(found)
        page = next(found)
    assert (data_of(page), page["Skipped"]) == (["c"], 2)


def document_of_first(server: Headwater) -> str:
    with lines(server, "records", stream="orders") as found:
        next(found)
        number: str = next(found)["Records"][0]["SequenceNumber"]
    return number


def test_to_look_leaves_no_trace_in_the_metrics(server: Headwater, kinesis: Any) -> None:
    put(kinesis, "a")
    read(server)
    assert (
        b'headwater_outgoing_records_total{account="000000000000",region="us-east-1",stream="orders"} 0.0'
        in (get(server, "metrics").body)
    )


def test_many_records_come_whole_and_in_order(server: Headwater, kinesis: Any) -> None:
    for start in range(0, 5_000, 500):
        records = [{"Data": str(start + at), "PartitionKey": "alice"} for at in range(500)]
        kinesis.put_records(StreamName="orders", Records=records)
    assert read(server)[:-1] == [str(number) for number in range(5_000)]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"stream": "none"}, 404),
        ({"stream": "orders", "shard": "9"}, 404),
        ({"stream": "orders", "from": "middle"}, 400),
        ({"stream": "orders", "from": "sequence_number", "sequence_number": "1"}, 400),
        ({"stream": "orders", "limit": "0"}, 400),
        ({"stream": "orders", "last": "many", "from": "last"}, 400),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    server: Headwater, kinesis: Any, query: dict[str, Any], status: int
) -> None:
    answer = get(server, "records", **query)
    assert answer.status == status
    assert json.loads(answer.body)["message"]
