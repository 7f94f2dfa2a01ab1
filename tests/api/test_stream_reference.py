"""How every operation that takes a StreamName or a StreamARN understands them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.api.operation import OPERATIONS
from headwater.api.validation.api_model import api_model
from tests.api.refusals import MISNAMED, NAMED, Reference, absent, refusal
from tests.api.streams import HALF, shard_id
from tests.tables import each

CALLS: dict[str, dict[str, Any]] = {
    "AddTagsToStream": {"Tags": {"team": "blue"}},
    "DecreaseStreamRetentionPeriod": {"RetentionPeriodHours": 24},
    "DeleteStream": {},
    "DescribeStream": {},
    "DescribeStreamSummary": {},
    "DisableEnhancedMonitoring": {"ShardLevelMetrics": ["ALL"]},
    "EnableEnhancedMonitoring": {"ShardLevelMetrics": ["ALL"]},
    "GetShardIterator": {"ShardId": shard_id(0), "ShardIteratorType": "LATEST"},
    "IncreaseStreamRetentionPeriod": {"RetentionPeriodHours": 48},
    "ListShards": {},
    "ListTagsForStream": {},
    "MergeShards": {"ShardToMerge": shard_id(0), "AdjacentShardToMerge": shard_id(1)},
    "PutRecord": {"Data": b"data", "PartitionKey": "key"},
    "PutRecords": {"Records": [{"Data": b"data", "PartitionKey": "key"}]},
    "RemoveTagsFromStream": {"TagKeys": ["team"]},
    "SplitShard": {"ShardToSplit": shard_id(0), "NewStartingHashKey": str(HALF // 2)},
    "StartStreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    "StopStreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    "UpdateShardCount": {"TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"},
    "UpdateStreamWarmThroughput": {"WarmThroughputMiBps": 8},
}
"""For each operation, the members that it needs besides, for a stream of two shards."""

ON_DEMAND_ONLY = {"UpdateStreamWarmThroughput"}


def method_of(kinesis: Any, operation_name: str) -> Callable[..., Any]:
    """The operation with all that it needs, but what names the stream."""
    names = {name: method for method, name in kinesis.meta.method_to_api_mapping.items()}
    method = getattr(kinesis, names[operation_name])
    return lambda **named: method(**CALLS[operation_name], **named)


def worded_for(operation_name: str, expected: tuple[str, str], account_id: str) -> tuple[str, str]:
    """Two operations have words of their own for some refusals."""
    if operation_name == "ListShards" and "Value null" in expected[1]:
        return "InvalidArgumentException", "Either NextToken or StreamName should be provided."
    for name in ("invoices", "orders-not"):
        if operation_name == "GetShardIterator" and expected[1].startswith(f"Stream {name} under"):
            text = f"Shard {shard_id(0)} in stream {name} under account {account_id} does not exist"
            return expected[0], text
    return expected


def test_the_table_has_every_such_operation() -> None:
    model = api_model()
    offered = [operation.name for operation in OPERATIONS.values() if operation.handler]
    members = {name: model.shapes[model.input_shape_name(name)].members for name in offered}
    assert [name for name in offered if {"StreamName", "StreamARN"} <= members[name].keys()] == list(CALLS)


@pytest.mark.parametrize("operation_name", [name for name in CALLS if name not in ON_DEMAND_ONLY])
@pytest.mark.parametrize("named", NAMED)
def test_a_stream_is_named_by_name_by_arn_or_by_both(
    kinesis: Any, stream_arn: str, operation_name: str, named: Reference
) -> None:
    assert method_of(kinesis, operation_name)(**named(stream_arn))


@each(("misnamed", "expected"), MISNAMED)
@each("operation_name", CALLS)
def test_a_stream_that_is_not_named_well_is_refused(
    kinesis: Any,
    stream_arn: str,
    account_id: str,
    operation_name: str,
    misnamed: Reference,
    expected: Callable[[str], tuple[str, str]],
) -> None:
    assert refusal(method_of(kinesis, operation_name), **misnamed(stream_arn)) == worded_for(
        operation_name, expected(stream_arn), account_id
    )


def test_the_arn_of_another_account_with_streams_is_that_of_no_stream(
    kinesis: Any, client_of: Callable[..., Any], account_id: str
) -> None:
    neighbour_id = f"{int(account_id) + 500_000_000_000:012d}"
    client_of(neighbour_id).create_stream(StreamName="theirs", ShardCount=1)
    arn = f"arn:aws:kinesis:eu-west-1:{neighbour_id}:stream/theirs"
    assert refusal(kinesis.describe_stream, StreamARN=arn) == absent("theirs", neighbour_id)
    assert refusal(kinesis.get_resource_policy, ResourceARN=arn) == absent("theirs", neighbour_id)
