"""What a server's log says of the errors of neighbours, in each of their protocols."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import started_server
from tests.neighbours.conftest import clients_for

TABLE = "leases"


def fail_a_condition(dynamodb: Any) -> None:
    """As a worker does whose lease another one has taken."""
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=TABLE, Item={"key": {"S": "shard"}, "owner": {"S": "other"}})
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(
            TableName=TABLE,
            Key={"key": {"S": "shard"}},
            Expected={"owner": {"Value": {"S": "mine"}}},
            AttributeUpdates={"checkpoint": {"Value": {"S": "49"}}},
        )


@pytest.mark.long
def test_an_error_of_a_neighbour_is_logged_with_its_name_and_message(tmp_path: Path) -> None:
    with started_server(tmp_path / "log") as server:
        client_of = clients_for(server.endpoint_url)
        fail_a_condition(client_of("dynamodb"))
        with pytest.raises(ClientError):
            client_of("cloudwatch").get_dashboard(DashboardName="nothing")
        with pytest.raises(ClientError):
            client_of("s3").list_objects_v2(Bucket="nothing")
        with pytest.raises(ClientError):
            client_of("iam").get_role(RoleName="nothing")
    log = (tmp_path / "log").read_text()
    assert re.findall(r"WARNING AWS (\S.* => \d+ \(\w+)", log) == [
        "dynamodb.UpdateItem => 400 (ConditionalCheckFailedException",
        "monitoring.GetDashboard => 404 (ResourceNotFound",
        "s3.GET /nothing => 404 (NoSuchBucket",
        "iam.GetRole => 404 (NoSuchEntity",
    ]
    assert "(ConditionalCheckFailedException: The conditional request failed)" in log
