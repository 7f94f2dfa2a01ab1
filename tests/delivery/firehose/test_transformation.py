"""Records that a function transforms, and those that it does not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.delivery.firehose.conftest import Bucket, Create, Deploy, Put, processing
from tests.neighbours.conftest import ClientOf

UPPER = """
import base64, json

def handler(event, context):
    records = []
    for record in event["records"]:
        data = base64.b64decode(record["data"])
        if data.startswith(b"drop"):
            result = {"recordId": record["recordId"], "result": "Dropped"}
        elif data.startswith(b"fail"):
            result = {"recordId": record["recordId"], "result": "ProcessingFailed", "data": record["data"]}
        else:
            done = base64.b64encode(data.upper()).decode()
            result = {"recordId": record["recordId"], "result": "Ok", "data": done}
        records.append(result)
    return {"records": records}
"""

ECHO = """
import base64, json

def handler(event, context):
    first, *others = event["records"]
    data = base64.b64encode(json.dumps(event).encode()).decode()
    return {
        "records": [
            {"recordId": first["recordId"], "result": "Ok", "data": data},
            *({"recordId": each["recordId"], "result": "Dropped"} for each in others),
        ]
    }
"""


TWICE = """
def handler(event, context):
    record = {"recordId": event["records"][0]["recordId"], "result": "Dropped"}
    return {"records": [record, record]}
"""


def by_function(arn: str, **parameters: str) -> dict[str, Any]:
    return processing(("Lambda", {"LambdaArn": arn, **parameters}))


def test_a_function_says_ok_dropped_or_failed_of_each_record(
    create: Create, put: Put, bucket: Bucket, deploy: Deploy
) -> None:
    arn = deploy(UPPER)
    name = create(
        Prefix="done/",
        ErrorOutputPrefix="errors/!{firehose:error-output-type}/",
        ProcessingConfiguration=by_function(arn),
    )
    put(name, b"one ", b"drop me", b"fail me", b"two")
    bucket.arrived(2)
    assert list(bucket.objects("done/").values()) == [b"ONE TWO"]
    ((key, body),) = bucket.objects("errors/").items()
    assert key.startswith(f"errors/processing-failed/{name}-1-")
    (line,) = body.splitlines()
    document = json.loads(line)
    assert base64.b64decode(document.pop("rawData")) == b"fail me"
    assert 0 < document.pop("arrivalTimestamp") <= document.pop("attemptEndingTimestamp")
    assert document == {
        "attemptsMade": 1,
        "errorCode": "Lambda.ProcessingFailedStatus",
        "errorMessage": "ProcessingFailed status set for record",
        "lambdaArn": arn,
    }


def test_a_function_gets_the_event_that_is_documented(
    create: Create, put: Put, bucket: Bucket, deploy: Deploy, client_of: ClientOf
) -> None:
    put(create(ProcessingConfiguration=by_function(deploy(ECHO))), b"data")
    (body,) = bucket.arrived().values()
    event = json.loads(body)
    assert set(event) == {"invocationId", "deliveryStreamArn", "region", "records"}
    assert event["region"] == "us-east-1"
    (record,) = event["records"]
    assert set(record) == {"recordId", "approximateArrivalTimestamp", "data"}
    assert base64.b64decode(record["data"]) == b"data"


def test_of_a_stream_it_also_gets_where_each_record_was(
    create: Create, bucket: Bucket, deploy: Deploy, client_of: ClientOf
) -> None:
    kinesis = client_of("kinesis")
    kinesis.create_stream(StreamName="transformed", ShardCount=1)
    source = kinesis.describe_stream_summary(StreamName="transformed")["StreamDescriptionSummary"][
        "StreamARN"
    ]
    create(source=source, ProcessingConfiguration=by_function(deploy(ECHO)))
    placed = kinesis.put_record(StreamName="transformed", Data=b"data", PartitionKey="key")
    (body,) = bucket.arrived().values()
    event = json.loads(body)
    assert event["sourceKinesisStreamArn"] == source
    metadata = event["records"][0]["kinesisRecordMetadata"]
    assert metadata.pop("approximateArrivalTimestamp") > 0
    assert metadata == {
        "sequenceNumber": placed["SequenceNumber"],
        "subsequenceNumber": 0,
        "partitionKey": "key",
        "shardId": "shardId-000000000000",
    }


@pytest.mark.parametrize(
    ("code", "said", "attempts"),
    [
        ("def handler(event, context): raise ValueError('no')", "Lambda.FunctionError", 3),
        ("def handler(event, context): return 'nothing'", "Lambda.JsonProcessingException", 1),
        ("def handler(event, context): return {'records': []}", "Lambda.MissingRecordId", 1),
        (TWICE, "Lambda.DuplicatedRecordId", 1),
    ],
)
def test_what_a_function_cannot_do_is_delivered_as_failed(
    create: Create, put: Put, bucket: Bucket, deploy: Deploy, code: str, said: str, attempts: int
) -> None:
    put(create(ProcessingConfiguration=by_function(deploy(code), NumberOfRetries="2")), b"a", b"b")
    ((key, body),) = bucket.arrived().items()
    assert key.startswith("processing-failed/20")
    documents = [json.loads(line) for line in body.splitlines()]
    assert [base64.b64decode(each["rawData"]) for each in documents] == [b"a", b"b"]
    assert {(each["errorCode"], each["attemptsMade"]) for each in documents} == {(said, attempts)}


def test_a_function_that_does_not_exist_is_named_in_the_failure(
    create: Create, put: Put, bucket: Bucket
) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:missing"
    put(create(ProcessingConfiguration=by_function(arn, NumberOfRetries="0")), b"a")
    (body,) = bucket.arrived().values()
    assert json.loads(body)["errorCode"] == "Lambda.ResourceNotFound"


def test_large_batches_reach_a_function_in_parts(
    create: Create, put: Put, bucket: Bucket, deploy: Deploy
) -> None:
    put(
        create(ProcessingConfiguration=by_function(deploy(ECHO), BufferSizeInMBs="0.2")),
        *[b"x" * 50_000] * 20,
    )
    (body,) = bucket.arrived().values()
    sizes = [
        sum(len(base64.b64decode(record["data"])) for record in json.loads(event)["records"])
        for event in body.replace(b'}{"invocationId"', b'}\n{"invocationId"').splitlines()
    ]
    assert sum(sizes) == 1_000_000
    assert len(sizes) == 5
    assert max(sizes) <= 0.2 * 1024 * 1024
