"""The Kinesis Client Library and `headwater.client` hand a stream to each other, by one lease table."""

from __future__ import annotations

import threading
import time
import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest

from headwater.client import Batch, DynamoDBState, KinesisConsumer
from headwater.wire.aggregated_record import Aggregate
from tests.clients.client_process import CREDENTIALS, Endpoint
from tests.clients.kcl_application import Application, application
from tests.clients.streams import client, split, wait_until_active

pytestmark = pytest.mark.clients

COUNT = 500
ROUNDS = 40
TIMEOUT_S = 300.0


def put(kinesis: Any, name: str, first: int, ends: dict[str, int] | None = None) -> range:
    """Put numbers under many keys, the last ten of them in one aggregate for each shard.

    `ends` is told where each shard ends now.
    """
    numbers = range(first, first + COUNT)
    records = [{"PartitionKey": f"key-{number}", "Data": b"%d" % number} for number in numbers[:-10]]
    for start, hash_key in ((-10, 0), (-5, 2**128 - 1)):
        aggregate = Aggregate()
        for number in numbers[start : start + 5 or None]:
            aggregate.add(f"key-{number}", str(hash_key), b"%d" % number)
        records.append(
            {"PartitionKey": "aggregate", "ExplicitHashKey": str(hash_key), "Data": aggregate.encode()}
        )
    answer = kinesis.put_records(StreamName=name, Records=records)
    assert answer["FailedRecordCount"] == 0
    if ends is not None:
        for placed in answer["Records"]:
            ends[placed["ShardId"]] = max(ends.get(placed["ShardId"], 0), int(placed["SequenceNumber"]))
    return numbers


def numbers_printed(app: Application, worker: int) -> list[int]:
    return sorted(int(line.text) for line in app.printed() if line.what == "record" and line.worker == worker)


def has_read(app: Application, worker: int, expected: list[int]) -> bool:
    """Whether a worker was given these, each once: or more often, if it had no time to renew its lease."""
    numbers = numbers_printed(app, worker)
    has_lost = any(line.what == "lost" and line.worker == worker for line in app.printed())
    return (sorted(set(numbers)) if has_lost else numbers) == expected


def our_consumer(endpoint: Endpoint, dynamodb_url: str, app: Application, **settings: Any) -> KinesisConsumer:
    """A consumer on the library's lease table."""
    session = boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name="eu-west-1",
    )
    return KinesisConsumer(
        app.stream_name,
        state=DynamoDBState(app.name, create_table=False, endpoint_url=dynamodb_url, session=session),
        start="TRIM_HORIZON",
        endpoint_url=endpoint.url,
        session=session,
        worker_id="headwater",
        **settings,
    )


def read_by_us(endpoint: Endpoint, dynamodb_url: str, app: Application, until: int) -> list[int]:
    """Read with our consumer until so many records came."""
    consumer = our_consumer(endpoint, dynamodb_url, app, lease_duration_s=10.0)
    numbers: list[int] = []

    def handle(batch: Batch) -> None:
        numbers.extend(int(record.data) for record in batch)
        if len(numbers) >= until:
            consumer.stop()

    consumer.run(handle)
    return sorted(numbers)


def test_each_goes_on_where_the_other_stopped(http: Endpoint, dynamodb_url: str, tmp_path: Path) -> None:
    kinesis = client(http)
    name = f"shared-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_until_active(kinesis, name)
    with application(name, "polling", http, dynamodb_url, tmp_path) as app:
        ends: dict[str, int] = {}
        expected = list(put(kinesis, name, 0, ends))
        app.start_worker()
        app.wait_until(lambda: has_read(app, 0, expected), TIMEOUT_S, "the library has read all")
        app.wait_until(lambda: is_read_up(app, ends), TIMEOUT_S, "and written its checkpoints")
        app.workers[0].kill()
        app.workers[0].wait()

        expected = list(put(kinesis, name, COUNT))
        split(kinesis, name, "shardId-000000000000")
        wait_until_active(kinesis, name)
        expected += put(kinesis, name, 2 * COUNT)
        assert read_by_us(http, dynamodb_url, app, 2 * COUNT) == expected
        leases = app.leases()
        assert leases["shardId-000000000000"]["checkpoint"] == "SHARD_END"
        assert leases["shardId-000000000000"]["childShardIds"] == {
            "shardId-000000000002",
            "shardId-000000000003",
        }
        assert [key for key, lease in leases.items() if "leaseOwner" in lease] == []

        expected = list(put(kinesis, name, 3 * COUNT))
        app.start_worker()
        app.wait_until(
            lambda: set(expected) <= set(numbers_printed(app, 1)), TIMEOUT_S, "the library has read the rest"
        )
        time.sleep(1.0)  # in which it would print what it should not
        assert has_read(app, 1, expected)


def is_read_up(app: Application, ends: dict[str, int]) -> bool:
    """Whether every checkpoint is at the last record of its shard."""
    return {key: lease["checkpoint"] for key, lease in app.leases().items()} == {
        shard_id: str(number) for shard_id, number in ends.items()
    }


def test_both_at_the_same_time_lose_nothing(http: Endpoint, dynamodb_url: str, tmp_path: Path) -> None:
    """It is not how one would want to run them: nothing says who has how many shards."""
    kinesis = client(http)
    name = f"at-once-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, ShardCount=4)
    wait_until_active(kinesis, name)
    with application(name, "polling", http, dynamodb_url, tmp_path) as app:
        app.start_worker()
        app.wait_until(lambda: app.workers_at_work() == 1, TIMEOUT_S, "the library is at work")
        consumer = our_consumer(http, dynamodb_url, app, lease_duration_s=5.0)
        ours: set[int] = set()
        running = threading.Thread(
            target=consumer.run, args=(lambda batch: ours.update(int(r.data) for r in batch),), daemon=True
        )
        running.start()
        try:
            wanted: set[int] = set()

            def both_read() -> bool:
                wanted.update(put(kinesis, name, len(wanted)))
                return len(wanted) >= ROUNDS * COUNT and bool(ours) and bool(numbers_printed(app, 0))

            app.wait_until(both_read, TIMEOUT_S, "both read for a while")
            app.wait_until(
                lambda: wanted <= ours | set(numbers_printed(app, 0)), TIMEOUT_S, "all is read by one or both"
            )
        finally:
            consumer.stop()
            running.join(TIMEOUT_S)
