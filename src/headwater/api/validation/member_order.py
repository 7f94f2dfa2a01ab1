"""The order in which AWS looks at a structure's members, and so names their failures.

AWS reports in the hash order of its own request classes, which no model tells.
The tables hold what was observed; a member that is not in them comes after, in
the model's order, and so does every member of a structure that is not in them.
"""

from __future__ import annotations

from functools import cache

from headwater.api.validation.api_model import api_model

OBSERVED_MEMBERS: dict[str, tuple[str, ...]] = {
    "AddTagsToStreamInput": ("Tags", "StreamName"),
    "CreateStreamInput": ("ShardCount", "StreamName"),
    "DecreaseStreamRetentionPeriodInput": ("RetentionPeriodHours", "StreamName"),
    "DescribeStreamInput": ("Limit", "ExclusiveStartShardId", "StreamName"),
    "GetRecordsInput": ("Limit", "ShardIterator"),
    "GetShardIteratorInput": (
        "ShardId",
        "ShardIteratorType",
        "StartingSequenceNumber",
        "StreamName",
        "Timestamp",
    ),
    "IncreaseStreamRetentionPeriodInput": ("RetentionPeriodHours", "StreamName"),
    "ListShardsInput": (
        "ExclusiveStartShardId",
        "MaxResults",
        "NextToken",
        "StreamCreationTimestamp",
        "StreamName",
    ),
    "ListStreamsInput": ("Limit", "ExclusiveStartStreamName"),
    "ListTagsForStreamInput": ("Limit", "ExclusiveStartTagKey", "StreamName"),
    "MergeShardsInput": ("ShardToMerge", "AdjacentShardToMerge", "StreamName"),
    "PutRecordInput": ("SequenceNumberForOrdering", "PartitionKey", "ExplicitHashKey", "Data", "StreamName"),
    "PutRecordsInput": ("Records", "StreamName"),
    "PutRecordsRequestEntry": ("PartitionKey", "ExplicitHashKey", "Data"),
    "RemoveTagsFromStreamInput": ("TagKeys", "StreamName"),
    "SplitShardInput": ("NewStartingHashKey", "StreamName", "ShardToSplit"),
}

OBSERVED_ENUMS: dict[str, tuple[str, ...]] = {
    "ShardIteratorType": (
        "AFTER_SEQUENCE_NUMBER",
        "LATEST",
        "AT_TIMESTAMP",
        "AT_SEQUENCE_NUMBER",
        "TRIM_HORIZON",
    ),
}


@cache
def members_in_order(shape_name: str) -> tuple[tuple[str, str], ...]:
    """The structure's members and the names of their shapes, in AWS's order."""
    members = api_model().shapes[shape_name].members
    observed = OBSERVED_MEMBERS.get(shape_name, ())
    return tuple((name, members[name]) for name in dict.fromkeys((*observed, *members)))


@cache
def enum_in_order(shape_name: str) -> tuple[str, ...]:
    """The shape's enum values, in AWS's order."""
    enum = api_model().shapes[shape_name].enum
    return tuple(dict.fromkeys((*OBSERVED_ENUMS.get(shape_name, ()), *enum)))
