"""Events that a rule takes arrive at its targets, in streams first of all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.neighbours.conftest import ClientOf
from tests.neighbours.stream_reader import StreamReader
from tests.waiting import awaited


def rule(events: Any, name: str, *targets: dict[str, Any], source: str | None = None) -> None:
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [source or name]}))
    numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
    assert events.put_targets(Rule=name, Targets=numbered)["FailedEntryCount"] == 0


def send(events: Any, source: str, **detail: Any) -> str:
    entry = {"Source": source, "DetailType": "order", "Detail": json.dumps(detail), "Resources": ["r"]}
    answer = events.put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    event_id: str = answer["Entries"][0]["EventId"]
    return event_id


def test_an_event_is_a_record_with_the_partition_key_that_its_path_finds(client_of: ClientOf) -> None:
    events, reader = client_of("events"), StreamReader(client_of("kinesis"), "of-rule")
    of_customer = {"KinesisParameters": {"PartitionKeyPath": "$.detail.customer"}}
    template = {
        "InputPathsMap": {"c": "$.detail.customer"},
        "InputTemplate": '{"customer": <c>, "text": "is <c>"}',
    }
    rule(
        events,
        "of-rule",
        {"Arn": reader.arn, **of_customer},
        {"Arn": reader.arn, "InputTransformer": template},
    )
    event_id = send(events, "of-rule", customer="ada")
    send(events, "another", customer="eve")
    records = {record["PartitionKey"]: json.loads(record["Data"]) for record in reader.records(2)}
    whole = records["ada"]
    assert whole.pop("time").endswith("Z")
    assert whole == {
        "version": "0",
        "id": event_id,
        "detail-type": "order",
        "source": "of-rule",
        "account": "000000000000",
        "region": "us-east-1",
        "resources": ["r"],
        "detail": {"customer": "ada"},
    }
    assert records[event_id] == {"customer": "ada", "text": "is ada"}


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(client_of: ClientOf) -> None:
    events, sqs = client_of("events"), client_of("sqs")
    queue = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead = {"DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"}}
    missing = "arn:aws:kinesis:us-east-1:000000000000:stream/not-there"
    rule(events, "undelivered", {"Arn": missing, **dead})
    send(events, "undelivered", n=1)
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "ResourceNotFoundException"
    assert attributes["TARGET_ARN"] == missing


def test_queues_and_topics_get_their_input_and_disabled_and_scheduled_rules_send_nothing(
    client_of: ClientOf,
) -> None:
    events, sqs, sns = client_of("events"), client_of("sqs"), client_of("sns")
    queue = sqs.create_queue(QueueName="of-events")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:of-events"
    topic = sns.create_topic(Name="of-events")["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    rule(events, "off", {"Arn": arn, "Input": '"off"'}, source="queued")
    events.disable_rule(Name="off")
    events.put_rule(Name="by-clock", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="by-clock", Targets=[{"Id": "1", "Arn": arn, "Input": '"clock"'}])
    rule(events, "queued", {"Arn": arn, "InputPath": "$.detail.n"}, {"Arn": topic, "Input": '"topic"'})
    send(events, "queued", n=1)
    seen: list[str] = []
    while len(seen) < 2:
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20, MaxNumberOfMessages=10)["Messages"]
        seen += [message["Body"] for message in messages]
    assert sorted(seen) == ['"topic"', "1"]


def test_a_delivery_stream_gets_events_and_what_it_cannot_take_is_a_dead_letter(
    client_of: ClientOf, headwater: Headwater
) -> None:
    events, sqs, s3 = client_of("events"), client_of("sqs"), client_of("s3")
    s3.create_bucket(Bucket="of-the-rule")
    made = client_of("firehose").create_delivery_stream(
        DeliveryStreamName="of-the-rule",
        S3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::000000000000:role/any",
            "BucketARN": "arn:aws:s3:::of-the-rule",
        },
    )
    arn = made["DeliveryStreamARN"]
    url = sqs.create_queue(QueueName="no-delivery-stream")["QueueUrl"]
    queue = "arn:aws:sqs:us-east-1:000000000000:no-delivery-stream"
    missing = {"Arn": f"{arn}-missing", "DeadLetterConfig": {"Arn": queue}}
    rule(events, "to-delivery", {"Arn": arn, "InputPath": "$.detail"}, missing)
    send(events, "to-delivery", n=1)
    (letter,) = awaited(
        lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")
    )
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "ResourceNotFoundException"

    def arrived() -> list[dict[str, Any]]:
        headwater.clock.advance(minutes=6)
        found: list[dict[str, Any]] = s3.list_objects_v2(Bucket="of-the-rule").get("Contents", [])
        return found

    (found,) = awaited(arrived)
    assert json.loads(s3.get_object(Bucket="of-the-rule", Key=found["Key"])["Body"].read()) == {"n": 1}


def test_a_target_that_nothing_delivers_to_is_refused_when_it_is_put(client_of: ClientOf) -> None:
    events = client_of("events")
    events.put_rule(Name="nowhere", EventPattern='{"source": ["nowhere"]}')
    cluster = "arn:aws:ecs:us-east-1:000000000000:cluster/c"
    with pytest.raises(ClientError, match="nothing delivers events to ecs"):
        events.put_targets(Rule="nowhere", Targets=[{"Id": "1", "Arn": cluster}])
    assert events.list_targets_by_rule(Rule="nowhere")["Targets"] == []
    send(events, "nowhere", n=1)
