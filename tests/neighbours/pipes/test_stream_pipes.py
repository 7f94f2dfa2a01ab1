"""Records of a stream arrive at the target of a pipe: filtered, enriched, and made what a template says."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.neighbours.conftest import UNCHECKED, ClientOf
from tests.neighbours.stream_reader import StreamReader
from tests.waiting import wait_until

ROLE = "arn:aws:iam::000000000000:role/pipe"
START = {"StartingPosition": "TRIM_HORIZON"}
FROM_START: dict[str, Any] = {**START, "BatchSize": 10}
TEMPLATE = '{"n": <$.data.order>, "text": "of <$.partitionKey>", "pipe": <aws.pipes.pipe-name>}'
ENRICH = """
import base64, json
def handler(batch, context):
    if any(json.loads(base64.b64decode(each["data"])).get("poison") for each in batch):
        raise ValueError("poison")
    orders = [json.loads(base64.b64decode(each["data"]))["order"] for each in batch]
    return [{"order": order, "key": each["partitionKey"]} for order, each in zip(orders, batch)]
"""


def function(client_of: ClientOf, name: str, code: str) -> str:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("index.py", code)
    functions = client_of("lambda")
    arn: str = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": written.getvalue()},
    )["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return arn


def queue(client_of: ClientOf, name: str) -> tuple[str, str]:
    return client_of("sqs").create_queue(QueueName=name)[
        "QueueUrl"
    ], f"arn:aws:sqs:us-east-1:000000000000:{name}"


def bodies(client_of: ClientOf, url: str, count: int) -> list[Any]:
    found: list[Any] = []

    def all_came() -> bool:
        answer = client_of("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            found.append(json.loads(message["Body"]))
            client_of("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= count

    wait_until(all_came, f"the message that makes {count}")
    return found


def put(client_of: ClientOf, stream: str, *orders: dict[str, Any]) -> None:
    for order in orders:
        data = json.dumps(order).encode()
        client_of("kinesis").put_record(StreamName=stream, Data=data, PartitionKey=f"key-{order['order']}")


def test_filtered_and_enriched_records_arrive_in_another_stream(client_of: ClientOf) -> None:
    source = StreamReader(client_of("kinesis"), "piped")
    target = StreamReader(client_of("kinesis"), "pipe-target")
    pipes = client_of("pipes")
    created = pipes.create_pipe(
        Name="enriched",
        RoleArn=ROLE,
        Source=source.arn,
        SourceParameters={
            "KinesisStreamParameters": FROM_START,
            "FilterCriteria": {"Filters": [{"Pattern": '{"data": {"order": [{"numeric": [">", 1]}]}}'}]},
        },
        Enrichment=function(client_of, "enrich", ENRICH),
        Target=target.arn,
        TargetParameters={"KinesisStreamParameters": {"PartitionKey": "$.key"}},
    )
    assert created["CurrentState"] == "RUNNING"
    put(client_of, "piped", {"order": 1}, {"order": 2}, {"order": 3})
    records = target.records(2)
    assert [json.loads(record["Data"]) for record in records] == [
        {"order": 2, "key": "key-2"},
        {"order": 3, "key": "key-3"},
    ]
    assert [record["PartitionKey"] for record in records] == ["key-2", "key-3"]
    assert client_of("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    with pytest.raises(pipes.exceptions.ConflictException):
        pipes.create_pipe(Name="enriched", RoleArn=ROLE, Source=source.arn, Target=target.arn)
    pipes.delete_pipe(Name="enriched")
    with pytest.raises(pipes.exceptions.NotFoundException):
        pipes.describe_pipe(Name="enriched")


def test_what_fails_goes_to_the_dead_letter_queue_and_the_pipe_goes_on(client_of: ClientOf) -> None:
    source = StreamReader(client_of("kinesis"), "poisoned")
    target_url, target = queue(client_of, "pipe-queue")
    dead_url, dead = queue(client_of, "pipe-dead")
    client_of("pipes").create_pipe(
        Name="poisoned",
        RoleArn=ROLE,
        Source=source.arn,
        SourceParameters={
            "KinesisStreamParameters": {
                **FROM_START,
                "BatchSize": 1,
                "MaximumRetryAttempts": 0,
                "DeadLetterConfig": {"Arn": dead},
            }
        },
        Enrichment=function(client_of, "enrich-or-fail", ENRICH),
        Target=target,
    )
    put(client_of, "poisoned", {"order": 1}, {"order": 2, "poison": True}, {"order": 3})
    assert [each["order"] for each in bodies(client_of, target_url, 2)] == [1, 3]
    (lost,) = bodies(client_of, dead_url, 1)
    assert lost["KinesisBatchInfo"]["batchSize"] == 1
    client_of("pipes").delete_pipe(Name="poisoned")


def test_a_stopped_pipe_waits_and_templates_make_the_input(client_of: ClientOf) -> None:
    source = StreamReader(client_of("kinesis"), "stopped")
    url, target = queue(client_of, "templated")
    pipes = client_of("pipes")
    pipes.create_pipe(
        Name="stopped",
        RoleArn=ROLE,
        DesiredState="STOPPED",
        Source=source.arn,
        SourceParameters={"KinesisStreamParameters": FROM_START},
        Target=target,
        TargetParameters={"InputTemplate": TEMPLATE},
    )
    put(client_of, "stopped", {"order": 7})
    assert pipes.describe_pipe(Name="stopped")["CurrentState"] == "STOPPED"
    pipes.start_pipe(Name="stopped")
    assert bodies(client_of, url, 1) == [{"n": 7, "text": "of key-7", "pipe": "stopped"}]
    assert pipes.describe_pipe(Name="stopped")["CurrentState"] == "RUNNING"
    assert pipes.stop_pipe(Name="stopped")["CurrentState"] == "STOPPED"
    pipes.delete_pipe(Name="stopped")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"Target": "arn:aws:states:us-east-1:000000000000:stateMachine:s"},
            "nothing delivers a pipe to states",
        ),
        ({"Enrichment": "arn:aws:states:us-east-1:000000000000:stateMachine:s"}, "enriched by functions"),
        ({"Source": "arn:aws:sqs:us-east-1:000000000000:q"}, "pipes read streams here"),
        ({"Source": "arn:aws:kinesis:us-east-1:000000000000:stream/not-there"}, "Stream not found"),
    ],
)
def test_what_no_pipe_does_here_is_refused_by_name(
    client_of: ClientOf, changed: dict[str, Any], reason: str
) -> None:
    members = {
        "Name": "refused",
        "RoleArn": ROLE,
        "Source": "arn:aws:kinesis:us-east-1:000000000000:stream/any",
        "SourceParameters": {"KinesisStreamParameters": FROM_START},
        "Target": "arn:aws:sqs:us-east-1:000000000000:q",
    }
    with pytest.raises(ClientError, match=reason):
        client_of("pipes").create_pipe(**{**members, **changed})
    assert client_of("pipes").list_pipes(NamePrefix="refused")["Pipes"] == []


def test_a_pipe_keeps_to_the_bounds_of_the_model(client_of: ClientOf) -> None:
    pipes = client_of("pipes", config=UNCHECKED)
    bounded = {
        "BatchSize": 10_001,
        "MaximumBatchingWindowInSeconds": 301,
        "MaximumRecordAgeInSeconds": -2,
        "MaximumRetryAttempts": 10_001,
        "ParallelizationFactor": 11,
    }
    members = {
        "Name": "bounded",
        "RoleArn": ROLE,
        "Source": "arn:aws:kinesis:us-east-1:000000000000:stream/any",
        "SourceParameters": {"KinesisStreamParameters": {**FROM_START, **bounded}},
        "Target": "arn:aws:sqs:us-east-1:000000000000:q",
    }
    with pytest.raises(pipes.exceptions.ValidationException) as refused:
        pipes.create_pipe(**members)
    text = refused.value.response["Error"]["Message"]
    assert text.startswith("5 validation errors detected: ")
    assert (
        "Value '-2' at 'sourceParameters.kinesisStreamParameters.maximumRecordAgeInSeconds' failed to "
        "satisfy constraint: Member must have value greater than or equal to -1" in text
    )
    for name, value in (("BatchSize", 0), ("ParallelizationFactor", 0), ("MaximumRetryAttempts", -2)):
        members["SourceParameters"] = {"KinesisStreamParameters": {**FROM_START, name: value}}
        with pytest.raises(pipes.exceptions.ValidationException, match=f"Value '{value}' at"):
            pipes.create_pipe(**members)
    with pytest.raises(pipes.exceptions.ValidationException, match=r"'limit' .* less than or equal to 100"):
        pipes.list_pipes(Limit=101)
    assert pipes.list_pipes(NamePrefix="bounded")["Pipes"] == []


def test_an_update_resets_the_options_that_it_leaves_out_and_keeps_the_rest(client_of: ClientOf) -> None:
    source = StreamReader(client_of("kinesis"), "updated")
    url, target = queue(client_of, "updated")
    pipes = client_of("pipes")
    criteria = {"FilterCriteria": {"Filters": [{"Pattern": '{"data": {"order": [{"numeric": [">", 1]}]}}'}]}}
    pipes.create_pipe(
        Name="updated",
        RoleArn=ROLE,
        DesiredState="STOPPED",
        Source=source.arn,
        SourceParameters={"KinesisStreamParameters": {**START, "BatchSize": 7}, **criteria},
        Target=target,
        TargetParameters={"InputTemplate": '{"n": <$.data.order>}'},
    )
    options = {"MaximumRetryAttempts": 3}
    pipes.update_pipe(Name="updated", RoleArn=ROLE, SourceParameters={"KinesisStreamParameters": options})
    shown = pipes.describe_pipe(Name="updated")
    assert shown["SourceParameters"] == {"KinesisStreamParameters": {**options, **START}, **criteria}
    assert shown["TargetParameters"] == {"InputTemplate": '{"n": <$.data.order>}'}
    with pytest.raises(pipes.exceptions.ValidationException):
        pipes.update_pipe(
            Name="updated",
            RoleArn=ROLE,
            SourceParameters={"KinesisStreamParameters": {"DeadLetterConfig": {"Arn": "arn:aws:ec2:r:1:q"}}},
        )
    assert pipes.describe_pipe(Name="updated")["SourceParameters"] == shown["SourceParameters"]
    put(client_of, "updated", {"order": 1}, {"order": 2})
    pipes.start_pipe(Name="updated")
    assert bodies(client_of, url, 1) == [{"n": 2}]
    pipes.delete_pipe(Name="updated")
