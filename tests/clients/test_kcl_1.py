"""The Kinesis Client Library 1: a worker killed half-way and started again, while the stream is resharded."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.client_process import Endpoint
from tests.clients.kcl_application import FOLDER_OF_KCL_1, Application, application
from tests.clients.published_metrics import check_no_complaint_about_metrics, published
from tests.clients.streams import client, closed_shards, split, wait_until_active

pytestmark = pytest.mark.clients

KEYS = 100
ROUNDS = 50
RECORDS = KEYS * ROUNDS
"""Each round puts one record under each key, its text the number of the round."""
ROUND_S = 0.4
WORKER_TIMEOUT_S = 300.0
READ_TIMEOUT_S = 600.0
METRICS_TIMEOUT_S = 300.0

Record = tuple[str, str]
"""The partition key and the text."""


class Place(NamedTuple):
    """Where a record is."""

    shard_id: str
    sequence_number: int


def test_a_worker_reads_a_stream_that_is_resharded_and_goes_on_at_its_checkpoints(
    http: Endpoint, tmp_path: Path
) -> None:
    kinesis = client(http)
    name = f"kcl-1-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_until_active(kinesis, name)
    with application(name, "polling", http, http.url, tmp_path, FOLDER_OF_KCL_1) as app:
        app.start_worker()
        app.wait_until(lambda: app.workers_at_work() == 1, WORKER_TIMEOUT_S, "the worker is at work")
        with ThreadPoolExecutor(1) as beside:
            putting = beside.submit(put_all, kinesis, name)
            app.wait_until(
                lambda: app.records_printed() >= RECORDS // 2 and at_the_end(app, {"shardId-000000000000"}),
                READ_TIMEOUT_S,
                "half is read, and what was split is read to its end",
            )
            app.workers[0].kill()
            app.workers[0].wait()
            reached = checkpoints(app)
            app.start_worker()
            places = putting.result()
        closed = closed_shards(kinesis, name)
        assert len(closed) == 3
        app.wait_until(
            lambda: read(app) >= places.keys() and at_the_end(app, closed),
            READ_TIMEOUT_S,
            "all is read, all leases at the end",
        )
        app.wait_until(
            lambda: records_processed(http, app) >= len(read(app, worker=1)),
            METRICS_TIMEOUT_S,
            "the metrics of the second worker are published",
        )
        for log in app.logs():
            check_no_complaint_about_metrics(log)
    assert read(app) == places.keys()
    check_nothing_before_a_checkpoint_was_seen_again(app, places, reached)


def put_all(kinesis: Any, name: str) -> dict[Record, Place]:
    """Put all rounds, with a split and a merge between them; where each record is."""
    reshard_after = {
        ROUNDS * 1 // 5: lambda: split(kinesis, name, "shardId-000000000000"),
        ROUNDS * 3 // 5: lambda: kinesis.merge_shards(
            StreamName=name,
            ShardToMerge="shardId-000000000003",
            AdjacentShardToMerge="shardId-000000000001",
        ),
    }
    places = {}
    for number in range(ROUNDS):
        began = time.monotonic()
        records = [{"PartitionKey": f"key-{key}", "Data": b"%d" % number} for key in range(KEYS)]
        answer = kinesis.put_records(StreamName=name, Records=records)
        assert answer["FailedRecordCount"] == 0
        for key, entry in enumerate(answer["Records"]):
            places[f"key-{key}", str(number)] = Place(entry["ShardId"], int(entry["SequenceNumber"]))
        if number in reshard_after:
            reshard_after[number]()  # type: ignore[no-untyped-call]  # a call of boto3
        time.sleep(max(0.0, began + ROUND_S - time.monotonic()))
    return places


def checkpoints(app: Application) -> dict[str, str]:
    return {shard_id: lease["checkpoint"] for shard_id, lease in app.leases().items()}


def at_the_end(app: Application, closed: set[str]) -> bool:
    """Whether each closed shard's lease says that it was read to its end."""
    reached = checkpoints(app)
    return all(reached.get(shard_id) == "SHARD_END" for shard_id in closed)


def read(app: Application, worker: int | None = None) -> set[Record]:
    """What the workers, or one of them, have been given."""
    return {
        (line.partition_key, line.text)
        for line in app.printed()
        if line.what == "record" and worker in {None, line.worker}
    }


def records_processed(endpoint: Endpoint, app: Application) -> float:
    """What the library says of itself in CloudWatch."""
    return sum(published(endpoint, app.name, "RecordsProcessed").values())


def check_nothing_before_a_checkpoint_was_seen_again(
    app: Application, places: dict[Record, Place], reached: dict[str, str]
) -> None:
    """The second worker sees what lies after the checkpoints that the first one left, and nothing else."""
    assert any(checkpoint.isdecimal() for checkpoint in reached.values()), reached
    seen = read(app, worker=1)
    assert seen
    for record in seen:
        shard_id, sequence_number = places[record]
        checkpoint = reached.get(shard_id, "TRIM_HORIZON")
        assert checkpoint != "SHARD_END", record
        assert checkpoint == "TRIM_HORIZON" or sequence_number > int(checkpoint), record
