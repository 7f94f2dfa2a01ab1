"""A server that is killed again and again: its mapping goes on, and no acknowledged record is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import client_for

KILLS = 6
KEYS = 7
RECORDS_PER_PUT = 10
PATIENCE_S = 60.0


@contextmanager
def running(data_dir: Path, out: Path) -> Iterator[str]:
    """A server until the block is left, and then it is killed; its URL."""
    command = [sys.executable, "-m", "tests.lambda_.mapped_server", str(data_dir), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
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


def delivered(out: Path) -> list[tuple[str, str]]:
    lines = out.read_text().splitlines() if out.exists() else []
    return [(line.split()[0], line.split()[1]) for line in lines]


def create_stream(url: str) -> None:
    client: Any = client_for(url)
    client.create_stream(StreamName="clicks", ShardCount=2)
    client.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})
    client.close()


@pytest.mark.long
def test_a_mapping_outlives_kills(tmp_path: Path) -> None:
    data_dir, out, chance, numbers = tmp_path / "data", tmp_path / "out", Random(3), count()
    acknowledged: list[tuple[str, str]] = []
    for attempt in range(KILLS):
        with running(data_dir, out) as url:
            if attempt == 0:
                create_stream(url)
            producer = Producer(url, numbers)
            producer.start()
            time.sleep(chance.uniform(0.1, 1.0))
            if chance.random() < 0.3:
                producer.stopping.set()
        producer.join()
        acknowledged += producer.acknowledged
    with running(data_dir, out):
        deadline = time.monotonic() + PATIENCE_S
        while not set(acknowledged) <= set(delivered(out)):
            assert time.monotonic() < deadline, set(acknowledged) - set(delivered(out))
            time.sleep(0.05)
    assert len(acknowledged) > 200
    for key in {key for key, _ in acknowledged}:
        first_seen = list(dict.fromkeys(data for other, data in delivered(out) if other == key))
        assert first_seen == sorted(first_seen, key=int)
