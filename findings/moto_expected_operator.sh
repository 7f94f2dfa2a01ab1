#!/usr/bin/env bash
# moto 5.2.5, DynamoDB: the `ComparisonOperator` beside a `Value` in `Expected` is not looked at.
#
# DynamoDB's legacy conditions say `{"checkpoint": {"Value": X, "ComparisonOperator": "NE"}}` for "the
# attribute is not X", as the KCL 1.x sends with every checkpoint. moto compares for equality whatever the
# operator is: a put that the condition allows is refused, and one that it forbids is carried out. A worker
# that keeps its leases there never gets a checkpoint through.
#
# Seen: NE with another value: ConditionalCheckFailedException; NE with the same value: stored.
# As it should be: the other way round, in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'moto[dynamodb]==5.2.5' 'boto3==1.43.11'
"$folder/venv/bin/python" - <<'PYTHON'
import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

with mock_aws():
    client = boto3.client("dynamodb", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.create_table(
        TableName="leases",
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def put_unless_it_is(value: str) -> str:
        client.put_item(TableName="leases", Item={"leaseKey": {"S": "shard"}, "checkpoint": {"S": "7"}})
        try:
            client.put_item(
                TableName="leases",
                Item={"leaseKey": {"S": "shard"}, "checkpoint": {"S": "8"}},
                Expected={"checkpoint": {"Value": {"S": value}, "ComparisonOperator": "NE"}},
            )
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "stored"

    seen = {"another value": put_unless_it_is("6"), "the same value": put_unless_it_is("7")}
print("NE with", seen)
assert seen == {"another value": "ConditionalCheckFailedException", "the same value": "stored"}, "it has changed"
PYTHON
