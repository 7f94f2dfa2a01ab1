"""The producer of a tutorial for a Kinesis on this machine: a stream, and 25 JSON records."""

from __future__ import annotations

import json
import sys

import boto3

endpoint_url, stream_name = sys.argv[1:]
kinesis = boto3.client(
    "kinesis",
    endpoint_url=endpoint_url,
    region_name="us-east-1",
    aws_access_key_id="",
    aws_secret_access_key="",
)

kinesis.create_stream(StreamName=stream_name, ShardCount=1)
kinesis.get_waiter("stream_exists").wait(StreamName=stream_name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})

for number in range(25):
    reading = {"id": number, "sensor": f"sensor-{number % 3}", "temperature": 20 + number / 10, "unit": "°C"}
    placed = kinesis.put_record(
        StreamName=stream_name, Data=json.dumps(reading), PartitionKey=reading["sensor"]
    )
    print(placed["SequenceNumber"])
