"""What is sent to an on-failure destination when records are given up.

A queue, a topic and a stream get a document that says which records they were and why;
a bucket gets, in the same document, the event too, as text that is JSON itself.

Rules, as Lambda was seen to have them:
- records that were too old are given up instead of an attempt: that attempt is counted, and
  there is no response to tell of, not even of an attempt before it;
- the count of attempts is otherwise that of invocations that reached the function.

The source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from headwater.lambda_.functions.destination import DestinationMessage
from headwater.lambda_.functions.invocation import InvocationResult
from headwater.lambda_.mappings.failure_policy import Condition
from headwater.lambda_.mappings.mapping import Mapping


class Discarded(NamedTuple):
    """Records that are given up, and what is known of the attempts."""

    condition: Condition
    shard_id: str
    stream_arn: str
    first_sequence_number: str
    last_sequence_number: str
    first_arrival_ms: int
    last_arrival_ms: int
    batch_size: int
    invocations: int
    """The invocations that reached the function."""
    result: InvocationResult | None
    """The result of the last invocation, if one reached the function; never with `RecordAgeExceeded`."""
    event: bytes
    """The event that the function got, or would have got."""


def write_message(
    mapping: Mapping, discarded: Discarded, now_ms: int, random_uuid: str
) -> DestinationMessage:
    """The message about discarded records, for the mapping's destination. There must be one."""
    arn = mapping.on_failure_arn or ""
    result = discarded.result
    document: dict[str, Any] = {
        "requestContext": {
            "requestId": result.request_id if result else random_uuid,
            "functionArn": mapping.function_arn,
            "condition": discarded.condition,
            "approximateInvokeCount": discarded.invocations + (discarded.condition == "RecordAgeExceeded"),
        }
    }
    if result is not None:
        document["responseContext"] = {
            "statusCode": result.status,
            "executedVersion": result.executed_version,
            "functionError": result.function_error,
        }
    document |= {
        "version": "1.0",
        "timestamp": _iso_time(now_ms),
        "KinesisBatchInfo": {
            "shardId": discarded.shard_id,
            "startSequenceNumber": discarded.first_sequence_number,
            "endSequenceNumber": discarded.last_sequence_number,
            "approximateArrivalOfFirstRecord": _iso_time(discarded.first_arrival_ms),
            "approximateArrivalOfLastRecord": _iso_time(discarded.last_arrival_ms),
            "batchSize": discarded.batch_size,
            "streamArn": discarded.stream_arn,
        },
    }
    if arn.split(":")[2] == "s3":
        document["payload"] = discarded.event.decode()
    return DestinationMessage(
        destination_arn=arn,
        body=msgspec.json.encode(document),
        object_key=_object_key(mapping.uuid, discarded.shard_id, now_ms, random_uuid),
        partition_key=discarded.shard_id,
    )


def _object_key(uuid: str, shard_id: str, now_ms: int, random_uuid: str) -> str:
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"aws/lambda/{uuid}/{shard_id}/{moment:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{random_uuid}"


def _iso_time(time_ms: int) -> str:
    """A moment as Java prints one: without a fraction when it is a whole second."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    timespec = "milliseconds" if time_ms % 1000 else "seconds"
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")
