"""Events that a rule takes arrive at its targets, in streams first of all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.neighbours.conftest import UNCHECKED, ClientOf
from tests.neighbours.stream_reader import StreamReader
from tests.waiting import awaited, wait_until


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
    event, attributes = dead_letter(sqs, queue)
    assert event["detail"] == {"n": 1}
    assert attributes["ERROR_CODE"] == "ResourceNotFoundException"
    assert attributes["TARGET_ARN"] == missing
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes


@pytest.mark.long
def test_a_retry_policy_ends_what_a_stream_refuses(client_of: ClientOf, headwater: Headwater) -> None:
    events, sqs = client_of("events"), client_of("sqs")
    reader = StreamReader(client_of("kinesis"), "narrow")
    queue = sqs.create_queue(QueueName="retried")["QueueUrl"]
    dead = {"DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:retried"}}
    policy = {"RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60}}
    rule(events, "narrow", {"Arn": reader.arn, "Input": '"only this"', **dead, **policy})
    assert events.list_targets_by_rule(Rule="narrow")["Targets"][0]["RetryPolicy"] == policy["RetryPolicy"]
    with headwater.limits.enforce("narrow", bytes_in_per_s=1):
        client_of("kinesis").put_record(StreamName="narrow", Data=b"x" * 40, PartitionKey="k")
        send(events, "narrow", n=1)
        event, attributes = dead_letter(sqs, queue)
    assert event["detail"] == {"n": 1}  # the event as it came, and not what the target would have got
    assert attributes["ERROR_CODE"] == "ProvisionedThroughputExceededException"
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert attributes["RETRY_ATTEMPTS"] == "2"
    send(events, "narrow", n=2)
    assert [record["Data"] for record in reader.records(2)] == [b"x" * 40, b'"only this"']


def test_a_retry_policy_keeps_to_the_bounds_of_the_model(client_of: ClientOf) -> None:
    events = client_of("events", config=UNCHECKED)
    events.put_rule(Name="bounds", EventPattern='{"source": ["bounds"]}')
    stream = "arn:aws:kinesis:us-east-1:000000000000:stream/any"
    for policy, text in (
        ({"MaximumRetryAttempts": 186}, "maximumRetryAttempts' .* less than or equal to 185"),
        ({"MaximumEventAgeInSeconds": 59}, "maximumEventAgeInSeconds' .* greater than or equal to 60"),
        ({"MaximumEventAgeInSeconds": 86401}, "maximumEventAgeInSeconds' .* less than or equal to 86400"),
    ):
        with pytest.raises(ClientError, match=f"at 'targets.1.member.retryPolicy.{text}"):
            events.put_targets(Rule="bounds", Targets=[{"Id": "1", "Arn": stream, "RetryPolicy": policy}])
    assert events.list_targets_by_rule(Rule="bounds")["Targets"] == []


def test_an_event_goes_through_another_bus_and_an_input_path_into_a_stream(client_of: ClientOf) -> None:
    events, reader = client_of("events"), StreamReader(client_of("kinesis"), "of-bus")
    bus = events.create_event_bus(Name="orders")["EventBusArn"]
    rule(events, "to-bus", {"Arn": bus}, source="chained")
    pattern = json.dumps({"source": ["chained"]})
    events.put_rule(Name="from-bus", EventBusName="orders", EventPattern=pattern)
    target = {"Id": "1", "Arn": reader.arn, "InputPath": "$.detail"}
    events.put_targets(Rule="from-bus", EventBusName="orders", Targets=[target])
    send(events, "chained", customer="ada")
    (record,) = reader.records(1)
    assert json.loads(record["Data"]) == {"customer": "ada"}
    assert len(record["PartitionKey"]) == 36  # the event's id, which the input has no longer


def dead_letter(sqs: Any, queue: str) -> tuple[Any, dict[str, str]]:
    """The next message's event, and what is said with it."""
    asked = {"QueueUrl": queue, "WaitTimeSeconds": 20, "MessageAttributeNames": ["All"]}
    (message,) = awaited(lambda: sqs.receive_message(**asked).get("Messages"))
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    return json.loads(message["Body"]), attributes


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

    def both_came() -> bool:
        answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20, MaxNumberOfMessages=10)
        seen.extend(message["Body"] for message in answer.get("Messages", []))
        return len(seen) >= 2

    wait_until(both_came, "a second message")
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
