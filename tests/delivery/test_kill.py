"""`kill -9` while a channel delivers: nothing is lost, and nothing comes twice."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from headwater.app.offline_data import check_data
from headwater.testing.admin_client import AdminClient
from headwater.testing.server_clock import ServerClock
from tests.api.channels import ROLE
from tests.crash.server_process import ServerProcess
from tests.delivery.delivered_stream import ACCOUNT_ID, plain
from tests.delivery.lake import Lake
from tests.neighbours.conftest import clients_for
from tests.waiting import wait_until

pytestmark = pytest.mark.long

ROUNDS = 5
NAME = "killed"


@pytest.mark.parametrize("to_table", [False, True])
def test_every_acknowledged_record_is_there_exactly_once(tmp_path: Path, to_table: bool) -> None:
    random, sent, acknowledged = Random(11), 0, set[int]()
    for round_number in range(ROUNDS + 1):
        server = ServerProcess(tmp_path / "data", 0, tmp_path / "log", "--test-clock")
        server.wait_until_ready()
        url = f"http://127.0.0.1:{server.port}"
        clients = clients_for(url)
        kinesis, s3, clock = clients("kinesis"), clients("s3"), ServerClock(AdminClient(url))
        if round_number == 0:
            begin(kinesis, s3, Lake(clients, url, NAME) if to_table else None)
            kinesis.put_record(StreamName=NAME, Data=data_of(-1), PartitionKey="first")
            wait_until(partial(is_done, url))  # from here on, the neighbours have on the disk what was made
        if round_number == ROUNDS:
            break
        killer = threading.Timer(random.uniform(0.5, 2.5), kill_at_work, (server, acknowledged))
        killer.start()
        try:
            while True:
                numbers = range(sent, sent + 200)
                sent += 200
                records = [{"Data": data_of(n), "PartitionKey": str(n)} for n in numbers]
                kinesis.put_records(StreamName=NAME, Records=records)
                acknowledged.update(numbers)
                clock.advance(seconds=150)
        except Exception:  # noqa: BLE001 - the server is killed
            killer.join()

    wait_until(partial(is_done, url))
    found = Counter(Lake(clients, url, NAME).rows()["n"].to_pylist() if to_table else numbers_in(s3))
    server.kill()
    assert check_data(tmp_path / "data") == []
    assert [n for n, times in found.items() if times > 1] == []
    assert acknowledged - found.keys() == set()
    assert len(acknowledged) > ROUNDS * 200


def kill_at_work(server: ServerProcess, acknowledged: set[int]) -> None:
    """Kill it once something more was acknowledged."""
    before = len(acknowledged)
    try:
        wait_until(lambda: len(acknowledged) > before)
    finally:
        server.kill()


def is_done(url: str) -> bool:
    """Let the freshness pass; whether nothing is left to deliver."""
    admin = AdminClient(url)
    ServerClock(admin).advance(seconds=301)
    time.sleep(0.1)
    return not admin.get("deliveries")["deliveries"][0].get("records_behind", 1)


def data_of(number: int) -> bytes:
    return b'{"n": %d, "at": "2026-11-29T10:15:00Z"}' % number


def begin(kinesis: Any, s3: Any, lake: Lake | None) -> None:
    """A stream and an ACTIVE channel, to a table or to a bucket."""
    kinesis.create_stream(StreamName=NAME, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    summary = kinesis.describe_stream_summary(StreamName=NAME)["StreamDescriptionSummary"]
    s3.create_bucket(Bucket=NAME)
    if lake is None:
        arn = bucket_channel(kinesis, summary["StreamARN"])
    else:
        lake.make()
        arn = lake.channel(summary["StreamARN"], NAME)
    describe = kinesis.describe_channel
    wait_until(lambda: describe(ChannelARN=arn)["ChannelDescription"]["ChannelStatus"] == "ACTIVE")


def bucket_channel(kinesis: Any, stream_arn: str) -> str:
    storage = {
        "BucketARN": f"arn:aws:s3:::{NAME}",
        "ExpectedBucketOwner": ACCOUNT_ID,
        "CompressionType": "GZIP",
    }
    source = {"StreamARN": stream_arn, "RecordConfiguration": {"RecordFormatType": "JSON"}}
    arn: str = kinesis.create_channel(
        ChannelName=NAME,
        ServiceExecutionRoleARN=ROLE,
        StreamConfigurationList=[source],
        S3DestinationConfiguration={"StorageConfiguration": storage},
    )["ChannelDescription"]["ChannelARN"]
    return arn


def numbers_in(s3: Any) -> list[int]:
    """The number of every record in the bucket."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=NAME)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    bodies = [plain(key, s3.get_object(Bucket=NAME, Key=key)["Body"].read()) for key in keys]
    return [json.loads(line)["n"] for body in bodies for line in body.splitlines()]
