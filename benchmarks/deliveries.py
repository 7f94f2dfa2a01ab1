"""What a channel costs: the server's CPU time with one, less its CPU time without.

    python -m benchmarks.deliveries [RECORDS]

Both servers are given the same records of 100 B. The clock of the one with a channel is moved on by the
freshness until everything is delivered. CPU time is not wall time, so other work on the machine changes it
little; the difference has the whole delivery in it: reading, gathering, compressing or Parquet, and the
neighbouring S3.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import boto3
from botocore.config import Config

from headwater.testing.admin_client import AdminClient
from headwater.testing.server_clock import ServerClock

ACCOUNT_ID, REGION = "000000000000", "us-east-1"
RECORDS = 1_000_000
BATCH = 500
DATA_BYTES = 100
SCHEMA = {
    "type": "object",
    "properties": {
        "at": {"type": "string", "format": "date-time"},
        "id": {"type": "integer"},
        "user": {"type": "string"},
        "page": {"type": "string"},
    },
}


class Started:
    """A server in a process of its own."""

    def __init__(self, log: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "headwater",
            "start",
            "--port",
            "0",
            "--test-clock",
            "--log-level",
            "error",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log.open("w"), text=True)
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        self.url = next(word.rstrip(".,") for word in words if word.startswith("http"))

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": ACCOUNT_ID, "aws_secret_access_key": "any", "region_name": REGION}
        return boto3.client(
            service, endpoint_url=self.url, config=Config(s3={"addressing_style": "path"}), **keys
        )

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


def records() -> list[dict[str, Any]]:
    """A batch's worth, as `put_records` takes them."""
    random = Random(7)
    made = []
    for number in range(BATCH):
        document = {
            "at": "2026-11-29T10:15:00Z",
            "id": random.getrandbits(32),
            "user": f"u{random.randrange(9_999)}",
            "page": f"/p/{random.randrange(999)}",
        }
        made.append({"Data": json.dumps(document).encode().ljust(DATA_BYTES), "PartitionKey": str(number)})
    return made


def cpu_of(kind: str, count: int, log: Path) -> float:
    """The CPU time of a server that is given the records, with a channel of this kind or none."""
    server = Started(log)
    try:
        kinesis = server.client("kinesis")
        kinesis.create_stream(StreamName="bench", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        kinesis.get_waiter("stream_exists").wait(StreamName="bench", WaiterConfig={"Delay": 1})
        server.client("s3").create_bucket(Bucket="bench")
        if kind:
            make_channel(server, kinesis, kind)
        before_s, batch = server.cpu_s(), records()
        for _ in range(count // BATCH):
            kinesis.put_records(StreamName="bench", Records=batch)
        if kind:
            deliver(server.url)
        return server.cpu_s() - before_s
    finally:
        server.stop()


def make_channel(server: Started, kinesis: Any, kind: str) -> None:
    arn = kinesis.describe_stream_summary(StreamName="bench")["StreamDescriptionSummary"]["StreamARN"]
    bucket = {"BucketARN": "arn:aws:s3:::bench", "ExpectedBucketOwner": ACCOUNT_ID}
    record = {"RecordFormatType": "JSON"}
    destination: dict[str, Any]
    if kind == "GZIP":
        storage = {**bucket, "CompressionType": kind}
        destination = {"S3DestinationConfiguration": {"StorageConfiguration": storage}}
    else:
        glue = server.client("glue")
        glue.create_registry(RegistryName="bench")
        record["GSRSchemaARN"] = glue.create_schema(
            RegistryId={"RegistryName": "bench"}, SchemaName="bench", DataFormat="JSON",
            Compatibility="NONE", SchemaDefinition=json.dumps(SCHEMA),
        )["SchemaArn"]  # fmt: skip
        table = {
            "TableBucketARN": server.client("s3tables").create_table_bucket(name="bench")["arn"],
            "Namespace": "bench", "TableName": "bench", "CompressionType": "ZSTD",
            "PartitionSpec": {"PartitionFields": [{"Transform": "TIME_HOUR", "SourceName": "at"}]},
        }  # fmt: skip
        destination = {
            "S3TablesDestinationConfiguration": {
                "DeadLetterQueueS3Configuration": bucket,
                "S3TablesConfigurationList": [table],
            }
        }
    channel = kinesis.create_channel(
        ChannelName="bench",
        ServiceExecutionRoleARN=f"arn:aws:iam::{ACCOUNT_ID}:role/bench",
        StreamConfigurationList=[{"StreamARN": arn, "RecordConfiguration": record}],
        **destination,
    )["ChannelDescription"]
    waiter = kinesis.get_waiter("channel_active")
    waiter.wait(ChannelARN=channel["ChannelARN"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def deliver(url: str) -> None:
    """Let the freshness pass until nothing is left."""
    admin = AdminClient(url)
    while admin.get("deliveries")["deliveries"][0].get("records_behind", 1):
        ServerClock(admin).advance(seconds=301)
        time.sleep(0.5)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        without_s = cpu_of("", count, log)
        for kind in ("GZIP", "table"):
            cost_s = cpu_of(kind, count, log) - without_s
            print(f"{kind}: {count / cost_s:,.0f} records of {DATA_BYTES} B a second of CPU")


if __name__ == "__main__":
    main()
