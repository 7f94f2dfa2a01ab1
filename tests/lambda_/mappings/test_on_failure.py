"""What an on-failure destination is told, as Lambda's documentation shows it."""

from __future__ import annotations

import json

from headwater.lambda_.mappings.on_failure import Discarded, write_message
from tests.lambda_.written_records import FUNCTION_ARN, STREAM_ARN, mapping, result

NOW_MS = 1_573_691_886_021
RANDOM = "6a1b3c9e-0f5d-4a58-9d0b-1f0a8b4d3c21"
DISCARDED = Discarded(
    condition="RetryAttemptsExhausted",
    shard_id="shardId-000000000001",
    stream_arn=STREAM_ARN,
    first_sequence_number="49601189658422359378836298521827638475320189012309704722",
    last_sequence_number="49601189658422359378836298522902373528957594348623495186",
    first_arrival_ms=1_573_691_884_835,
    last_arrival_ms=1_573_691_885_580,
    batch_size=500,
    invocations=1,
    result=result(b"{}", "Unhandled"),
    event=b'{"Records":[]}',
)
EXPECTED = {
    "requestContext": {
        "requestId": "c9b8fa9f-5a7f-4e02-af9c-0c604cde93a5",
        "functionArn": FUNCTION_ARN,
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 1,
    },
    "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    "version": "1.0",
    "timestamp": "2019-11-14T00:38:06.021Z",
    "KinesisBatchInfo": {
        "shardId": "shardId-000000000001",
        "startSequenceNumber": "49601189658422359378836298521827638475320189012309704722",
        "endSequenceNumber": "49601189658422359378836298522902373528957594348623495186",
        "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
        "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
        "batchSize": 500,
        "streamArn": STREAM_ARN,
    },
}


def document_for(arn: str, discarded: Discarded = DISCARDED) -> dict[str, object]:
    message = write_message(mapping(on_failure_arn=arn), discarded, NOW_MS, RANDOM)
    assert message.destination_arn == arn
    document: dict[str, object] = json.loads(message.body)
    return document


def test_queues_topics_and_streams_are_told_which_records_and_why() -> None:
    for service in ("sqs", "sns", "kinesis"):
        assert document_for(f"arn:aws:{service}:us-east-2:123456789012:there") == EXPECTED


def test_a_bucket_gets_the_event_too_under_a_key_of_its_own() -> None:
    arn = "arn:aws:s3:::failures"
    assert document_for(arn) == EXPECTED | {"payload": '{"Records":[]}'}
    message = write_message(mapping(on_failure_arn=arn), DISCARDED, NOW_MS, RANDOM)
    folder = f"aws/lambda/{mapping().uuid}/shardId-000000000001/2019/11/14"
    assert message.object_key == f"{folder}/2019-11-14T00.38.06-{RANDOM}"


def test_whole_seconds_have_no_fraction() -> None:
    discarded = DISCARDED._replace(first_arrival_ms=1_573_691_884_000)
    batch = document_for("arn:aws:sqs:us-east-2:123456789012:queue", discarded)["KinesisBatchInfo"]
    assert isinstance(batch, dict)
    assert batch["approximateArrivalOfFirstRecord"] == "2019-11-14T00:38:04Z"


def test_records_that_are_too_old_have_no_response_and_count_the_attempt_that_was_not_made() -> None:
    discarded = DISCARDED._replace(condition="RecordAgeExceeded", result=None, invocations=0)
    document = document_for("arn:aws:sqs:us-east-2:123456789012:queue", discarded)
    assert "responseContext" not in document
    assert document["requestContext"] == {
        "requestId": RANDOM,
        "functionArn": FUNCTION_ARN,
        "condition": "RecordAgeExceeded",
        "approximateInvokeCount": 1,
    }


def test_a_batch_whose_function_named_the_failures_has_no_function_error() -> None:
    discarded = DISCARDED._replace(result=result(b"{}"))
    document = document_for("arn:aws:sqs:us-east-2:123456789012:queue", discarded)
    assert document["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": None,
    }
