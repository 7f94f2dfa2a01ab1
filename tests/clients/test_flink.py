"""The Kinesis connector of Apache Flink: its source, polling and with fan-out, and its sink."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client_process import CLIENTS, Endpoint
from tests.clients.java_project import build, java_variables, running, trusting
from tests.clients.streams import client, split, wait_until_active

pytestmark = pytest.mark.clients

KEYS = 500
ROUNDS = 40
"""Each round puts one record under each key, its text the key and the number of the round: 20,000 in all."""
TIMEOUT_S = 600.0

OPENED = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.lang", "java.util")]
"""What Flink asks of a Java with modules."""


@pytest.mark.parametrize(("publisher", "scheme"), [("POLLING", "http"), ("EFO", "https")])
def test_a_job_copies_a_stream_that_is_split(
    publisher: str, scheme: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    endpoint: Endpoint = request.getfixturevalue(scheme)
    kinesis = client(endpoint)
    source, sink = (f"flink-{end}-{uuid.uuid4().hex[:12]}" for end in ("source", "sink"))
    for name in (source, sink):
        kinesis.create_stream(StreamName=name, ShardCount=2)
        wait_until_active(kinesis, name)
    options = ["-Xmx512m", *OPENED, *trusting(endpoint, tmp_path)]
    command = build(CLIENTS / "flink").command("headwater.Copy", source, sink, publisher, options=options)
    output = tmp_path / "flink.printed"
    with running(command, java_variables(endpoint), output) as job:
        put_rounds(kinesis, source, range(ROUNDS // 2))
        copied = Copied(kinesis, sink)
        wait_for(copied, KEYS * ROUNDS // 2, output)
        split(kinesis, source, "shardId-000000000000")
        put_rounds(kinesis, source, range(ROUNDS // 2, ROUNDS))
        wait_for(copied, KEYS * ROUNDS, output)
        assert job.poll() is None
    assert copied.texts == {text(key, number) for key in range(KEYS) for number in range(ROUNDS)}


class Copied:
    """What the job has written so far: at least once, for it writes again what it got no answer for."""

    def __init__(self, kinesis: Any, name: str) -> None:
        self.texts: set[str] = set()
        self._kinesis = kinesis
        self._iterators = [
            kinesis.get_shard_iterator(
                StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            for shard in kinesis.list_shards(StreamName=name)["Shards"]
        ]

    def read_on(self) -> None:
        """Read what has been written since."""
        for index, iterator in enumerate(self._iterators):
            page = self._kinesis.get_records(ShardIterator=iterator)
            self.texts.update(record["Data"].decode() for record in page["Records"])
            self._iterators[index] = page["NextShardIterator"]


def put_rounds(kinesis: Any, name: str, rounds: range) -> None:
    for number in rounds:
        records = [{"PartitionKey": f"key-{key}", "Data": text(key, number)} for key in range(KEYS)]
        assert kinesis.put_records(StreamName=name, Records=records)["FailedRecordCount"] == 0


def text(key: int, number: int) -> str:
    return f"key-{key} {number}"


def wait_for(copied: Copied, count: int, output: Path) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while len(copied.texts) < count:
        assert time.monotonic() < deadline, output.with_suffix(".log").read_text()[-3000:]
        time.sleep(0.2)
        copied.read_on()
