"""Read a stream to its present end with boto3 and aws-kinesis-agg; print each user record on a line.

Argument: the stream. A line is: the sequence number of the record that the user record came in, the
user record's partition key, and its text, separated by tabs.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from typing import Any

import boto3
from aws_kinesis_agg.deaggregator import iter_deaggregate_records


def main(stream_name: str) -> None:
    """Print every user record of every shard."""
    kinesis = boto3.client("kinesis")
    for shard in kinesis.list_shards(StreamName=stream_name)["Shards"]:
        records = read(kinesis, stream_name, shard["ShardId"])
        for record in iter_deaggregate_records(records, data_format="Boto3"):
            held = record["kinesis"]
            # What came in an aggregate is given in Base64, as Lambda does; the rest as it is.
            data = base64.b64decode(held["data"]) if held.get("aggregated") else held["data"]
            line = (held["sequenceNumber"], held["partitionKey"], data.decode())
            sys.stdout.write("\t".join(line) + "\n")


def read(kinesis: Any, stream_name: str, shard_id: str) -> Iterator[dict[str, Any]]:
    """The records of a shard."""
    iterator = kinesis.get_shard_iterator(
        StreamName=stream_name, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator)
        yield from page["Records"]
        at_end = not page["Records"] and page["MillisBehindLatest"] == 0
        iterator = None if at_end else page.get("NextShardIterator")


if __name__ == "__main__":
    main(sys.argv[1])
