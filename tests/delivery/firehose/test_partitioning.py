"""Dynamic partitioning: by JQ, by a function, and what has no keys."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.delivery.firehose.conftest import Bucket, Create, Deploy, Put, processing

PARTITIONED = {"Enabled": True, "RetryOptions": {"DurationInSeconds": 300}}
BY_QUERY = {"MetadataExtractionQuery": "{customer: .customer, day: .at[0:10]}", "JsonParsingEngine": "JQ-1.6"}


def partitioned(prefix: str, *processors: tuple[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "Prefix": prefix,
        "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
        "DynamicPartitioningConfiguration": PARTITIONED,
        "ProcessingConfiguration": processing(*processors),
    }


def test_records_are_grouped_by_what_jq_finds_in_them(create: Create, put: Put, bucket: Bucket) -> None:
    prefix = "c=!{partitionKeyFromQuery:customer}/d=!{partitionKeyFromQuery:day}/!{timestamp:yyyy}/"
    delimiter = ("AppendDelimiterToRecord", {"Delimiter": "\\n"})
    name = create(**partitioned(prefix, ("MetadataExtraction", BY_QUERY), delimiter))
    orders = [(1, "2024-01-01T00"), (2, "2024-01-01T01"), (1, "2024-01-01T02"), (1, "2024-01-02T00")]
    put(name, *[json.dumps({"customer": customer, "at": at}).encode() for customer, at in orders])
    found = bucket.arrived(3)
    grouped = {
        "/".join(key.split("/")[:2]): [json.loads(line)["at"] for line in body.splitlines()]
        for key, body in found.items()
    }
    assert grouped == {
        "c=1/d=2024-01-01": ["2024-01-01T00", "2024-01-01T02"],
        "c=1/d=2024-01-02": ["2024-01-02T00"],
        "c=2/d=2024-01-01": ["2024-01-01T01"],
    }
    assert all(f"/{name}-1-" in key for key in found)


def test_records_without_keys_are_failures(create: Create, put: Put, bucket: Bucket) -> None:
    query = {"MetadataExtractionQuery": "{customer: .customer}", "JsonParsingEngine": "JQ-1.6"}
    name = create(**partitioned("c=!{partitionKeyFromQuery:customer}/", ("MetadataExtraction", query)))
    put(name, b"no json", b'{"customer": null}', b'{"customer": ""}', b"[]", b'{"customer": "x"}')
    bucket.arrived(2)
    assert list(bucket.objects("c=x/").values()) == [b'{"customer": "x"}']
    (lines,) = bucket.objects("errors/processing-failed/").values()
    documents = [json.loads(line) for line in lines.splitlines()]
    assert {each["errorCode"] for each in documents} == {"DynamicPartitioning.MetadataExtractionFailed"}
    said = [(base64.b64decode(each["rawData"]), each["errorMessage"]) for each in documents]
    assert said[:3] == [
        (b"no json", "Non JSON record provided"),
        (b'{"customer": null}', "partitionKeys values must not be null or empty"),
        (b'{"customer": ""}', "partitionKeys values must not be null or empty"),
    ]
    assert said[3][0] == b"[]"


BY_FUNCTION = """
import base64, json

def handler(event, context):
    records = []
    for record in event["records"]:
        keys = {"kind": json.loads(base64.b64decode(record["data"]))["kind"]}
        records.append({
            "recordId": record["recordId"], "result": "Ok", "data": record["data"],
            "metadata": {"partitionKeys": keys},
        })
    return {"records": records}
"""


def test_a_function_may_say_the_keys_of_records_that_were_several_in_one(
    create: Create, put: Put, bucket: Bucket, deploy: Deploy
) -> None:
    several = ("RecordDeAggregation", {"SubRecordType": "JSON"})
    function = ("Lambda", {"LambdaArn": deploy(BY_FUNCTION)})
    name = create(**partitioned("k=!{partitionKeyFromLambda:kind}/", several, function))
    put(name, b'{"kind": "a", "n": 1} {"kind": "b"}\n{"kind": "a", "n": 2}')
    bucket.arrived(2)
    assert list(bucket.objects("k=a/").values()) == [b'{"kind": "a", "n": 1}{"kind": "a", "n": 2}']
    assert list(bucket.objects("k=b/").values()) == [b'{"kind": "b"}']
