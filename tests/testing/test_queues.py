"""Queues on a server of `headwater.testing`: faults, metrics, time, the server's end, CBOR and HTTP/2."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from prometheus_client.parser import text_string_to_metric_families

from headwater.testing import Headwater
from headwater.wire import cbor_format
from tests.server.http.http2_peer import Http2Peer
from tests.testing.test_server_faults import JSON_HEADERS

ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def server() -> Iterator[Headwater]:
    with Headwater(transition_ms=0) as running:
        running.clock.stop()
        yield running


@pytest.fixture
def kinesis(server: Headwater) -> Any:
    client = server.client()
    client.create_stream(StreamName="orders", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    return client


@pytest.fixture
def queue(kinesis: Any) -> str:
    stream = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    dead_letters = {"TargetType": "BUILT_IN", "MaxReceiveCount": 2}
    arn: str = kinesis.create_queue(
        QueueName="work",
        StreamConfigurationList=[{"StreamARN": stream["StreamARN"]}],
        QueueAttributes={"DeadLetterConfiguration": dead_letters},
    )["QueueDescription"]["QueueARN"]
    return arn


def put(kinesis: Any, *texts: str) -> None:
    records = [{"Data": text.encode(), "PartitionKey": text} for text in texts]
    kinesis.put_records(StreamName="orders", Records=records)


def test_a_lost_answer_leaves_the_record_in_flight_and_it_comes_back(
    server: Headwater, kinesis: Any, queue: str
) -> None:
    put(kinesis, "apple")
    once = server.client(config=ONCE)
    server.faults.cut("ReceiveQueueRecords", when="after", times=1, stream="orders")
    with pytest.raises(ConnectionClosedError):
        once.receive_queue_records(QueueARN=queue)
    server.clock.advance(seconds=30)
    (record,) = kinesis.receive_queue_records(QueueARN=queue)["QueueRecords"]
    assert record["ReceiveCount"] == 2


def test_a_waiting_receive_can_be_lost_and_delayed_too(server: Headwater, kinesis: Any, queue: str) -> None:
    once = server.client(config=ONCE)
    server.faults.cut("ReceiveQueueRecords", when="after", times=1)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(once.receive_queue_records, QueueARN=queue, WaitTimeSeconds=20)
        assert not wait([call], 0.3).done
        put(kinesis, "apple")
        with pytest.raises(ConnectionClosedError):
            call.result()
    server.clock.advance(seconds=30)
    assert kinesis.receive_queue_records(QueueARN=queue)["QueueRecords"][0]["ReceiveCount"] == 2


def test_an_operation_on_a_queue_fails_when_a_fault_says_so(
    server: Headwater, kinesis: Any, queue: str
) -> None:
    once = server.client(config=ONCE)
    with server.faults.error("AcknowledgeQueueRecords", "ThrottlingException", stream="orders", times=1):
        with pytest.raises(ClientError) as caught:
            once.acknowledge_queue_records(QueueARN=queue, Entries=[{"ReceiptHandle": "x"}])
        assert caught.value.response["Error"]["Code"] == "ThrottlingException"


def metrics_of(server: Headwater) -> dict[tuple[str, str], float]:
    with urlopen(f"{server.endpoint_url}/_headwater/metrics") as answer:
        page = answer.read().decode()
    return {
        (sample.name.removeprefix("headwater_queue_"), sample.labels.get("state", "")): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.labels.get("queue") == "work"
    }


def test_prometheus_sees_what_waits_is_in_flight_and_is_dead(
    server: Headwater, kinesis: Any, queue: str
) -> None:
    put(kinesis, *"abcdefgh")
    server.clock.advance(seconds=5)
    assert metrics_of(server)["records", "visible"] == 8
    for _ in range(2):
        kinesis.receive_queue_records(QueueARN=queue, Limit=1, VisibilityTimeoutSeconds=0)
    records = kinesis.receive_queue_records(QueueARN=queue, Limit=3)["QueueRecords"]
    entries = [{"ReceiptHandle": records[0]["ReceiptHandle"]}]
    kinesis.acknowledge_queue_records(QueueARN=queue, Entries=entries)
    assert metrics_of(server) == {
        ("records", "visible"): 4,
        ("records", "in_flight"): 2,
        ("records", "dead_visible"): 1,
        ("records", "dead_in_flight"): 0,
        ("oldest_record_age_seconds", ""): 5,
        ("received_records_total", ""): 5,
        ("acknowledged_records_total", ""): 1,
        ("empty_receives_total", ""): 0,
    }


def test_cloudwatch_sees_a_queue_by_its_id_and_name(server: Headwater, kinesis: Any, queue: str) -> None:
    put(kinesis, *"abc")
    kinesis.receive_queue_records(QueueARN=queue, Limit=2)
    server.clock.advance(seconds=11)
    server.clock.advance(seconds=60)
    queue_id = queue.rpartition("/")[2]
    asked = f"{server.endpoint_url}/_headwater/cloudwatch?QueueId={queue_id}&QueueName=work"

    def total(metric: str) -> float:
        with urlopen(f"{asked}&metric={metric}") as answer:
            points = json.load(answer)["datapoints"]
        return sum(float(point["sum"]) for point in points)

    assert total("ReceivedQueueRecords") == 2
    with urlopen(asked) as answer:
        names = {metric["metric"] for metric in json.load(answer)["metrics"]}
    assert {"VisibleQueueRecords", "InFlightQueueRecords", "ReceivedQueueRecords"} <= names


def test_who_waits_is_answered_when_the_server_stops(server: Headwater, kinesis: Any, queue: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(kinesis.receive_queue_records, QueueARN=queue, WaitTimeSeconds=20)
        assert not wait([call], 0.3).done
        server.stop()
        assert call.result()["QueueRecords"] == []


def test_cbor_carries_queues(server: Headwater, kinesis: Any, queue: str) -> None:
    put(kinesis, "apple")
    request = Request(
        server.endpoint_url,
        cbor_format.encode({"QueueARN": queue, "Limit": 1}),
        dict(JSON_HEADERS)
        | {
            "content-type": "application/x-amz-cbor-1.1",
            "X-Amz-Target": "Kinesis_20131202.ReceiveQueueRecords",
        },
    )
    with urlopen(request) as answer:
        (record,) = cbor_format.decode(answer.read())["QueueRecords"]
    assert (record["Data"], record["ReceiveCount"]) == (b"apple", 1)


def test_over_http2_many_wait_on_one_connection_and_who_resets_is_gone(
    server: Headwater, kinesis: Any, queue: str
) -> None:
    address = urlsplit(server.endpoint_url)
    peer = Http2Peer(socket.create_connection((address.hostname, address.port or 0)))
    headers = (*JSON_HEADERS, ("x-amz-target", "Kinesis_20131202.ReceiveQueueRecords"))
    body = json.dumps({"QueueARN": queue, "WaitTimeSeconds": 20}).encode()
    first, second = peer.ask("/", body, headers=headers), peer.ask("/", body, headers=headers)
    peer.reset(first)
    peer.wait_until_read()
    put(kinesis, "apple")
    (record,) = json.loads(peer.answer(second).body)["QueueRecords"]
    assert record["ReceiveCount"] == 1
    peer.close()
