"""What would be accepted, and then do nothing to a stream, is refused and says why."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.neighbours.conftest import ClientOf

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
ROLE = "arn:aws:iam::000000000000:role/any"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:any"


@pytest.mark.parametrize(
    ("service", "operation", "members", "reason"),
    [
        (
            "dms",
            "create_endpoint",
            {"EndpointIdentifier": "e", "EndpointType": "target", "EngineName": "kinesis"},
            "no replication task runs",
        ),
        (
            "iot",
            "create_topic_rule",
            {
                "ruleName": "r",
                "topicRulePayload": {
                    "sql": "SELECT *",
                    "actions": [{"kinesis": {"roleArn": ROLE, "streamName": "orders"}}],
                },
            },
            "no topic rule runs",
        ),
        (
            "scheduler",
            "create_schedule",
            {
                "Name": "s",
                "ScheduleExpression": "rate(1 day)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": STREAM, "RoleArn": ROLE, "KinesisParameters": {"PartitionKey": "k"}},
            },
            "no schedule runs",
        ),
        (
            "pinpoint",
            "put_event_stream",
            {"ApplicationId": "a", "WriteEventStream": {"DestinationStreamArn": STREAM, "RoleArn": ROLE}},
            "no events of Pinpoint",
        ),
    ],
)
def test_a_call_says_why_nothing_would_happen(
    client_of: ClientOf, service: str, operation: str, members: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason):
        getattr(client_of(service), operation)(**members)


def test_the_same_services_take_what_does_not_concern_streams(client_of: ClientOf) -> None:
    created = client_of("scheduler").create_schedule(
        Name="s",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": QUEUE, "RoleArn": ROLE},
    )
    assert created["ScheduleArn"]
