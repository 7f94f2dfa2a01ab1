#!/usr/bin/env bash
# moto 5.2.5, Kinesis: boto3's paginator loses every stream after the tenth, and a page of tags begins with a tag again.
#
# - `ListStreams` says `HasMoreStreams` and gives no `NextToken`, which is what boto3's paginator goes on by. Without it
#   the paginator ends, in silence: of 13 streams it gives 10 (Kinesis has pages of 100 and gives the token).
# - `ListTagsForStream` begins a page with the tag that `ExclusiveStartTagKey` names, where Kinesis begins behind it.
#   Each page begins with the last tag of the page before it, and with a limit of one there is never another.
# - `ListShards` gives all shards whatever `ExclusiveStartShardId` or `ShardFilter` say: closed shards with "AT_LATEST".
#
# Seen: 10 of 13 streams; "b" again behind "b"; a closed shard among the open ones, and the excluded one too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'moto[kinesis]==5.2.5' 'boto3==1.43.11'
"$folder/venv/bin/python" - <<'PYTHON'
import boto3
from moto import mock_aws

with mock_aws():
    client = boto3.client("kinesis", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    names = [f"stream-{number:02}" for number in range(13)]
    for name in names:
        client.create_stream(StreamName=name, ShardCount=1)
    pages = client.get_paginator("list_streams").paginate()
    listed = [name for page in pages for name in page["StreamNames"]]

    name = names[0]
    client.add_tags_to_stream(StreamName=name, Tags={"a": "1", "b": "2", "c": "3"})
    behind = client.list_tags_for_stream(StreamName=name, ExclusiveStartTagKey="b")["Tags"]

    first = client.list_shards(StreamName=name)["Shards"][0]["ShardId"]
    client.split_shard(StreamName=name, ShardToSplit=first, NewStartingHashKey=str(2**127))
    after = client.list_shards(StreamName=name, ExclusiveStartShardId=first)["Shards"]
    newest = client.list_shards(StreamName=name, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    seen = {
        "streams": (len(listed), len(names)),
        "tags behind b": [tag["Key"] for tag in behind],
        "first shard after itself": first in [shard["ShardId"] for shard in after],
        "closed shard at the latest": first in [shard["ShardId"] for shard in newest],
    }
print(seen)
assert seen == {
    "streams": (10, 13),
    "tags behind b": ["b", "c"],
    "first shard after itself": True,
    "closed shard at the latest": True,
}, "it has changed"
PYTHON
