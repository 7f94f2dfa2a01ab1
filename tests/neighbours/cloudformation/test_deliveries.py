"""CloudFormation for what puts records into a stream: made, changed, removed, and followed to the record."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.neighbours.cloudformation.test_streams import Document, Stacks, attribute, stream
from tests.neighbours.conftest import ClientOf
from tests.neighbours.stream_reader import StreamReader

ROLE = "arn:aws:iam::000000000000:role/any"
NOWHERE = "arn:aws:kinesis:us-east-1:000000000000:stream/nowhere"


@pytest.fixture
def stacks(headwater: Headwater, client_of: ClientOf) -> Iterator[Stacks]:
    yield Stacks(client_of)
    headwater.reset()


def of(type_name: str, **properties: Any) -> Document:
    return {"Type": type_name, "Properties": properties}


def reader_of(stacks: Stacks, name: str = "orders") -> StreamReader:
    return StreamReader(stacks.kinesis, name, create=False)


def send(stacks: Stacks, **detail: Any) -> None:
    entry = {"Source": "shop", "DetailType": "order", "Detail": json.dumps(detail)}
    assert stacks.client_of("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def rule(*targets: Document, **more: Any) -> Document:
    numbered = [{"Id": f"t{number}", **target} for number, target in enumerate(targets)]
    return of("AWS::Events::Rule", EventPattern={"source": ["shop"]}, Targets=numbered, **more)


def to_orders(**more: Any) -> Document:
    return {"Arn": attribute("Orders", "Arn"), "RoleArn": ROLE, **more}


def test_a_rule_puts_its_events_into_the_stream_of_its_stack(stacks: Stacks) -> None:
    by_customer = {"KinesisParameters": {"PartitionKeyPath": "$.detail.customer"}}
    orders = stream(Name="orders", ShardCount=1)
    outputs = {"Outputs": {"Arn": {"Value": attribute("Rule", "Arn")}}}
    shown = stacks.create({"Rule": rule(to_orders(**by_customer)), "Orders": orders}, template=outputs)
    assert shown["StackStatus"] == "CREATE_COMPLETE", stacks.reasons("CREATE_FAILED")
    name = stacks.physical("Rule")
    assert name.startswith("stack-Rule-")
    assert stacks.outputs()["Arn"] == f"arn:aws:events:us-east-1:000000000000:rule/{name}"
    reader = reader_of(stacks)
    send(stacks, customer="ada")
    (record,) = reader.records(1)
    assert (record["PartitionKey"], json.loads(record["Data"])["detail"]) == ("ada", {"customer": "ada"})

    changed = rule(
        to_orders(InputPath="$.detail.customer"), State="ENABLED", Tags=[{"Key": "k", "Value": "v"}]
    )
    stacks.update({"Rule": changed, "Orders": orders})
    assert stacks.physical("Rule") == name  # changed where it is, under its made name
    send(stacks, customer="eve")
    assert [json.loads(record["Data"]) for record in reader.records(1)] == ["eve"]
    events = stacks.client_of("events")
    tags = events.list_tags_for_resource(ResourceARN=f"arn:aws:events:us-east-1:000000000000:rule/{name}")
    assert tags["Tags"] == [{"Key": "k", "Value": "v"}]

    stacks.update({"Orders": orders})
    assert events.list_rules(NamePrefix="stack-")["Rules"] == []
    send(stacks, customer="bob")
    assert reader.records(0) == []


def test_a_rule_whose_target_nothing_delivers_to_fails_its_stack_and_leaves_nothing(stacks: Stacks) -> None:
    cluster = {"Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c", "RoleArn": ROLE}
    stacks.create({"Rule": rule(cluster)})
    assert stacks.status() == "ROLLBACK_COMPLETE"
    assert "nothing delivers events to ecs" in stacks.reasons("CREATE_FAILED")[0]
    bounds = {"RetryPolicy": {"MaximumRetryAttempts": 186}}
    stacks.create({"Rule": rule({"Arn": NOWHERE, **bounds})}, name="bounds")
    assert "less than or equal to 185" in stacks.reasons("CREATE_FAILED", "bounds")[0]
    for name in ("stack", "bounds"):
        assert stacks.client_of("events").list_rules(NamePrefix=f"{name}-")["Rules"] == []


def test_a_rule_of_a_bus_of_its_own_moves_to_another(stacks: Stacks) -> None:
    resources = {
        "Orders": stream(Name="orders", ShardCount=1),
        "First": of("AWS::Events::EventBus", Name="first"),
        "Second": of("AWS::Events::EventBus", Name="second"),
    }
    for bus in ("First", "Second"):
        act = stacks.create if bus == "First" else stacks.update
        act({**resources, "Rule": rule(to_orders(), Name="r", EventBusName={"Ref": bus})})
        assert stacks.physical("Rule") == f"{bus.lower()}|r", stacks.reasons("CREATE_FAILED")
    events = stacks.client_of("events")
    assert events.list_rules(EventBusName="first")["Rules"] == []
    reader = reader_of(stacks)
    entry = {"Source": "shop", "DetailType": "order", "Detail": "{}", "EventBusName": "second"}
    events.put_events(Entries=[entry])
    assert len(reader.records(1)) == 1


def subscribed(destination: Any, pattern: str = "", **more: Any) -> Document:
    return of(
        "AWS::Logs::SubscriptionFilter",
        LogGroupName={"Ref": "Group"},
        FilterPattern=pattern,
        DestinationArn=destination,
        **more,
    )


def write(stacks: Stacks, *messages: str) -> None:
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": message} for message in messages]
    logs = stacks.client_of("logs")
    logs.put_log_events(logGroupName="app", logStreamName="one", logEvents=events)


def lines(records: list[Document]) -> list[tuple[str, list[str]]]:
    read = [json.loads(gzip.decompress(record["Data"])) for record in records]
    return [(each["messageType"], [event["message"] for event in each["logEvents"]]) for each in read]


@pytest.mark.long
def test_a_subscription_filter_and_a_destination_send_log_lines_into_a_stream(stacks: Stacks) -> None:
    base = {
        "Orders": stream(Name="orders", ShardCount=1),
        "Group": of("AWS::Logs::LogGroup", LogGroupName="app"),
        "One": {**of("AWS::Logs::LogStream", LogGroupName="app", LogStreamName="one"), "DependsOn": "Group"},
    }
    arn = attribute("Orders", "Arn")
    shown = stacks.create({**base, "Filter": subscribed(arn, "ERROR", Distribution="Random", RoleArn=ROLE)})
    assert shown["StackStatus"] == "CREATE_COMPLETE", stacks.reasons("CREATE_FAILED")
    logs = stacks.client_of("logs")
    logs.create_log_stream(logGroupName="app", logStreamName="one")
    (made,) = logs.describe_subscription_filters(logGroupName="app")["subscriptionFilters"]
    assert (made["filterName"], made["distribution"]) == (stacks.physical("Filter"), "Random")
    reader = reader_of(stacks)
    write(stacks, "ERROR one", "fine")
    assert lines(reader.records(2))[1] == ("DATA_MESSAGE", ["ERROR one"])

    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    destination = of(
        "AWS::Logs::Destination",
        DestinationName="shared",
        TargetArn=arn,
        RoleArn=ROLE,
        DestinationPolicy=policy,
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    through = subscribed(attribute("Shared", "Arn"), "fine")
    shown = stacks.update({**base, "Shared": destination, "Filter": through})
    assert shown["StackStatus"] == "UPDATE_COMPLETE", stacks.reasons("UPDATE_FAILED")
    (found,) = logs.describe_destinations(DestinationNamePrefix="shared")["destinations"]
    assert (found["destinationName"], found["accessPolicy"]) == ("shared", policy)
    (made,) = logs.describe_subscription_filters(logGroupName="app")["subscriptionFilters"]
    assert (made["destinationArn"], made["distribution"]) == (found["arn"], "ByLogStream")
    write(stacks, "ERROR two", "fine two")
    assert lines(reader.records(2))[1] == ("DATA_MESSAGE", ["fine two"])

    stacks.cloudformation.delete_stack(StackName="stack")
    assert logs.describe_destinations(DestinationNamePrefix="shared")["destinations"] == []
    assert logs.describe_log_groups(logGroupNamePrefix="app")["logGroups"] == []


def test_a_filter_without_its_stream_fails_with_the_reason_of_the_request(stacks: Stacks) -> None:
    group = of("AWS::Logs::LogGroup", LogGroupName="app")
    stacks.create({"Group": group, "Filter": subscribed(NOWHERE)})
    (reason,) = stacks.reasons("CREATE_FAILED")
    assert "Could not deliver test message to specified Kinesis stream" in reason
    assert "(Service: CloudWatchLogs, Error Code: InvalidParameterException)" in reason
    assert reason.endswith("(HandlerErrorCode: InvalidRequest)")


def pipe(**properties: Any) -> Document:
    start = {"StartingPosition": "TRIM_HORIZON"}
    source = properties.pop("SourceParameters", {"KinesisStreamParameters": start})
    given = {"RoleArn": ROLE, "Source": attribute("Orders", "Arn"), "Target": attribute("Copies", "Arn")}
    return of("AWS::Pipes::Pipe", **{**given, "SourceParameters": source, **properties})


def test_a_pipe_copies_from_one_stream_into_another(stacks: Stacks) -> None:
    streams = {name: stream(Name=name.lower(), ShardCount=1) for name in ("Orders", "Copies")}
    keyed = {"KinesisStreamParameters": {"PartitionKey": "$.partitionKey"}}
    outputs = {"Outputs": {name: {"Value": attribute("Pipe", name)} for name in ("Arn", "CurrentState")}}
    shown = stacks.create(
        {**streams, "Pipe": pipe(TargetParameters=keyed, Tags={"team": "blue"})},
        template=outputs,
        Tags=[{"Key": "stack", "Value": "s"}],
    )
    assert shown["StackStatus"] == "CREATE_COMPLETE", stacks.reasons("CREATE_FAILED")
    name = stacks.physical("Pipe")
    assert stacks.outputs() == {
        "Arn": f"arn:aws:pipes:us-east-1:000000000000:pipe/{name}",
        "CurrentState": "RUNNING",
    }
    pipes = stacks.client_of("pipes")
    assert pipes.describe_pipe(Name=name)["Tags"] == {"team": "blue", "stack": "s"}
    reader = reader_of(stacks, "copies")
    stacks.kinesis.put_record(StreamName="orders", Data=b'{"n": 1}', PartitionKey="ada")
    (record,) = reader.records(1)
    assert (record["PartitionKey"], json.loads(record["Data"])["partitionKey"]) == ("ada", "ada")

    # A filter and a template come, its own tags go: the same pipe, which goes on where it is.
    parameters = {
        "KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON", "BatchSize": "10"},
        "FilterCriteria": {"Filters": [{"Pattern": '{"data": {"n": [3]}}'}]},
    }
    changed = pipe(
        SourceParameters=parameters, TargetParameters={"InputTemplate": '{"got": <$.data.n>}', **keyed}
    )
    stacks.update({**streams, "Pipe": changed})
    assert stacks.physical("Pipe") == name, stacks.reasons("UPDATE_FAILED")
    shown = pipes.describe_pipe(Name=name)
    assert shown["SourceParameters"]["KinesisStreamParameters"]["BatchSize"] == 10
    assert shown["Tags"] == {"stack": "s"}
    for n in (2, 3):
        stacks.kinesis.put_record(StreamName="orders", Data=json.dumps({"n": n}).encode(), PartitionKey="k")
    assert [json.loads(record["Data"]) for record in reader.records(1)] == [{"got": 3}]

    # They go again: the parameters that a template no longer has are as in a new pipe.
    stacks.update({**streams, "Pipe": pipe(TargetParameters=keyed)})
    assert stacks.physical("Pipe") == name, stacks.reasons("UPDATE_FAILED")
    stacks.kinesis.put_record(StreamName="orders", Data=b'{"n": 4}', PartitionKey="k")
    assert [json.loads(record["Data"])["partitionKey"] for record in reader.records(1)] == ["k"]

    # Another place to start is another pipe.
    latest = {"KinesisStreamParameters": {"StartingPosition": "LATEST"}}
    stacks.update({**streams, "Pipe": pipe(SourceParameters=latest, DesiredState="STOPPED")})
    assert stacks.physical("Pipe") != name
    (left,) = pipes.list_pipes(NamePrefix="stack-")["Pipes"]
    assert left["CurrentState"] == "STOPPED"
    stacks.cloudformation.delete_stack(StackName="stack")
    assert pipes.list_pipes(NamePrefix="stack-")["Pipes"] == []


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (
            {"Target": "arn:aws:states:us-east-1:000000000000:stateMachine:s"},
            "nothing delivers a pipe to states",
        ),
        (
            {"SourceParameters": {"KinesisStreamParameters": {"StartingPosition": "LATEST", "BatchSize": 0}}},
            "Value '0' at 'sourceParameters.kinesisStreamParameters.batchSize' failed to satisfy constraint",
        ),
    ],
)
def test_a_pipe_that_cannot_run_fails_its_stack(stacks: Stacks, properties: Document, reason: str) -> None:
    stacks.create(
        {"Orders": stream(Name="orders", ShardCount=1), "Pipe": pipe(**{"Target": NOWHERE, **properties})}
    )
    assert stacks.status() == "ROLLBACK_COMPLETE"
    assert reason in stacks.reasons("CREATE_FAILED")[0]
    assert stacks.client_of("pipes").list_pipes(NamePrefix="stack-")["Pipes"] == []


def test_a_change_set_without_a_type_is_one_of_an_update(stacks: Stacks) -> None:
    cloudformation = stacks.cloudformation
    orders = {"Resources": {"Orders": stream(Name="orders", ShardCount=1)}}

    def change(name: str, **members: Any) -> None:
        cloudformation.create_change_set(StackName="stack", ChangeSetName=name, **members)

    with pytest.raises(ClientError, match=r"Stack \[stack\] does not exist"):
        change("first", TemplateBody=json.dumps(orders))
    change("made", TemplateBody=json.dumps(orders), ChangeSetType="CREATE")
    with pytest.raises(ClientError, match=r"Stack \[stack\] does not exist"):  # it is only planned so far
        change("early", TemplateBody=json.dumps(orders))
    cloudformation.execute_change_set(StackName="stack", ChangeSetName="made")
    orders["Resources"]["Orders"]["Properties"]["ShardCount"] = 2
    with pytest.raises(
        ClientError, match=r"already exists and cannot be created again with the changeSet \[again\]"
    ):
        change("again", TemplateBody=json.dumps(orders), ChangeSetType="CREATE")
    change("next", TemplateBody=json.dumps(orders))
    cloudformation.execute_change_set(StackName="stack", ChangeSetName="next")
    assert stacks.status() == "UPDATE_COMPLETE"
    assert stacks.summary("orders")["OpenShardCount"] == 2
    for members, reason in (
        ({}, "Either Template URL or Template Body must be specified"),
        ({"UsePreviousTemplate": True, "TemplateBody": "{}"}, "cannot specify both usePreviousTemplate"),
        (
            {"UsePreviousTemplate": True, "Parameters": [{"ParameterKey": "P", "UsePreviousValue": True}]},
            "for a parameter key not in the previous template",
        ),
        (
            {"UsePreviousTemplate": True, "ChangeSetType": "REPLACE"},
            "enum value set: .CREATE, UPDATE, IMPORT",
        ),
        ({"UsePreviousTemplate": True, "ChangeSetType": "IMPORT"}, "stacks import no resources"),
    ):
        with pytest.raises(ClientError, match=reason):
            change("refused", **members)
    change("same", UsePreviousTemplate=True)
    (same,) = (each for each in cloudformation.list_change_sets(StackName="stack")["Summaries"])
    assert (same["ChangeSetName"], same["Status"]) == ("same", "FAILED")
