"""What tests of operations do with streams again and again, in one word each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HASH_KEY_MAX = 2**128 - 1
HALF = 2**127
DAY_MS = 86_400_000


def another_account(account_id: str) -> str:
    """An account that no other test has either."""
    return str(int(account_id) + 100_000_000_000)


def shard_id(index: int) -> str:
    """The id of the shard with this index."""
    return f"shardId-{index:012d}"


def summary(kinesis: Any, name: str = "orders") -> dict[str, Any]:
    """What DescribeStreamSummary says."""
    described: dict[str, Any] = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return described


def status(kinesis: Any, name: str = "orders") -> str:
    """The stream's status."""
    return str(summary(kinesis, name)["StreamStatus"])


def shards(kinesis: Any, name: str = "orders") -> list[dict[str, Any]]:
    """Every listed shard."""
    listed: list[dict[str, Any]] = kinesis.list_shards(StreamName=name)["Shards"]
    return listed


def open_shards(kinesis: Any, name: str = "orders") -> list[dict[str, Any]]:
    """The shards that take records, in the order of their hash keys."""
    listed = [
        shard for shard in shards(kinesis, name) if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    ]
    return sorted(listed, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))


def hash_range(shard: dict[str, Any]) -> tuple[int, int]:
    """The first and the last hash key of a shard."""
    keys = shard["HashKeyRange"]
    return int(keys["StartingHashKey"]), int(keys["EndingHashKey"])


def create(kinesis: Any, settle: Callable[[], None], shard_count: int = 1, name: str = "orders") -> str:
    """An ACTIVE provisioned stream; its ARN."""
    kinesis.create_stream(StreamName=name, ShardCount=shard_count)
    settle()
    return str(summary(kinesis, name)["StreamARN"])


def create_on_demand(kinesis: Any, settle: Callable[[], None], name: str = "orders", **members: Any) -> str:
    """An ACTIVE on-demand stream; its ARN."""
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"}, **members)
    settle()
    return str(summary(kinesis, name)["StreamARN"])


def finish(kinesis: Any, settle: Callable[[], None]) -> None:
    """Let the transition of `orders` end, and now: a later call would find it ended later."""
    settle()
    assert status(kinesis) == "ACTIVE"


def split(kinesis: Any, settle: Callable[[], None], index: int, hash_key: int) -> None:
    """Split a shard of `orders`, to the end."""
    kinesis.split_shard(StreamName="orders", ShardToSplit=shard_id(index), NewStartingHashKey=str(hash_key))
    finish(kinesis, settle)


def merge(kinesis: Any, settle: Callable[[], None], index: int, adjacent_index: int) -> None:
    """Merge two shards of `orders`, to the end."""
    kinesis.merge_shards(
        StreamName="orders",
        ShardToMerge=shard_id(index),
        AdjacentShardToMerge=shard_id(adjacent_index),
    )
    finish(kinesis, settle)


def commit_throughput(kinesis: Any) -> None:
    """Enable the account's throughput commitment, which warm throughput needs."""
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})


def put(kinesis: Any, data: bytes, hash_key: int = 0, name: str = "orders") -> dict[str, Any]:
    """Store a record in the shard that holds the hash key."""
    placed: dict[str, Any] = kinesis.put_record(
        StreamName=name, Data=data, PartitionKey="key", ExplicitHashKey=str(hash_key)
    )
    return placed


def iterator(
    kinesis: Any, index: int = 0, iterator_type: str = "TRIM_HORIZON", name: str = "orders", **start: Any
) -> str:
    """An iterator of one shard."""
    answer = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard_id(index), ShardIteratorType=iterator_type, **start
    )
    return str(answer["ShardIterator"])


def read(
    kinesis: Any, index: int = 0, iterator_type: str = "TRIM_HORIZON", name: str = "orders", **start: Any
) -> list[bytes]:
    """The data of one GetRecords call that starts there."""
    taken = iterator(kinesis, index, iterator_type, name, **start)
    return [record["Data"] for record in kinesis.get_records(ShardIterator=taken)["Records"]]
