#!/usr/bin/env bash
# moto 5.2.5, Kinesis: after a split all records still go to the closed parent, and the children stay empty for ever.
#
# `SplitShard` closes the parent and makes two children, and `ListShards` shows it so: the parent has an ending sequence
# number, the children its hash keys. But a put looks for the first shard whose range has the hash key, closed or not,
# which is the parent. Its ending sequence number moves on with each put, and reading it never comes to an end (the
# next iterator is there, the list of child shards is not). So a test of resharding passes that ought to fail: a
# consumer that never looks at children gets all, and one that goes on to the children gets nothing. Kinesis's own
# documentation says that records which would have gone to the parent go to the children once it is closed.
#
# Seen: two puts after a split, one for each child: both in the parent, whose ending sequence number goes from 1 to 3;
# the children hold no record, and the parent's last answer has a next iterator and no child shards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'moto[kinesis]==5.2.5' 'boto3==1.43.11'
"$folder/venv/bin/python" - <<'PYTHON'
import boto3
from moto import mock_aws

PARENT, CHILDREN = "shardId-000000000000", ["shardId-000000000001", "shardId-000000000002"]
MIDDLE = 2**127

with mock_aws():
    client = boto3.client("kinesis", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.create_stream(StreamName="s", ShardCount=1)

    def put(hash_key: int) -> str:
        record = {"Data": b"1", "PartitionKey": "a", "ExplicitHashKey": str(hash_key)}
        return client.put_record(StreamName="s", **record)["ShardId"]

    def read(shard_id: str) -> dict:
        position = {"ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(StreamName="s", **position)["ShardIterator"]
        return client.get_records(ShardIterator=iterator)

    def end_of_parent() -> str:
        shards = client.list_shards(StreamName="s")["Shards"]
        assert [shard["ShardId"] for shard in shards] == [PARENT, *CHILDREN]
        return shards[0]["SequenceNumberRange"]["EndingSequenceNumber"]

    put(1)
    client.split_shard(StreamName="s", ShardToSplit=PARENT, NewStartingHashKey=str(MIDDLE))
    ended_at = end_of_parent()
    put_to = [put(1), put(MIDDLE)]
    last = read(PARENT)
    seen = {
        "put to": put_to,
        "ended at": (ended_at, end_of_parent()),
        "read": [len(read(shard_id)["Records"]) for shard_id in (PARENT, *CHILDREN)],
        "goes on": "NextShardIterator" in last,
        "children": "ChildShards" in last,
    }
print(seen)
assert seen == {
    "put to": [PARENT, PARENT],
    "ended at": ("1", "3"),
    "read": [3, 0, 0],
    "goes on": True,
    "children": False,
}, "it has changed"
PYTHON
