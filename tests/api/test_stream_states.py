"""What may be done with a stream that is CREATING, UPDATING or DELETING."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import NOT_ACTIVE, absent, busy, put_in_state, refusal
from tests.api.streams import HALF, iterator, put, read, shard_id, status

CONTROL_CALLS: dict[str, dict[str, Any]] = {
    "merge_shards": {"ShardToMerge": shard_id(0), "AdjacentShardToMerge": shard_id(1)},
    "split_shard": {"ShardToSplit": shard_id(0), "NewStartingHashKey": str(HALF // 2)},
    "update_max_record_size": {"MaxRecordSizeInKiB": 4096},
    "update_shard_count": {"TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"},
    "update_stream_mode": {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
    "update_stream_record_distribution_strategy": {"RecordDistributionStrategy": "USER_PARTITION_KEY"},
    "update_stream_warm_throughput": {"WarmThroughputMiBps": 8},
}
PUTS: dict[str, dict[str, Any]] = {
    "put_record": {"Data": b"data", "PartitionKey": "key"},
    "put_records": {"Records": [{"Data": b"data", "PartitionKey": "key"}]},
}


@pytest.mark.parametrize("method", CONTROL_CALLS)
@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_only_an_active_stream_can_be_changed(
    kinesis: Any, settle: Callable[[], None], account_id: str, method: str, state: str
) -> None:
    arn = put_in_state(kinesis, settle, state)
    assert refusal(getattr(kinesis, method), StreamARN=arn, **CONTROL_CALLS[method]) == busy(
        state, account_id
    )
    assert status(kinesis) == state


@pytest.mark.parametrize("method", PUTS)
@pytest.mark.parametrize("state", ["CREATING", "DELETING"])
def test_records_cannot_be_put_before_and_after_a_streams_life(
    kinesis: Any, settle: Callable[[], None], account_id: str, method: str, state: str
) -> None:
    put_in_state(kinesis, settle, state)
    assert refusal(getattr(kinesis, method), StreamName="orders", **PUTS[method]) == absent(
        "orders", account_id
    )


@pytest.mark.parametrize("state", ["CREATING", "DELETING"])
def test_no_iterator_is_given_before_and_after_a_streams_life(
    kinesis: Any, settle: Callable[[], None], account_id: str, state: str
) -> None:
    put_in_state(kinesis, settle, state)
    assert refusal(
        kinesis.get_shard_iterator, StreamName="orders", ShardId=shard_id(0), ShardIteratorType="LATEST"
    ) == (
        "ResourceNotFoundException",
        f"Shard {shard_id(0)} in stream orders under account {account_id} does not exist",
    )


def test_a_stream_that_is_being_deleted_is_not_read(kinesis: Any, account_id: str, stream_arn: str) -> None:
    taken = iterator(kinesis)
    kinesis.delete_stream(StreamName="orders")
    assert refusal(kinesis.get_records, ShardIterator=taken) == (
        "ResourceNotFoundException",
        f"Shard {shard_id(0)} in stream orders under account {account_id} does not exist",
    )


def test_reads_and_writes_go_on_while_updating(kinesis: Any, settle: Callable[[], None]) -> None:
    put_in_state(kinesis, settle, "UPDATING")
    put(kinesis, b"one")
    kinesis.put_records(
        StreamName="orders", Records=[{"Data": b"two", "PartitionKey": "key", "ExplicitHashKey": "0"}]
    )
    assert read(kinesis) == [b"one", b"two"]
    assert status(kinesis) == "UPDATING"
