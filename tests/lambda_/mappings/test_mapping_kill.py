"""A server that is killed again and again: its mapping goes on, and no acknowledged record is lost."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import client_for
from tests.waiting import RETRY_FOR_S, wait_until

KILLS = 6
KEYS = 7
RECORDS_PER_PUT = 10


CODE = """
import base64, os, time
written = os.open({out!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def handler(event, context):
    time.sleep(0.05)  # so that a kill often comes while an invocation is under way
    records = [record["kinesis"] for record in event["Records"]]
    lines = [record["partitionKey"] + " " + base64.b64decode(record["data"]).decode() for record in records]
    os.write(written, "".join(line + "\\n" for line in lines).encode())
"""
"""Writes the key and the data of each record to a file, a line each."""


@contextmanager
def running(data_dir: Path) -> Iterator[str]:
    """A server until the block is left, and then it is killed; its URL."""
    options = ["--port", "0", "--data-dir", str(data_dir), "--transition-ms", "20", "--log-level", "error"]
    process = subprocess.Popen(
        [sys.executable, "-m", "headwater", "start", *options], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        ready = re.search(r"http://\S+", process.stdout.readline())
        assert ready is not None
        yield ready[0]
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


class Producer(threading.Thread):
    """Puts records until it is told to stop or cannot go on, and keeps those that were acknowledged."""

    def __init__(self, url: str, numbers: count[int]) -> None:
        super().__init__()
        self._client = client_for(url)
        self._numbers = numbers
        self.stopping = threading.Event()
        self.acknowledged: list[tuple[str, str]] = []

    def run(self) -> None:
        while not self.stopping.is_set():
            numbers = [next(self._numbers) for _ in range(RECORDS_PER_PUT)]
            records = [(f"key-{number % KEYS}", str(number)) for number in numbers]
            entries = [{"PartitionKey": key, "Data": data.encode()} for key, data in records]
            try:
                self._client.put_records(StreamName="clicks", Records=entries)
            except (BotoCoreError, ClientError):
                return
            self.acknowledged += records
        self._client.close()


def has_put_enough(producer: Producer) -> bool:
    return len(producer.acknowledged) > 5 * RECORDS_PER_PUT


def delivered(out: Path) -> list[tuple[str, str]]:
    lines = out.read_text().splitlines() if out.exists() else []
    return [(line.split()[0], line.split()[1]) for line in lines]


def create_mapping(url: str, out: Path) -> None:
    """A stream, a function, and a mapping of the one to the other."""
    kinesis: Any = client_for(url)
    kinesis.create_stream(StreamName="clicks", ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", CODE.format(out=str(out)))
    functions = boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    functions.create_function(
        FunctionName="write",
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    functions.create_event_source_mapping(
        EventSourceArn="arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
        FunctionName="write",
        StartingPosition="TRIM_HORIZON",
        ParallelizationFactor=2,
        BatchSize=20,
    )
    kinesis.close()
    functions.close()


@pytest.mark.long
def test_a_mapping_outlives_kills(tmp_path: Path) -> None:
    data_dir, out, chance, numbers = tmp_path / "data", tmp_path / "out", Random(3), count()
    acknowledged: list[tuple[str, str]] = []
    for attempt in range(KILLS):
        with running(data_dir) as url:
            if attempt == 0:
                create_mapping(url, out)
            producer = Producer(url, numbers)
            producer.start()
            time.sleep(chance.uniform(0.3, 1.5))
            wait_until(partial(has_put_enough, producer))
            if chance.random() < 0.3:
                producer.stopping.set()
        producer.join()
        acknowledged += producer.acknowledged
    with running(data_dir):
        deadline = time.monotonic() + RETRY_FOR_S
        while not set(acknowledged) <= set(delivered(out)):
            assert time.monotonic() < deadline, set(acknowledged) - set(delivered(out))
            time.sleep(0.05)
    assert len(acknowledged) > 200
    for key in {key for key, _ in acknowledged}:
        first_seen = list(dict.fromkeys(data for other, data in delivered(out) if other == key))
        assert first_seen == sorted(first_seen, key=int)
