"""The Kinesis Client Library 3: two workers, one killed half-way, while the stream is resharded."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client_process import Endpoint
from tests.clients.kcl_application import Application, Printed, application
from tests.clients.published_metrics import check_no_complaint_about_metrics, published
from tests.clients.streams import client, closed_shards, split, wait_until_active

pytestmark = pytest.mark.clients

KEYS = 500
ROUNDS = 200
"""Each round puts one record under each key, its text the number of the round: 100,000 in all."""
ROUND_S = 0.2
WORKERS_TIMEOUT_S = 300.0
READ_TIMEOUT_S = 600.0
METRICS_TIMEOUT_S = 300.0
PAGE_RECORDS = 10_000
"""The most that a worker is given of a shard at a time."""


@pytest.mark.parametrize(
    ("retrieval", "scheme", "lease_table"), [("polling", "http", "beside"), ("fan-out", "https", "local")]
)
def test_two_workers_read_a_stream_that_is_resharded(
    retrieval: str, scheme: str, lease_table: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Once with the leases in the DynamoDB beside the stream, once in Amazon's own for the desktop."""
    endpoint: Endpoint = request.getfixturevalue(scheme)
    dynamodb_url = endpoint.url if lease_table == "beside" else request.getfixturevalue("dynamodb_url")
    kinesis = client(endpoint)
    name = f"kcl-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_until_active(kinesis, name)
    with application(name, retrieval, endpoint, dynamodb_url, tmp_path) as app:
        start_two_workers(app)
        with ThreadPoolExecutor(1) as beside:
            putting = beside.submit(put_all, kinesis, name)
            app.wait_until(lambda: half_is_read(app), READ_TIMEOUT_S, "half is read, by both")
            app.workers[0].kill()
            putting.result()
        closed = closed_shards(kinesis, name)
        assert len(closed) == 4
        app.wait_until(lambda: finished(app, closed), READ_TIMEOUT_S, "all is read, all leases at the end")
        printed = app.printed()
        app.wait_until(
            lambda: records_processed(endpoint, app) >= len(seen(printed, worker=1)),
            METRICS_TIMEOUT_S,
            "the metrics of the worker that was left are published",
        )
        shards = kinesis.list_shards(StreamName=name)["Shards"]
        # Who is killed may take lines along, which it had counted: of each shard what it was given last.
        assert records_processed(endpoint, app) <= app.records_printed() + len(shards) * PAGE_RECORDS
        for log in app.logs():
            check_no_complaint_about_metrics(log)
    assert {line.worker for line in printed if line.what == "record"} == {0, 1}
    check_every_record_was_read(printed)
    check_the_order_of_each_key(printed)
    check_parents_came_first(printed, shards)


def start_two_workers(app: Application) -> None:
    """One after the other: the library fails when two find no lease table at the same moment."""
    app.start_worker()
    app.wait_until(lambda: len(app.leases()) == 2, WORKERS_TIMEOUT_S, "there are leases")
    app.start_worker()
    app.wait_until(lambda: app.workers_at_work() == 2, WORKERS_TIMEOUT_S, "both workers are at work")


def put_all(kinesis: Any, name: str) -> None:
    """Put all rounds, and split twice and merge once between them, without waiting for anything."""
    reshard_after = {
        ROUNDS * 1 // 5: lambda: split(kinesis, name, "shardId-000000000000"),
        ROUNDS * 2 // 5: lambda: split(kinesis, name, "shardId-000000000001"),
        ROUNDS * 7 // 10: lambda: kinesis.merge_shards(
            StreamName=name,
            ShardToMerge="shardId-000000000003",
            AdjacentShardToMerge="shardId-000000000004",
        ),
    }
    for number in range(ROUNDS):
        began = time.monotonic()
        records = [{"PartitionKey": f"key-{key}", "Data": b"%d" % number} for key in range(KEYS)]
        assert kinesis.put_records(StreamName=name, Records=records)["FailedRecordCount"] == 0
        if number in reshard_after:
            reshard_after[number]()  # type: ignore[no-untyped-call]  # a call of boto3
        time.sleep(max(0.0, began + ROUND_S - time.monotonic()))


def half_is_read(app: Application) -> bool:
    """Whether half is read, and each of two workers has begun to."""
    return app.records_printed() >= KEYS * ROUNDS // 2 and {
        line.worker for line in app.printed() if line.what == "record"
    } == {0, 1}


def finished(app: Application, closed: set[str]) -> bool:
    """Whether all has been read and each closed shard's lease says so."""
    if app.records_printed() < KEYS * ROUNDS or len(seen(app.printed())) < KEYS * ROUNDS:
        return False
    leases = app.leases()
    return all(leases[shard_id]["checkpoint"] == "SHARD_END" for shard_id in closed)


def seen(printed: list[Printed], worker: int | None = None) -> set[tuple[str, str]]:
    """What the workers, or one of them, have been given."""
    return {
        (line.partition_key, line.text)
        for line in printed
        if line.what == "record" and worker in {None, line.worker}
    }


def records_processed(endpoint: Endpoint, app: Application) -> float:
    """What the library says of itself in CloudWatch."""
    return sum(published(endpoint, app.name, "RecordsProcessed").values())


def check_every_record_was_read(printed: list[Printed]) -> None:
    assert seen(printed) == {(f"key-{key}", str(number)) for key in range(KEYS) for number in range(ROUNDS)}


def check_the_order_of_each_key(printed: list[Printed]) -> None:
    """A lease's holder sees a key's records one after the other; the next one may begin a little earlier."""
    last: dict[tuple[int, str, str], int] = {}
    furthest: dict[str, int] = defaultdict(lambda: -1)
    for line in printed:
        if line.what == "start":
            last = {at: number for at, number in last.items() if at[:2] != (line.worker, line.shard_id)}
        if line.what == "record":
            number, key = int(line.text), line.partition_key
            before = last.get((line.worker, line.shard_id, key))
            assert before is None or number == before + 1, line
            assert number <= furthest[key] + 1, line
            last[line.worker, line.shard_id, key] = number
            furthest[key] = max(furthest[key], number)


def check_parents_came_first(printed: list[Printed], shards: list[dict[str, Any]]) -> None:
    started = {line.shard_id: line.time_ms for line in reversed(printed) if line.what == "start"}
    ended = {line.shard_id: line.time_ms for line in reversed(printed) if line.what == "end"}
    parents = [
        (parent, shard["ShardId"])
        for shard in shards
        for parent in (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
        if parent is not None
    ]
    assert len(parents) == 6
    assert all(ended[parent] <= started[child] for parent, child in parents)
