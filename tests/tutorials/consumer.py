"""The consumer of the same tutorial: it reads five records at a time, until it has read 25."""

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

description = kinesis.describe_stream(StreamName=stream_name)["StreamDescription"]
iterator = kinesis.get_shard_iterator(
    StreamName=stream_name,
    ShardId=description["Shards"][0]["ShardId"],
    ShardIteratorType="TRIM_HORIZON",
)["ShardIterator"]

count = 0
while count < 25:
    response = kinesis.get_records(ShardIterator=iterator, Limit=5)
    iterator = response["NextShardIterator"]
    count += len(response["Records"])
    print(json.dumps([json.loads(record["Data"]) for record in response["Records"]]))
