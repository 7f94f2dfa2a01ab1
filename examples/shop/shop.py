"""A shop: it reads orders from the stream `orders`, and puts a confirmation for each into `confirmations`."""

import json
import time
from contextlib import suppress

import boto3

PAUSE_S = 0.2


def main() -> None:
    """Confirm orders until the program is stopped."""
    kinesis = boto3.client("kinesis")
    with suppress(kinesis.exceptions.ResourceInUseException):  # it is there already
        kinesis.create_stream(StreamName="confirmations", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="confirmations", WaiterConfig={"Delay": 1})
    shards = [shard["ShardId"] for shard in kinesis.list_shards(StreamName="orders")["Shards"]]
    iterators = [
        kinesis.get_shard_iterator(StreamName="orders", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        for shard in shards
    ]
    places = [iterator["ShardIterator"] for iterator in iterators]
    while True:
        for number, place in enumerate(places):
            answer = kinesis.get_records(ShardIterator=place)
            places[number] = answer["NextShardIterator"]
            for record in answer["Records"]:
                confirm(kinesis, record)
        time.sleep(PAUSE_S)


def confirm(kinesis, record) -> None:
    """Put a confirmation of an order, under its customer."""
    customer, order = record["PartitionKey"], json.loads(record["Data"])
    text = json.dumps({"customer": customer, "confirmed": order["number"]})
    kinesis.put_record(StreamName="confirmations", PartitionKey=customer, Data=text.encode())


if __name__ == "__main__":
    main()
