"""`/_headwater/metrics`: the page, read as Prometheus reads it, after traffic of the real SDK."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families

from headwater.api.operation import OPERATIONS
from headwater.model.clock import ManualClock
from headwater.model.durations import BOUNDS_S, Durations
from headwater.server.request_counts import RequestCounts
from headwater.server.routes.prometheus import exposition
from headwater.testing import Headwater
from tests.engine.running_engine import RunningEngine
from tests.storage.shared_memory_store import SharedMemoryStore

ORDERS = {"account": "000000000000", "region": "us-east-1", "stream": "orders"}


@pytest.fixture
def server() -> Iterator[Headwater]:
    with Headwater(transition_ms=0) as running:
        yield running


@pytest.fixture
def kinesis(server: Headwater) -> Any:
    client = server.client()
    client.create_stream(StreamName="orders", ShardCount=1)
    return client


def scrape(server: Headwater) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of the page by its name and labels."""
    with urlopen(f"{server.endpoint_url}/_headwater/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        page = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def value(server: Headwater, name: str, **labels: str) -> float | None:
    return scrape(server).get((f"headwater_{name}", frozenset(labels.items())))


def outcomes(server: Headwater) -> dict[tuple[str, str], float]:
    return {
        (dict(labels)["operation"], dict(labels)["outcome"]): count
        for (name, labels), count in scrape(server).items()
        if name == "headwater_requests_total"
    }


def read_page(kinesis: Any) -> list[dict[str, Any]]:
    iterator = kinesis.get_shard_iterator(StreamName="orders", ShardId="0", ShardIteratorType="TRIM_HORIZON")
    page: list[dict[str, Any]] = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return page


def ask(server: Headwater, method: str, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc)
    connection.request(method, path, b"{}", headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_requests_are_counted_by_operation_and_outcome(server: Headwater, kinesis: Any) -> None:
    for _ in range(3):
        kinesis.put_record(StreamName="orders", Data=b"3 apples", PartitionKey="alice")
    for _ in range(2):
        with pytest.raises(ClientError):
            kinesis.put_record(StreamName="invoices", Data=b"", PartitionKey="alice")
    ask(server, "POST", "/", **{"X-Amz-Target": "Kinesis_20131202.MakeCoffee"})
    ask(server, "POST", "/", **{"X-Amz-Target": "Kinesis_20131202.MakeTea"})
    ask(server, "GET", "/_headwater/nothing")
    counted = outcomes(server)
    unknown = sum(count for (operation, _), count in counted.items() if operation == "unknown")
    assert unknown == 2
    assert {key: count for key, count in counted.items() if key[0] != "unknown"} == {
        ("CreateStream", "ok"): 1,
        ("PutRecord", "ok"): 3,
        ("PutRecord", "ResourceNotFoundException"): 2,
        ("own-route", "ok"): 1,
    }
    assert value(server, "request_duration_seconds_count", operation="PutRecord") == 5
    assert value(server, "request_duration_seconds_bucket", operation="PutRecord", le="+Inf") == 5


def test_what_goes_in_and_out_of_a_stream_is_counted_exactly(server: Headwater, kinesis: Any) -> None:
    sent = [(b"x" * size, "ключ" * (1 + size % 3)) for size in (0, 1, 2, 3, 1023, 1024, 1025, 70_000)]
    for data, key in sent[:4]:
        kinesis.put_record(StreamName="orders", Data=data, PartitionKey=key)
    entries = [{"Data": data, "PartitionKey": key} for data, key in sent[4:]]
    kinesis.put_records(StreamName="orders", Records=entries)
    size = sum(len(data) + len(key.encode()) for data, key in sent)
    assert value(server, "incoming_records_total", **ORDERS) == len(sent)
    assert value(server, "incoming_bytes_total", **ORDERS) == size
    assert value(server, "outgoing_records_total", **ORDERS) == 0
    for _ in range(2):
        assert len(read_page(kinesis)) == len(sent)
    assert value(server, "outgoing_records_total", **ORDERS) == 2 * len(sent)
    assert value(server, "outgoing_bytes_total", **ORDERS) == 2 * size


def test_the_iterator_age_is_that_of_the_last_page(server: Headwater, kinesis: Any) -> None:
    assert value(server, "iterator_age_seconds", **ORDERS) is None
    server.clock.stop()
    for _ in range(2):
        kinesis.put_record(StreamName="orders", Data=b"3 apples", PartitionKey="alice")
    server.clock.advance(seconds=90)
    first = kinesis.get_shard_iterator(StreamName="orders", ShardId="0", ShardIteratorType="TRIM_HORIZON")
    page = kinesis.get_records(ShardIterator=first["ShardIterator"], Limit=1)
    assert value(server, "iterator_age_seconds", **ORDERS) == 90
    kinesis.get_records(ShardIterator=page["NextShardIterator"])
    assert value(server, "iterator_age_seconds", **ORDERS) == 0


def test_open_subscriptions_and_what_they_push_are_counted(server: Headwater, kinesis: Any) -> None:
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    kinesis.put_record(StreamName="orders", Data=b"3 apples", PartitionKey="alice")
    assert value(server, "open_subscriptions", **ORDERS) == 0
    subscribed = kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"],
        ShardId="shardId-000000000000",
        StartingPosition={"Type": "TRIM_HORIZON"},
    )
    events = subscribed["EventStream"]
    assert len(next(iter(events))["SubscribeToShardEvent"]["Records"]) == 1
    assert value(server, "open_subscriptions", **ORDERS) == 1
    assert value(server, "outgoing_records_total", **ORDERS) == 1
    assert value(server, "outgoing_bytes_total", **ORDERS) == len(b"3 apples" + b"alice")
    events.close()


def test_commits_are_counted(server: Headwater, kinesis: Any) -> None:
    before = value(server, "store_commit_duration_seconds_count")
    assert before is not None
    for _ in range(5):  # without a data directory small ones would share a commit
        kinesis.put_record(StreamName="orders", Data=b"3 apples" * 20_000, PartitionKey="alice")
    # One for each record; the stream's life may have had one more.
    assert value(server, "store_commit_duration_seconds_count") in {before + 5, before + 6}
    assert value(server, "store_commit_failures_total") == 0


def test_streams_of_one_name_are_told_apart(server: Headwater, kinesis: Any) -> None:
    other = server.client(region_name="eu-west-1")
    other.create_stream(StreamName="orders", ShardCount=1)
    other.put_record(StreamName="orders", Data=b"3 apples", PartitionKey="alice")
    assert value(server, "incoming_records_total", **ORDERS) == 0
    assert value(server, "incoming_records_total", **ORDERS | {"region": "eu-west-1"}) == 1


def test_a_deleted_stream_has_no_metrics(server: Headwater, kinesis: Any) -> None:
    kinesis.delete_stream(StreamName="orders")
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream_summary(StreamName="orders")
    assert value(server, "incoming_records_total", **ORDERS) is None


def test_requests_are_counted_while_others_are_under_way(server: Headwater, kinesis: Any) -> None:
    def put() -> None:
        for _ in range(50):
            kinesis.put_record(StreamName="orders", Data=b"3 apples", PartitionKey="alice")

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes(server)["PutRecord", "ok"] == 200
    assert value(server, "incoming_records_total", **ORDERS) == 200


def test_the_library_is_imported_by_nobody_but_the_page() -> None:
    script = "import sys, headwater.app.run; assert 'prometheus_client' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_duration_counts_in_the_span_that_ends_with_it_or_later() -> None:
    durations = Durations()
    for duration_s in (0.0, BOUNDS_S[0], BOUNDS_S[-1], BOUNDS_S[-1] + 1):
        durations.add(duration_s)
    assert (durations.counts[0], durations.counts[-2], durations.counts[-1]) == (2, 1, 1)
    assert durations.total_s == sum((BOUNDS_S[0], BOUNDS_S[-1], BOUNDS_S[-1] + 1))


def test_a_store_that_servers_share_has_metrics_of_its_own(server: Headwater) -> None:
    running = RunningEngine(SharedMemoryStore, ManualClock())
    running.engine.store.commit_times.retries = 3
    running.engine.store.commit_times.under_way = 2
    page = exposition(running.engine, RequestCounts(OPERATIONS)).decode()
    running.close()
    of_store = ("commits_in_flight", "retries_total", "metadata_lag_seconds")
    found = {
        sample.name.removeprefix("headwater_store_"): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert [found[name] for name in of_store] == [2, 3, 0]
    assert [value(server, f"store_{name}") for name in of_store] == [None, None, None]
