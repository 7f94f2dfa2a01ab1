"""A server under test whose channel has a backlog: what was put before the channel became ACTIVE.

Its clock is a test's: transitions take an hour of it, in which the backlog is put, and are passed at once.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Self

import boto3
from botocore.config import Config

from benchmarks.kinesis import Kinesis
from benchmarks.server_process import ServerProcess, free_port, started
from headwater.testing.admin_client import AdminClient
from headwater.testing.server_clock import ServerClock

ACCOUNT_ID, REGION = "000000000000", "us-east-1"
KEYS = {"aws_access_key_id": ACCOUNT_ID, "aws_secret_access_key": "any", "region_name": REGION}
IN_ONE_PUT = 500
DIFFERENT_PUTS = 16
DATA_BYTES = 100
TRANSITION_S = 3_600
POLL_S = 0.02
SCHEMA = {
    "type": "object",
    "properties": {
        "at": {"type": "string", "format": "date-time"},
        "id": {"type": "integer"},
        "user": {"type": "string"},
        "page": {"type": "string"},
    },
}


def documents(count: int) -> list[dict[str, Any]]:
    """So many records; in JSON, each has `DATA_BYTES`."""
    random = Random(7)
    made = []
    for number in range(count):
        document = {
            "at": f"2026-11-29T10:{number % 60:02}:00Z",
            "id": random.getrandbits(32),
            "user": f"u{random.randrange(9_999)}",
            "page": "",
        }
        left = DATA_BYTES - len(json.dumps(document))
        made.append(document | {"page": f"/p/{random.randrange(999)}".ljust(left, "x")})
    return made


class DeliveringServer:
    """See the module's text."""

    def __init__(self, process: ServerProcess) -> None:
        self.process = process
        self.kinesis = Kinesis(process.port)
        self.url = f"http://127.0.0.1:{process.port}"
        self._clock = ServerClock(AdminClient(self.url))
        self._names = iter(range(1_000))

    def client(self, service: str) -> Any:
        style = Config(s3={"addressing_style": "path"})
        return boto3.client(service, endpoint_url=self.url, config=style, **KEYS)

    def make_stream(self, name: str) -> None:
        """An on-demand stream, ACTIVE."""
        self.kinesis.call("CreateStream", StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        self._clock.advance(seconds=TRANSITION_S + 1)

    def backlog(self, kind: str, count: int) -> Backlog:
        """A channel that is CREATING, and so many records that it has to deliver."""
        name = f"bench{next(self._names)}"
        self.make_stream(name)
        self.client("s3").create_bucket(Bucket=name)
        make_channel(self, kind, name)
        bodies = [json.dumps({"StreamName": name, "Records": entries}) for entries in _entries(IN_ONE_PUT)]
        for turn in range(count // IN_ONE_PUT):
            self.kinesis.send("PutRecords", bodies[turn % len(bodies)])
        return Backlog(self, name, count)

    def status(self, name: str) -> dict[str, Any]:
        """How far the channel of a stream is."""
        shown = AdminClient(self.url).get("deliveries")["deliveries"]
        found: dict[str, Any] = next(each for each in shown if each.get("stream") == name)
        return found

    def pass_time(self, seconds: float) -> None:
        self._clock.advance(seconds=seconds)


class Backlog:
    """Records that are to be delivered."""

    def __init__(self, server: DeliveringServer, name: str, count: int) -> None:
        self._server = server
        self.name = name
        self.count = count

    def begin(self) -> None:
        """Let the channel become ACTIVE."""
        self._server.pass_time(TRANSITION_S + 1)

    def read(self) -> int:
        """How many records are delivered, or on their way."""
        status = self._server.status(self.name)
        on_their_way: int = status.get("gathered_records", 0) + status.get("records_under_way", 0)
        behind: int = status.get("records_behind", self.count)
        return self.count - behind + on_their_way

    def is_delivered(self) -> bool:
        return bool(self._server.status(self.name).get("records_behind", 1) == 0)

    def deliver(self) -> float:
        """Deliver all of it; how long that took, in seconds."""
        began_s = time.perf_counter()
        self.begin()
        while not self.is_delivered():
            if self.read() == self.count:
                self._server.pass_time(2)  # what is gathered last waits for more, a second
            time.sleep(POLL_S)
        return time.perf_counter() - began_s

    def forget(self) -> None:
        """Delete the objects: the neighbouring S3 has them in memory."""
        s3 = self._server.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.name):
            for found in page.get("Contents", ()):
                s3.delete_object(Bucket=self.name, Key=found["Key"])


def _entries(in_one: int) -> Iterator[list[dict[str, str]]]:
    import base64  # noqa: PLC0415 - here alone

    datas = [
        base64.b64encode(json.dumps(each).encode()).decode() for each in documents(in_one * DIFFERENT_PUTS)
    ]
    for begin in range(0, len(datas), in_one):
        yield [
            {"Data": data, "PartitionKey": str(number)}
            for number, data in enumerate(datas[begin : begin + in_one], begin)
        ]


def make_channel(server: DeliveringServer, kind: str, name: str) -> None:
    """A channel from a stream to the bucket of its name, as GZIP, or to a table."""
    bucket = {"BucketARN": f"arn:aws:s3:::{name}", "ExpectedBucketOwner": ACCOUNT_ID}
    record = {"RecordFormatType": "JSON"}
    destination: dict[str, Any]
    if kind == "GZIP":
        storage = {**bucket, "CompressionType": kind}
        destination = {"S3DestinationConfiguration": {"StorageConfiguration": storage}}
    else:
        glue = server.client("glue")
        glue.create_registry(RegistryName=name)
        record["GSRSchemaARN"] = glue.create_schema(
            RegistryId={"RegistryName": name}, SchemaName="bench", DataFormat="JSON",
            Compatibility="NONE", SchemaDefinition=json.dumps(SCHEMA),
        )["SchemaArn"]  # fmt: skip
        table = {
            "TableBucketARN": server.client("s3tables").create_table_bucket(name=name)["arn"],
            "Namespace": "bench", "TableName": "bench", "CompressionType": "ZSTD",
            "PartitionSpec": {"PartitionFields": [{"Transform": "TIME_HOUR", "SourceName": "at"}]},
        }  # fmt: skip
        destination = {
            "S3TablesDestinationConfiguration": {
                "DeadLetterQueueS3Configuration": bucket,
                "S3TablesConfigurationList": [table],
            }
        }
    server.client("kinesis").create_channel(
        ChannelName=name,
        ServiceExecutionRoleARN=f"arn:aws:iam::{ACCOUNT_ID}:role/bench",
        StreamConfigurationList=[
            {
                "StreamARN": f"arn:aws:kinesis:{REGION}:{ACCOUNT_ID}:stream/{name}",
                "RecordConfiguration": record,
            }
        ],
        **destination,
    )


@contextmanager
def delivering_server(folder: Path, name: str) -> Iterator[DeliveringServer]:
    """A server until the end of the block."""
    port = free_port()
    command = [sys.executable, "-m", "headwater", "start", "--port", str(port), "--test-clock",
               "--transition-ms", str(TRANSITION_S * 1000), "--log-level", "error"]  # fmt: skip
    with started(command, port, folder / name) as process:
        yield DeliveringServer(process)


class MemoryPeak:
    """The most that a server has of anonymous memory while the block runs, in MiB."""

    EVERY_S = 0.2

    def __init__(self, process: ServerProcess) -> None:
        self._process = process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.mib = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(self.EVERY_S):
            self.mib = max(self.mib, self._process.memory().anonymous_mib)
