"""What the shop does, seen from outside: an order goes in, its confirmation comes out."""

import json
import time

import boto3

GIVE_UP_AFTER_S = 60


def confirmations(kinesis):
    """Each confirmation, as it comes."""
    kinesis.get_waiter("stream_exists").wait(StreamName="confirmations", WaiterConfig={"Delay": 1})
    (shard,) = kinesis.list_shards(StreamName="confirmations")["Shards"]
    place = kinesis.get_shard_iterator(
        StreamName="confirmations", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    give_up_at_s = time.monotonic() + GIVE_UP_AFTER_S
    while time.monotonic() < give_up_at_s:
        answer = kinesis.get_records(ShardIterator=place)
        place = answer["NextShardIterator"]
        for record in answer["Records"]:
            yield json.loads(record["Data"])
        time.sleep(0.05)


def test_an_order_is_confirmed():
    kinesis = boto3.client("kinesis")
    kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=json.dumps({"number": 7}).encode())
    assert {"customer": "alice", "confirmed": 7} in confirmations(kinesis)
