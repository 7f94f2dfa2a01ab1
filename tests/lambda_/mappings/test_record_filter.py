"""Filters on records: on their data as JSON and as text, and on what stands beside it."""

from __future__ import annotations

import json
from typing import Any

from headwater.lambda_.mappings.kinesis_event import RecordWriter, StreamRecord
from headwater.lambda_.mappings.record_filter import RecordFilter
from tests.lambda_.written_records import mapping
from tests.tables import each

WRITER = RecordWriter(mapping(), "shardId-000000000006", "arn:aws:iam::123456789012:role/lambda-role")


def admits(patterns: list[dict[str, Any]], data: bytes, key: str = "key") -> bool:
    record = StreamRecord(0, "495", 1_545_084_650_987, key, data)
    return RecordFilter([json.dumps(pattern) for pattern in patterns]).admits(WRITER.document(record), data)


@each(
    ("pattern", "data", "expected"),
    [
        # an object at `data` wants a JSON object
        ({"data": {"city": ["Berlin"]}}, b'{"city": "Berlin"}', True),
        ({"data": {"city": ["Berlin"]}}, b'{"city": "Paris"}', False),
        ({"data": {"city": ["Berlin"]}}, b"Berlin", False),
        ({"data": {"city": ["Berlin"]}}, b'"Berlin"', False),
        ({"data": {"city": ["Berlin"]}}, b"\xff\xfe", False),
        ({"data": {"city": [{"exists": False}]}}, b'{"town": 1}', True),
        ({"data": {"city": [{"exists": False}]}}, b"no JSON", False),
        ({"data": {"city": ["x"]}}, b"[" * 100_000, False),
        # a list wants text
        ({"data": ["hello"]}, b"hello", True),
        ({"data": [{"prefix": "ERROR"}]}, b"ERROR: disk full", True),
        ({"data": [{"prefix": "ERROR"}]}, b"INFO: fine", False),
        ({"data": [{"wildcard": '*"city"*'}]}, b'{"city": "Berlin"}', True),
        ({"data": [{"anything-but": "x"}]}, b"\xff\xfe", False),
        # without `data`, only the rest counts
        ({"partitionKey": ["key"]}, b"\xff\xfe", True),
        ({"partitionKey": ["other"]}, b"{}", False),
        ({"partitionKey": [{"prefix": "k"}], "data": {"a": [1]}}, b'{"a": 1}', True),
        ({"partitionKey": [{"prefix": "x"}], "data": {"a": [1]}}, b'{"a": 1}', False),
        ({"sequenceNumber": [{"prefix": "49"}]}, b"", True),
        ({"approximateArrivalTimestamp": [{"numeric": [">", 1_545_084_650]}]}, b"", True),
        ({"kinesisSchemaVersion": ["1.0"]}, b"", True),
        ({"eventSource": ["aws:kinesis"], "awsRegion": ["us-east-2"]}, b"", True),
        ({"eventName": ["other"]}, b"", False),
        # alternatives
        ({"$or": [{"data": {"a": [1]}}, {"partitionKey": ["key"]}]}, b"no JSON", True),
        ({"$or": [{"data": {"a": [1]}}, {"partitionKey": ["other"]}]}, b'{"a": 1}', True),
        ({"$or": [{"data": {"a": [1]}}, {"partitionKey": ["other"]}]}, b"no JSON", False),
    ],
)
def test_a_filter_sees_the_record_and_its_decoded_data(
    pattern: dict[str, Any], data: bytes, expected: bool
) -> None:
    assert admits([pattern], data) is expected


def test_one_of_several_filters_is_enough() -> None:
    patterns: list[dict[str, Any]] = [{"data": {"a": [1]}}, {"data": ["text"]}, {"partitionKey": ["vip"]}]
    assert admits(patterns, b'{"a": 1}')
    assert admits(patterns, b"text")
    assert admits(patterns, b"anything", key="vip")
    assert not admits(patterns, b"anything")
