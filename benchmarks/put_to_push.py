"""From put to push: how long a record takes from its put until a subscriber has it.

    python benchmarks/put_to_push.py                        # boto3, 1,000 records a second for 20 s
    python benchmarks/put_to_push.py --client javascript    # needs `npm ci` in tests/clients/javascript
    python benchmarks/put_to_push.py --client sockets       # no SDK: what the server itself takes
    python benchmarks/put_to_push.py --batch 1              # PutRecord instead of PutRecords

Starts a server of its own, unless `--endpoint-url` names one. One process puts, another is
subscribed to the stream's one shard with enhanced fan-out; both use the SDK with its default
settings. The clock begins before the SDK's put is called (without an SDK: before the request is
written), and stops when the subscriber's code has the event. Both ends read the machine's
monotonic clock; the writer's time is in the record.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

HERE = Path(__file__).resolve().parent
SHARD = "shardId-000000000000"
RECORD_BYTES = 100
WARM_UP_S = 2.0
"""Records of the first seconds are not counted: connections and caches are new."""

CLIENTS = {
    "boto3": [sys.executable, __file__],
    "javascript": ["node", str(HERE / "put_to_push.mjs")],
    "sockets": [sys.executable, "-m", "benchmarks.put_to_push_sockets"],
}
"""What runs each client: with `write …` it puts, with `read …` it is subscribed."""


def write(stream: str, rate: int, batch: int, records: int) -> None:
    """Put records at a steady rate; the first bytes of each are the time of its put."""
    kinesis = boto3.client("kinesis")
    begin = time.monotonic()
    for sent in range(0, records, batch):
        time.sleep(max(0.0, begin + sent / rate - time.monotonic()))
        data = time.monotonic_ns().to_bytes(8, "little").ljust(RECORD_BYTES, b"\0")
        if batch == 1:
            kinesis.put_record(StreamName=stream, PartitionKey="key", Data=data)
        else:
            entries = [{"PartitionKey": "key", "Data": data}] * batch
            kinesis.put_records(StreamName=stream, Records=entries)
    print(records / (time.monotonic() - begin))


def read(consumer_arn: str, records: int) -> None:
    """Say when subscribed; then print the milliseconds that each record took."""
    kinesis = boto3.client("kinesis")
    answer = kinesis.subscribe_to_shard(
        ConsumerARN=consumer_arn, ShardId=SHARD, StartingPosition={"Type": "LATEST"}
    )
    took_ms: list[float] = []
    for event in answer["EventStream"]:
        now_ns = time.monotonic_ns()
        pushed = event["SubscribeToShardEvent"]["Records"]
        took_ms += [(now_ns - int.from_bytes(record["Data"][:8], "little")) / 1e6 for record in pushed]
        if not took_ms:
            print("subscribed", flush=True)
        if len(took_ms) >= records:
            break
    print(json.dumps(took_ms))


@contextmanager
def started_server() -> Iterator[str]:
    """A server as it starts by default, on a free port; its address."""
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "headwater", "start", "--port", "0", "--log-level", "warning"]
        with subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process:
            try:
                yield address_in(log)
            finally:
                process.terminate()


def address_in(log: Any) -> str:
    """The address that a server has printed."""
    for _ in range(500):
        log.seek(0)
        found = re.search(rb"http://[\w.:]+", log.read())
        if found:
            return found[0].decode()
        time.sleep(0.02)
    raise RuntimeError("the server did not start")


def measure(command: list[str], rate: int, batch: int, seconds: int) -> tuple[float, list[float]]:
    """The rate that was reached, and the milliseconds that the records took, in their order."""
    kinesis = boto3.client("kinesis")
    stream, records = "put-to-push", rate * seconds
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    while summary_of(kinesis, stream)["StreamStatus"] != "ACTIVE":
        time.sleep(0.05)
    consumer = kinesis.register_stream_consumer(
        StreamARN=summary_of(kinesis, stream)["StreamARN"], ConsumerName="reader"
    )["Consumer"]
    time.sleep(1)  # until the consumer is ACTIVE
    try:
        reader = [*command, "read", consumer["ConsumerARN"], str(records)]
        with subprocess.Popen(reader, stdout=subprocess.PIPE, text=True) as subscribed:
            assert subscribed.stdout is not None
            assert subscribed.stdout.readline() == "subscribed\n"
            writer = [*command, "write", stream, str(rate), str(batch), str(records)]
            wrote = subprocess.run(writer, stdout=subprocess.PIPE, text=True, check=True)
            return float(wrote.stdout), json.loads(subscribed.stdout.read())
    finally:
        kinesis.delete_stream(StreamName=stream, EnforceConsumerDeletion=True)


def summary_of(kinesis: Any, stream: str) -> dict[str, Any]:
    """What DescribeStreamSummary tells."""
    summary: dict[str, Any] = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    return summary


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description="From put to push: median and 99th percentile.")
    parser.add_argument("--client", choices=CLIENTS, default="boto3")
    parser.add_argument("--endpoint-url", help="measure this server instead of one started here")
    parser.add_argument("--rate", type=int, default=1000, help="records a second")
    parser.add_argument("--batch", type=int, default=10, help="records a call")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print the figures for a program to read")
    options = parser.parse_args()

    os.environ |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    if options.endpoint_url:
        os.environ["AWS_ENDPOINT_URL_KINESIS"] = options.endpoint_url
        result = measure(CLIENTS[options.client], options.rate, options.batch, options.seconds)
    else:
        with started_server() as endpoint_url:
            os.environ["AWS_ENDPOINT_URL_KINESIS"] = endpoint_url
            result = measure(CLIENTS[options.client], options.rate, options.batch, options.seconds)
    rate, took_ms = result
    counted = sorted(took_ms[int(WARM_UP_S * options.rate) :])
    percentiles = statistics.quantiles(counted, n=100)
    if options.json:
        print(json.dumps({"records_s": rate, "ms_p50": percentiles[49], "ms_p99": percentiles[98]}))
        return
    print(
        f"{options.client}: {rate:.0f} records/s, {options.batch} a call, {len(counted)} records: "
        f"median {percentiles[49]:.2f} ms, p99 {percentiles[98]:.2f} ms, most {counted[-1]:.2f} ms"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(sys.argv[2], *map(int, sys.argv[3:]))
    elif sys.argv[1:2] == ["read"]:
        read(sys.argv[2], int(sys.argv[3]))
    else:
        main()
