"""The event, exactly as Lambda's documentation shows it."""

from __future__ import annotations

import json

from headwater.lambda_.mappings.kinesis_event import RecordWriter, StreamRecord, write_event
from tests.lambda_.written_records import mapping

NUMBER = "49590338271490256608559692538361571095921575989136588898"
WRITER = RecordWriter(mapping(), "shardId-000000000006", "arn:aws:iam::123456789012:role/lambda-role")
RECORD = StreamRecord(0, NUMBER, 1_545_084_650_987, "1", b"Hello, this is a test.")


def test_an_event_is_lambdas() -> None:
    assert json.loads(write_event([WRITER.write(RECORD)])) == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": NUMBER,
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{NUMBER}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "awsRegion": "us-east-2",
                "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/mystream",
            }
        ]
    }


def test_records_of_an_event_keep_their_order_and_other_members_stand_beside_them() -> None:
    written = [WRITER.write(RECORD._replace(partition_key=key)) for key in ("ä", '"', "")]
    event = json.loads(write_event(written, b'"state":{}'))
    assert [record["kinesis"]["partitionKey"] for record in event["Records"]] == ["ä", '"', ""]
    assert event["state"] == {}


def test_an_event_without_records_has_an_empty_list() -> None:
    assert json.loads(write_event([], b'"state":{}')) == {"Records": [], "state": {}}


def test_a_record_without_a_partition_key_has_none_in_the_event() -> None:
    event = json.loads(write_event([WRITER.write(RECORD._replace(partition_key=None))]))
    assert "partitionKey" not in event["Records"][0]["kinesis"]
