"""What was acknowledged is delivered exactly once, whatever happens to the server meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.request import urlopen

import pytest

from headwater.app.offline_data import check_data, restore_data
from tests.crash.server_process import ServerProcess
from tests.delivery.firehose.conftest import ROLE, processing
from tests.neighbours.conftest import clients_for
from tests.waiting import wait_until

Start = Callable[[], ServerProcess]
BUCKET = "kept-by-firehose"
LINES = processing(("AppendDelimiterToRecord", {"Delimiter": "\\n"}))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server on one data directory again and again."""
    servers: list[ServerProcess] = []

    def start() -> ServerProcess:
        server = ServerProcess(tmp_path / "data", 0, tmp_path / "log", "--test-clock")
        servers.append(server)
        server.wait_until_ready()
        return server

    yield start
    for server in servers:
        server.kill()


def client(server: ServerProcess, service: str) -> Any:
    return clients_for(f"http://127.0.0.1:{server.port}")(service)


def make_bucket(server: ServerProcess) -> None:
    """Of the neighbours, a kill may undo the last seconds: the bucket may be gone, or still be there."""
    client(server, "s3").create_bucket(Bucket=BUCKET)


def create(server: ServerProcess, interval_s: int, **source: Any) -> None:
    make_bucket(server)
    client(server, "firehose").create_delivery_stream(
        DeliveryStreamName="kept",
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{BUCKET}",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": interval_s},
            "ProcessingConfiguration": LINES,
        },
        **source,
    )


def lines(server: ServerProcess) -> Counter[bytes]:
    """What is in the bucket, and how often."""
    s3 = client(server, "s3")
    keys = [
        each["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        for each in page.get("Contents", [])
    ]
    bodies = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
    return Counter(line for body in bodies for line in body.splitlines())


def advance(server: ServerProcess, minutes: int) -> None:
    connection = server.connect()
    connection.admin("POST", "clock", advance_ms=minutes * 60_000)
    connection.close()


@pytest.mark.long
def test_data_with_delivery_streams_are_whole_and_a_backup_has_them(start: Start, tmp_path: Path) -> None:
    server = start()
    create(server, 900)
    client(server, "firehose").put_record(DeliveryStreamName="kept", Record={"Data": b"1"})
    with urlopen(f"http://127.0.0.1:{server.port}/_headwater/backup") as answer:
        (tmp_path / "backup").write_bytes(answer.read())
    server.stop()
    assert check_data(tmp_path / "data") == []
    with (tmp_path / "backup").open("rb") as backup:
        restore_data(backup, tmp_path / "restored")
    assert check_data(tmp_path / "restored") == []


@pytest.mark.long
def test_what_was_put_before_a_kill_is_delivered_after_it(start: Start) -> None:
    server = start()
    create(server, 900)
    firehose = client(server, "firehose")
    for number in range(20):
        firehose.put_record(DeliveryStreamName="kept", Record={"Data": str(number).encode()})
    server.kill()
    server = start()
    make_bucket(server)

    def all_there() -> bool:
        advance(server, 15)
        return len(lines(server)) == 20

    wait_until(all_there)
    assert set(lines(server).values()) == {1}


@pytest.mark.long
@pytest.mark.parametrize("source", ["direct puts", "a stream"])
def test_every_acknowledged_record_arrives_once_through_kills(start: Start, source: str) -> None:
    server = start()
    if source == "a stream":
        kinesis = client(server, "kinesis")
        kinesis.create_stream(StreamName="source", ShardCount=2)
        arn = kinesis.describe_stream_summary(StreamName="source")["StreamDescriptionSummary"]["StreamARN"]
        config = {"KinesisStreamARN": arn, "RoleARN": ROLE}
        create(server, 0, DeliveryStreamType="KinesisStreamAsSource", KinesisStreamSourceConfiguration=config)
    else:
        create(server, 0)
    acknowledged: list[bytes] = []
    for kill in range(4):
        done = Event()
        writer = Thread(target=put_until_killed, args=(server, source, kill, acknowledged, done))
        before = len(acknowledged)
        writer.start()
        wait_until(partial(has_grown, acknowledged, before + 3_000 + 700 * kill))
        server.kill()
        done.set()
        writer.join()
        server = start()
        make_bucket(server)
    wait_until(partial(has_all, server, set(acknowledged)))
    found = lines(server)
    assert {line: often for line, often in found.items() if often != 1} == {}


def has_all(server: ServerProcess, acknowledged: set[bytes]) -> bool:
    return lines(server).keys() >= acknowledged


def has_grown(acknowledged: list[bytes], count: int) -> bool:
    return len(acknowledged) >= count


def put_until_killed(
    server: ServerProcess, source: str, kill: int, acknowledged: list[bytes], done: Event
) -> None:
    service = client(server, "kinesis" if source == "a stream" else "firehose")
    number = 0
    while not done.is_set():
        datas = [f"{kill}-{number + at}-{'x' * 300}".encode() for at in range(100)]
        number += 100
        try:
            if source == "a stream":
                records = [{"Data": data, "PartitionKey": data.decode()[:20]} for data in datas]
                service.put_records(StreamName="source", Records=records)
            else:
                service.put_record_batch(
                    DeliveryStreamName="kept", Records=[{"Data": data} for data in datas]
                )
        except Exception:  # noqa: BLE001 - the server was killed
            return
        acknowledged += datas
