"""DynamoDB's conditions and updates from before expressions, as the real SDK sends them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.neighbours.conftest import ClientOf

TABLE = "legacy"
FIVE: dict[str, Any] = {
    "number": {"N": "5"},
    "text": {"S": "middle"},
    "set": {"SS": ["a", "b"]},
    "checkpoint": {"S": "49"},
}
"""The item that every condition is held against."""


@pytest.fixture(scope="module")
def dynamodb(client_of: ClientOf) -> Any:
    client = client_of("dynamodb")
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


@pytest.fixture
def key(dynamodb: Any, request: pytest.FixtureRequest) -> str:
    """An item of the test's own."""
    dynamodb.put_item(TableName=TABLE, Item={"key": {"S": request.node.name}, **FIVE})
    return str(request.node.name)


def compared(operator: str, *values: dict[str, Any]) -> dict[str, Any]:
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)} if values else {
        "ComparisonOperator": operator
    }  # fmt: skip


N4, N5, N6, S5 = {"N": "4"}, {"N": "5"}, {"N": "6"}, {"S": "5"}

CASES: list[tuple[dict[str, Any], bool]] = [
    ({"checkpoint": {"Value": {"S": "SHARD_END"}, "ComparisonOperator": "NE"}}, True),
    ({"checkpoint": {"Value": {"S": "49"}, "ComparisonOperator": "NE"}}, False),
    ({"number": {"Value": N4, "ComparisonOperator": "GT"}}, True),
    ({"number": {"Value": N5, "ComparisonOperator": "GT"}}, False),
    ({"number": {"Value": N5}}, True),
    ({"number": {"Value": N6}}, False),
    ({"number": {"Value": S5}}, False),
    ({"number": {"Value": N5, "Exists": True}}, True),
    ({"number": {"Value": N6, "Exists": True}}, False),
    ({"number": {"Exists": False}}, False),
    ({"absent": {"Exists": False}}, True),
    ({"number": compared("EQ", N5)}, True),
    ({"number": compared("EQ", N4)}, False),
    ({"number": compared("NE", N5)}, False),
    ({"number": compared("NE", S5)}, True),
    ({"absent": compared("EQ", N5)}, False),
    ({"number": compared("LE", N5)}, True),
    ({"number": compared("LE", N4)}, False),
    ({"number": compared("LT", N6)}, True),
    ({"number": compared("LT", N5)}, False),
    ({"number": compared("GE", N5)}, True),
    ({"number": compared("GE", N6)}, False),
    ({"number": compared("GT", N4)}, True),
    ({"number": compared("GT", N6)}, False),
    ({"number": compared("GT", S5)}, False),
    ({"number": compared("LT", {"S": "6"})}, False),
    ({"absent": compared("LT", N6)}, False),
    ({"text": compared("GT", {"S": "left"})}, True),
    ({"number": compared("NOT_NULL")}, True),
    ({"absent": compared("NOT_NULL")}, False),
    ({"number": compared("NULL")}, False),
    ({"absent": compared("NULL")}, True),
    ({"text": compared("CONTAINS", {"S": "idd"})}, True),
    ({"text": compared("CONTAINS", {"S": "x"})}, False),
    ({"set": compared("CONTAINS", {"S": "a"})}, True),
    ({"set": compared("NOT_CONTAINS", {"S": "a"})}, False),
    ({"set": compared("NOT_CONTAINS", {"S": "c"})}, True),
    ({"text": compared("BEGINS_WITH", {"S": "mid"})}, True),
    ({"text": compared("BEGINS_WITH", {"S": "id"})}, False),
    ({"number": compared("IN", N4, N5)}, True),
    ({"number": compared("IN", N4, N6)}, False),
    ({"number": compared("BETWEEN", N4, N6)}, True),
    ({"number": compared("BETWEEN", N6, {"N": "7"})}, False),
    ({"number": compared("BETWEEN", {"S": "4"}, {"S": "6"})}, False),
    ({"number": {"Value": N5}, "text": {"Value": {"S": "other"}}}, False),
    ({"number": {"Value": N5}, "text": compared("BEGINS_WITH", {"S": "m"})}, True),
]


def holds(call: Any, **parameters: Any) -> bool:
    try:
        call(TableName=TABLE, **parameters)
    except ClientError as error:
        said = error.response["Error"]
        assert said["Code"] == "ConditionalCheckFailedException", said
        assert said["Message"] == "The conditional request failed"
        return False
    return True


@pytest.mark.parametrize(("expected", "is_met"), CASES)
def test_an_expectation_is_compared_by_its_operator(
    dynamodb: Any, key: str, expected: dict[str, Any], is_met: bool
) -> None:
    of_item = {"key": {"S": key}}
    updates = {"seen": {"Value": {"N": "1"}, "Action": "PUT"}}
    assert holds(dynamodb.put_item, Item={**of_item, **FIVE}, Expected=expected) is is_met
    assert holds(dynamodb.update_item, Key=of_item, AttributeUpdates=updates, Expected=expected) is is_met
    assert ("seen" in dynamodb.get_item(TableName=TABLE, Key=of_item)["Item"]) is is_met
    filters = {name: each for name, each in expected.items() if "AttributeValueList" in each}
    if filters and len(filters) == len(expected):
        found = dynamodb.scan(TableName=TABLE, ScanFilter={"key": compared("EQ", {"S": key}), **filters})
        assert bool(found["Count"]) is is_met
        found = dynamodb.query(
            TableName=TABLE, KeyConditions={"key": compared("EQ", {"S": key})}, QueryFilter=filters
        )
        assert bool(found["Count"]) is is_met
    assert holds(dynamodb.delete_item, Key=of_item, Expected=expected) is is_met
    assert ("Item" in dynamodb.get_item(TableName=TABLE, Key=of_item)) is not is_met


@pytest.mark.parametrize(("operator", "is_met"), [("AND", False), ("OR", True)])
def test_expectations_are_joined_by_their_operator(
    dynamodb: Any, key: str, operator: str, is_met: bool
) -> None:
    joined: dict[str, Any] = {
        "Expected": {"number": {"Value": N6}, "text": compared("BEGINS_WITH", {"S": "m"})},
        "ConditionalOperator": operator,
    }
    assert holds(dynamodb.delete_item, Key={"key": {"S": key}}, **joined) is is_met


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (
            {"Expected": {"n": {"Exists": True}}},
            "Value must be provided when Exists is true for Attribute: n",
        ),
        ({"Expected": {"n": {"Exists": False, "Value": N5}}}, "Value cannot be used when Exists is false"),
        (
            {"Expected": {"n": {"Exists": True, "ComparisonOperator": "NULL"}}},
            "Exists and ComparisonOperator cannot be used together for Attribute: n",
        ),
        ({"Expected": {"n": compared("BETWEEN", N5)}}, "Invalid number of argument(s) for the BETWEEN"),
        ({"Expected": {"n": compared("EQ")}}, "Invalid number of argument(s) for the EQ"),
        ({"Expected": {"n": compared("LT", {"BOOL": True})}}, "LT is not valid for BOOL AttributeValue type"),
        ({"ConditionalOperator": "OR"}, "ConditionalOperator cannot be used without Filter or Expected"),
        (
            {"Expected": {"n": {"Value": N5}}, "ConditionalOperator": "OR"},
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
        (
            {"Expected": {"n": {"Value": N5}}, "ConditionExpression": "attribute_exists(n)"},
            (
                "Can not use both expression and non-expression parameters in the same request: "
                "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"
            ),
        ),
    ],
)
def test_what_cannot_be_an_expectation_is_refused(
    dynamodb: Any, key: str, parameters: dict[str, Any], says: str
) -> None:
    with pytest.raises(ClientError) as refused:
        dynamodb.put_item(TableName=TABLE, Item={"key": {"S": key}}, **parameters)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert says in refused.value.response["Error"]["Message"]


def test_updates_keep_the_types_of_their_values(dynamodb: Any, key: str) -> None:
    put = {
        "flag": {"BOOL": True},
        "blob": {"B": b"\x00\xff"},
        "nothing": {"NULL": True},
        "blobs": {"BS": [b"x"]},
    }
    updates: dict[str, Any] = {name: {"Value": value, "Action": "PUT"} for name, value in put.items()}
    updates |= {
        "number": {"Value": {"N": "2"}, "Action": "ADD"},
        "new": {"Value": {"N": "2"}, "Action": "ADD"},
        "set": {"Value": {"SS": ["b", "c"]}, "Action": "DELETE"},
        "text": {"Action": "DELETE"},
        "list": {"Value": {"L": [{"S": "x"}]}, "Action": "ADD"},
    }
    answer = dynamodb.update_item(
        TableName=TABLE, Key={"key": {"S": key}}, AttributeUpdates=updates, ReturnValues="ALL_NEW"
    )
    assert answer["Attributes"] == {
        "key": {"S": key}, "checkpoint": {"S": "49"}, "number": {"N": "7"}, "new": {"N": "2"},
        "set": {"SS": ["a"]}, "list": {"L": [{"S": "x"}]}, **put,
    }  # fmt: skip


def test_deleting_attributes_alone_needs_no_expression(dynamodb: Any, key: str) -> None:
    dynamodb.update_item(
        TableName=TABLE, Key={"key": {"S": key}}, AttributeUpdates={"text": {"Action": "DELETE"}}
    )
    assert "text" not in dynamodb.get_item(TableName=TABLE, Key={"key": {"S": key}})["Item"]
