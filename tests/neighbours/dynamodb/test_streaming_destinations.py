"""Each change of an item arrives in the stream that is its table's destination, once and in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.neighbours.conftest import ClientOf
from tests.neighbours.stream_reader import StreamReader

TABLE: dict[str, Any] = {
    "KeySchema": [
        {"AttributeName": "id", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
KEY = {"id": {"S": "a"}, "at": {"N": "1"}}
ITEM = {**KEY, "text": {"S": "é"}, "blob": {"B": b"\xff"}, "list": {"L": [{"M": {"x": {"SS": ["1"]}}}]}}
TOLD = {**ITEM, "blob": {"B": "/w=="}}

Follow = Callable[..., tuple[str, StreamReader]]


@pytest.fixture
def follow(client_of: ClientOf, request: pytest.FixtureRequest) -> Follow:
    """A table that a stream follows."""

    def follow(name: str, **configuration: str) -> tuple[str, StreamReader]:
        reader = StreamReader(client_of("kinesis"), name)
        tables = client_of("dynamodb")
        tables.create_table(TableName=name, **TABLE)
        more = {"EnableKinesisStreamingConfiguration": configuration} if configuration else {}
        tables.enable_kinesis_streaming_destination(TableName=name, StreamArn=reader.arn, **more)
        return name, reader

    return follow


def test_puts_updates_and_deletions_arrive_as_the_documented_json(
    follow: Follow, client_of: ClientOf
) -> None:
    name, reader = follow("items")
    tables = client_of("dynamodb")
    tables.put_item(TableName=name, Item=ITEM)
    tables.put_item(TableName=name, Item=ITEM)  # which changes nothing
    change: dict[str, Any] = {
        "Key": KEY,
        "UpdateExpression": "SET n = :n",
        "ExpressionAttributeValues": {":n": {"N": "7"}},
    }
    tables.update_item(TableName=name, **change)
    tables.update_item(TableName=name, **{**change, "Key": {**KEY, "at": {"N": "2"}}})
    tables.delete_item(TableName=name, Key=KEY)
    tables.delete_item(TableName=name, Key=KEY)

    records = reader.records(4)
    first, *others = [json.loads(record["Data"]) for record in records]
    assert first["dynamodb"].pop("ApproximateCreationDateTime") > 1_600_000_000_000
    assert first["dynamodb"].pop("SizeBytes") == (2 + 1 + 2 + 1) + (
        3 + 4 + 2 + 4 + 1 + 4 + 3 + 1 + 1 + 3 + 1 + 1 + 1 + 1 + 1
    )
    assert len(first.pop("eventID")) == 36
    assert first == {
        "awsRegion": "us-east-1",
        "eventName": "INSERT",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": name,
        "dynamodb": {"Keys": KEY, "NewImage": TOLD},
        "eventSource": "aws:dynamodb",
    }
    seen = [
        (each["eventName"], each["dynamodb"].get("OldImage"), each["dynamodb"].get("NewImage"))
        for each in others
    ]
    changed = {**TOLD, "n": {"N": "7"}}
    assert seen == [
        ("MODIFY", TOLD, changed),
        ("INSERT", None, {"id": {"S": "a"}, "at": {"N": "2"}, "n": {"N": "7"}}),
        ("REMOVE", changed, None),
    ]
    keys = [record["PartitionKey"] for record in records]
    assert keys[0] == keys[1] == keys[3] != keys[2]


def test_batches_and_transactions_are_told_and_a_failed_transaction_is_not(
    follow: Follow, client_of: ClientOf
) -> None:
    name, reader = follow("many")
    tables = client_of("dynamodb")

    def put(number: int) -> dict[str, Any]:
        return {"Item": {"id": {"S": "b"}, "at": {"N": str(number)}}}

    tables.batch_write_item(RequestItems={name: [{"PutRequest": put(number)} for number in range(3)]})
    refused = {**put(4), "TableName": name, "ConditionExpression": "attribute_exists(id)"}
    with pytest.raises(ClientError):
        tables.transact_write_items(TransactItems=[{"Put": {**put(3), "TableName": name}}, {"Put": refused}])
    tables.transact_write_items(
        TransactItems=[{"Put": {**put(number), "TableName": name}} for number in (5, 6)]
    )
    told = [json.loads(record["Data"])["dynamodb"]["Keys"]["at"]["N"] for record in reader.records(5)]
    assert told == ["0", "1", "2", "5", "6"]


def test_destinations_are_described_changed_and_disabled(follow: Follow, client_of: ClientOf) -> None:
    name, reader = follow("precise", ApproximateCreationDateTimePrecision="MICROSECOND")
    tables = client_of("dynamodb")
    of: dict[str, Any] = {"TableName": name, "StreamArn": reader.arn}

    def described() -> Any:
        found = tables.describe_kinesis_streaming_destination(TableName=name)
        (destination,) = found["KinesisDataStreamDestinations"]
        return destination["DestinationStatus"], destination["ApproximateCreationDateTimePrecision"]

    assert described() == ("ACTIVE", "MICROSECOND")
    tables.put_item(TableName=name, Item=KEY)
    with pytest.raises(ClientError, match="must be DISABLED or ENABLE_FAILED to perform ENABLE"):
        tables.enable_kinesis_streaming_destination(**of)
    changed = {"UpdateKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": "MILLISECOND"}}
    assert tables.update_kinesis_streaming_destination(**of, **changed)["DestinationStatus"] == "UPDATING"
    with pytest.raises(ClientError, match="already set to the desired value"):
        tables.update_kinesis_streaming_destination(**of, **changed)
    tables.delete_item(TableName=name, Key=KEY)
    in_us, in_ms = [json.loads(record["Data"])["dynamodb"] for record in reader.records(2)]
    assert in_us["ApproximateCreationDateTimePrecision"] == "MICROSECOND"
    assert in_us["ApproximateCreationDateTime"] > 1_600_000_000_000_000 > in_ms["ApproximateCreationDateTime"]
    assert tables.disable_kinesis_streaming_destination(**of)["DestinationStatus"] == "DISABLING"
    assert described() == ("DISABLED", "MILLISECOND")
    with pytest.raises(ClientError, match="must be ACTIVE to perform DISABLE"):
        tables.disable_kinesis_streaming_destination(**of)
    tables.put_item(TableName=name, Item=KEY)
    tables.enable_kinesis_streaming_destination(**of)
    tables.delete_item(TableName=name, Key=KEY)
    assert json.loads(reader.records(1)[0]["Data"])["eventName"] == "REMOVE"


def test_a_stream_that_does_not_exist_is_no_destination(client_of: ClientOf) -> None:
    tables = client_of("dynamodb")
    tables.create_table(TableName="alone", **TABLE)
    missing = "arn:aws:kinesis:us-east-1:000000000000:stream/missing"
    with pytest.raises(tables.exceptions.ResourceNotFoundException, match="missing"):
        tables.enable_kinesis_streaming_destination(TableName="alone", StreamArn=missing)


@pytest.mark.long
def test_a_template_gives_a_table_its_destination(client_of: ClientOf) -> None:
    stacks, tables = client_of("cloudformation"), client_of("dynamodb")
    template: dict[str, Any] = {
        "Resources": {
            "Changes": {
                "Type": "AWS::Kinesis::Stream",
                "Properties": {"Name": "of-template", "ShardCount": 1},
            },
            "Items": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    **TABLE,
                    "TableName": "of-template",
                    "KinesisStreamSpecification": {
                        "StreamArn": {"Fn::GetAtt": ["Changes", "Arn"]},
                        "ApproximateCreationDateTimePrecision": "MICROSECOND",
                    },
                },
            },
        }
    }
    stacks.create_stack(StackName="followed", TemplateBody=json.dumps(template))
    tables.put_item(TableName="of-template", Item=KEY)
    reader = StreamReader(client_of("kinesis"), "of-template", create=False)
    assert json.loads(reader.records(1)[0]["Data"])["tableName"] == "of-template"
    del template["Resources"]["Items"]["Properties"]["KinesisStreamSpecification"]
    stacks.update_stack(StackName="followed", TemplateBody=json.dumps(template))
    found = tables.describe_kinesis_streaming_destination(TableName="of-template")
    assert found["KinesisDataStreamDestinations"][0]["DestinationStatus"] == "DISABLED"
    stacks.delete_stack(StackName="followed")
