"""What would be accepted, and then do nothing to a stream, is refused and says why."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.neighbours.conftest import ClientOf
from tests.tables import each

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
ROLE = "arn:aws:iam::000000000000:role/any"
DELIVERY = "arn:aws:firehose:us-east-1:000000000000:deliverystream/d"
CLUSTER: dict[str, Any] = {
    "ClusterName": "c",
    "KafkaVersion": "3.7.x",
    "NumberOfBrokerNodes": 2,
    "BrokerNodeGroupInfo": {"ClientSubnets": ["s"], "InstanceType": "kafka.m5.large"},
}
QUEUE = "arn:aws:sqs:us-east-1:000000000000:any"


@each(
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
        (
            "iot",
            "create_topic_rule",
            {
                "ruleName": "r",
                "topicRulePayload": {
                    "sql": "SELECT *",
                    "actions": [{"firehose": {"roleArn": ROLE, "deliveryStreamName": "d"}}],
                },
            },
            "no topic rule runs",
        ),
        (
            "kinesisanalyticsv2",
            "create_application",
            {
                "ApplicationName": "a",
                "RuntimeEnvironment": "SQL-1_0",
                "ServiceExecutionRole": ROLE,
                "ApplicationConfiguration": {
                    "SqlApplicationConfiguration": {
                        "Outputs": [
                            {
                                "Name": "o",
                                "KinesisStreamsOutput": {"ResourceARN": STREAM},
                                "DestinationSchema": {"RecordFormatType": "JSON"},
                            }
                        ]
                    }
                },
            },
            "no application runs",
        ),
        (
            "dsql",
            "create_stream",
            {
                "clusterIdentifier": "c" * 26,
                "targetDefinition": {"kinesis": {"streamArn": STREAM, "roleArn": ROLE}},
                "ordering": "UNORDERED",
                "format": "JSON",
            },
            "no change of a cluster",
        ),
        (
            "bedrock-agentcore-control",
            "create_memory",
            {
                "name": "m",
                "eventExpiryDuration": 30,
                "streamDeliveryResources": {
                    "resources": [
                        {
                            "kinesis": {
                                "dataStreamArn": STREAM,
                                "contentConfigurations": [{"type": "MEMORY_RECORDS"}],
                            }
                        }
                    ]
                },
            },
            "no memory is streamed",
        ),
        (
            "workspaces-web",
            "create_user_access_logging_settings",
            {"kinesisStreamArn": STREAM},
            "nobody's access is logged",
        ),
        (
            "glue",
            "create_job",
            {
                "Name": "j",
                "Role": ROLE,
                "Command": {"Name": "glueetl"},
                "CodeGenConfigurationNodes": {
                    "n": {"DirectKinesisSource": {"Name": "s", "StreamingOptions": {"StreamArn": STREAM}}}
                },
            },
            "no job runs",
        ),
        (
            "elasticache",
            "create_replication_group",
            {
                "ReplicationGroupId": "g",
                "ReplicationGroupDescription": "g",
                "LogDeliveryConfigurations": [
                    {"DestinationDetails": {"KinesisFirehoseDetails": {"DeliveryStream": "d"}}}
                ],
            },
            "no logs of caches",
        ),
        (
            "kafka",
            "create_cluster",
            {
                **CLUSTER,
                "LoggingInfo": {"BrokerLogs": {"Firehose": {"Enabled": True, "DeliveryStream": "d"}}},
            },
            "no logs of brokers",
        ),
        (
            "ses",
            "create_configuration_set_event_destination",
            {
                "ConfigurationSetName": "c",
                "EventDestination": {
                    "Name": "e",
                    "MatchingEventTypes": ["send"],
                    "KinesisFirehoseDestination": {"IAMRoleARN": ROLE, "DeliveryStreamARN": DELIVERY},
                },
            },
            "no events of mails",
        ),
        (
            "sns",
            "subscribe",
            {
                "TopicArn": "arn:aws:sns:us-east-1:000000000000:t",
                "Protocol": "firehose",
                "Endpoint": DELIVERY,
            },
            "SNS delivers to no delivery stream",
        ),
        (
            "wafv2",
            "put_logging_configuration",
            {
                "LoggingConfiguration": {
                    "ResourceArn": "arn:aws:wafv2:us-east-1:000000000000:w",
                    "LogDestinationConfigs": [DELIVERY],
                }
            },
            "no web traffic is logged",
        ),
        (
            "route53resolver",
            "create_resolver_query_log_config",
            {"Name": "q", "DestinationArn": DELIVERY, "CreatorRequestId": "c"},
            "no queries are logged",
        ),
        (
            "pipes",
            "create_pipe",
            {
                "Name": "p",
                "RoleArn": ROLE,
                "Source": STREAM,
                "Target": QUEUE,
                "LogConfiguration": {
                    "Level": "INFO",
                    "FirehoseLogDestination": {"DeliveryStreamArn": DELIVERY},
                },
            },
            "pipes write no logs",
        ),
        (
            "apigateway",
            "put_integration",
            {
                "restApiId": "a",
                "resourceId": "r",
                "httpMethod": "POST",
                "integrationHttpMethod": "POST",
                "type": "AWS",
                "uri": "arn:aws:apigateway:us-east-1:kinesis:action/PutRecord",
            },
            "API Gateway calls no stream",
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
    off = {"BrokerLogs": {"Firehose": {"Enabled": False}}}
    assert client_of("kafka").create_cluster(**CLUSTER, LoggingInfo=off)["ClusterArn"]
