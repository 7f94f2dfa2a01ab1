"""`/_headwater/cloudwatch`: metrics and their datapoints, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from botocore.config import Config

from headwater.testing import Headwater
from tests.tables import each

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1000
MINUTE_MS = 60_000


@pytest.fixture
def server() -> Iterator[Headwater]:
    with Headwater() as running:
        running.clock.stop()
        running.clock.set(NOON)
        yield running


@pytest.fixture
def kinesis(server: Headwater) -> Any:
    client = server.client()
    client.create_stream(StreamName="orders", ShardCount=1)
    return client


def ask(server: Headwater, **parameters: Any) -> dict[str, Any]:
    with urlopen(f"{server.endpoint_url}/_headwater/cloudwatch?{urlencode(parameters)}") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def refusal(server: Headwater, query: str) -> str:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{server.endpoint_url}/_headwater/cloudwatch?{query}")
    assert refused.value.code == 400
    message: str = json.load(refused.value)["message"]
    refused.value.close()
    return message


def points(server: Headwater, metric: str, **parameters: Any) -> list[tuple[int, float]]:
    """Begin and sum of each datapoint."""
    answer = ask(server, metric=metric, **({"StreamName": "orders"} | parameters))
    return [(point["timestamp_ms"], point["sum"]) for point in answer["datapoints"]]


def put(kinesis: Any, data: bytes = b"3 apples") -> None:
    kinesis.put_record(StreamName="orders", Data=data, PartitionKey="alice")


def test_metrics_are_listed_with_what_they_are_of(server: Headwater, kinesis: Any) -> None:
    assert ask(server) == {
        "namespace": "AWS/Kinesis",
        "account": "000000000000",
        "region": "us-east-1",
        "metrics": [],
    }
    put(kinesis)
    listed = ask(server)["metrics"]
    assert {"metric": "IncomingBytes", "dimensions": {"StreamName": "orders"}, "unit": "Bytes"} in listed
    assert ask(server, StreamName="invoices")["metrics"] == ask(server, region="eu-west-1")["metrics"] == []


def test_a_datapoint_has_all_statistics(server: Headwater, kinesis: Any) -> None:
    put(kinesis)
    put(kinesis, b"apple")
    answer = ask(server, metric="IncomingBytes", StreamName="orders")
    assert (answer["metric"], answer["unit"], answer["period_s"]) == ("IncomingBytes", "Bytes", 60)
    assert answer["dimensions"] == {"StreamName": "orders"}
    assert answer["datapoints"] == [
        {
            "timestamp_ms": NOON_MS,
            "sample_count": 2,
            "sum": 23,
            "minimum": 10,
            "maximum": 13,
            "average": 11.5,
        }
    ]


def test_the_test_clock_moves_the_minutes(server: Headwater, kinesis: Any) -> None:
    for _ in range(4):
        put(kinesis)
        server.clock.advance(minutes=1)
    minutes = [NOON_MS + at * MINUTE_MS for at in range(4)]
    assert points(server, "IncomingRecords") == [(minute, 1) for minute in minutes]
    within = points(server, "IncomingRecords", start_ms=minutes[1], end_ms=minutes[3])
    assert within == [(minutes[1], 1), (minutes[2], 1)]
    assert points(server, "IncomingRecords", period_s=120) == [(minutes[0], 2), (minutes[2], 2)]
    server.clock.advance(hours=3)
    assert points(server, "IncomingRecords") == []


def test_shards_have_metrics_where_enhanced_monitoring_is_on(server: Headwater, kinesis: Any) -> None:
    put(kinesis)
    kinesis.enable_enhanced_monitoring(StreamName="orders", ShardLevelMetrics=["IncomingBytes"])
    put(kinesis)
    shard = {"ShardId": "shardId-000000000000"}
    assert points(server, "IncomingBytes", **shard) == [(NOON_MS, 13)]
    assert points(server, "IncomingRecords", **shard) == []
    assert [found["metric"] for found in ask(server, **shard)["metrics"]] == ["IncomingBytes"]


def test_consumers_have_metrics_of_their_own(server: Headwater, kinesis: Any) -> None:
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    put(kinesis)
    subscription = {
        "ConsumerARN": consumer["ConsumerARN"],
        "ShardId": "shardId-000000000000",
        "StartingPosition": {"Type": "TRIM_HORIZON"},
    }
    events = kinesis.subscribe_to_shard(**subscription)["EventStream"]
    next(iter(events))
    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.subscribe_to_shard(**subscription)
    reader = {"ConsumerName": "reader"}
    assert points(server, "SubscribeToShard.Success", **reader) == [(NOON_MS, 1)]
    assert points(server, "SubscribeToShard.RateExceeded", **reader) == [(NOON_MS, 1)]
    assert points(server, "SubscribeToShardEvent.Records", **reader) == [(NOON_MS, 1)]
    assert points(server, "SubscribeToShardEvent.Bytes", **reader) == [(NOON_MS, 13)]
    assert points(server, "SubscribeToShardEvent.Success", **reader) == [(NOON_MS, 1)]
    assert points(server, "SubscribeToShardEvent.MillisBehindLatest", **reader) == [(NOON_MS, 0)]
    events.close()


def test_calls_beyond_the_rate_of_subscribing_are_counted() -> None:
    with Headwater(enforce_limits=True) as server:
        server.clock.stop()
        kinesis = server.client(config=Config(retries={"total_max_attempts": 1}))
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
        consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
        for consumer_arn in (consumer["ConsumerARN"], consumer["ConsumerARN"].replace("reader", "nobody")):
            for _ in range(2):
                with pytest.raises(kinesis.exceptions.ClientError):
                    kinesis.subscribe_to_shard(
                        ConsumerARN=consumer_arn,
                        ShardId="shardId-000000000009",
                        StartingPosition={"Type": "LATEST"},
                    )
        refused = [found["dimensions"] for found in ask(server)["metrics"] if "Rate" in found["metric"]]
        assert refused == [{"StreamName": "orders", "ConsumerName": "reader"}]
        assert [
            total for _, total in points(server, "SubscribeToShard.RateExceeded", ConsumerName="reader")
        ] == [1]


def test_a_deleted_stream_is_still_told_of(server: Headwater, kinesis: Any) -> None:
    put(kinesis)
    kinesis.delete_stream(StreamName="orders")
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream_summary(StreamName="orders")
    assert points(server, "IncomingRecords") == [(NOON_MS, 1)]
    server.reset()
    assert points(server, "IncomingRecords") == []


@each(
    ("query", "message"),
    [
        ("metric=Coffee", "There is no metric 'Coffee'. There are: AcknowledgedQueueRecords, "),
        ("shard=1", "There is no parameter 'shard'. There are: metric, namespace, StreamName, "),
        (
            "namespace=Coffee",
            "There is no namespace 'Coffee'. There are: AWS/Kinesis, AWS/Lambda, AWS/Firehose.",
        ),
        (
            "FunctionName=f",
            "FunctionName is no dimension of AWS/Kinesis: StreamName, ConsumerName, ShardId, QueueId, ",
        ),
        ("namespace=AWS/Lambda&StreamName=s", "StreamName is no dimension of AWS/Lambda: FunctionName, "),
        ("namespace=AWS/Lambda&metric=IncomingBytes", "There is no metric 'IncomingBytes'. There are: Async"),
        ("metric", "The query must be of the form name=value&name=value."),
        ("metric=IncomingBytes&metric=IncomingRecords", "A parameter can be given only once."),
        ("period_s=60", "period_s belongs to a metric"),
        ("metric=IncomingBytes&period_s=90", "period_s must be a multiple of 60, and at most 86400."),
        ("metric=IncomingBytes&period_s=0", "period_s must be a multiple of 60, and at most 86400."),
        ("metric=IncomingBytes&start_ms=-1", "start_ms must be a whole number, not '-1'."),
        ("metric=IncomingBytes&start_ms=9999999999999999", "start_ms must be a whole number"),
        ("metric=IncomingBytes&start_ms=5&end_ms=5", "start_ms must be before end_ms."),
        ("metric=%FF", "There is no metric"),
    ],
)
def test_a_wrong_query_is_told_what_is_wrong(server: Headwater, query: str, message: str) -> None:
    assert refusal(server, query).startswith(message)
