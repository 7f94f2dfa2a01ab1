"""Log events that a filter takes arrive in its stream, in the documented envelope."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.lambda_.function_server import INVOCATION_TIMEOUT_S
from tests.neighbours.conftest import ClientOf, clients_for
from tests.neighbours.stream_reader import StreamReader


def unpacked(record: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(gzip.decompress(record["Data"]))
    return message


def put(logs: Any, group: str, stream: str, *messages: str) -> int:
    now_ms = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now_ms, "message": message} for message in messages],
    )
    return now_ms


def group_of(logs: Any, name: str, *streams: str) -> str:
    logs.create_log_group(logGroupName=name)
    for stream in streams:
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
    return name


@pytest.fixture
def client_of(headwater: Headwater) -> ClientOf:
    """In a region of this module's own: others count the groups that they find."""
    return partial(clients_for(headwater.endpoint_url), region_name="eu-west-3")


ROLE = "arn:aws:iam::000000000000:role/logs"


def test_events_arrive_packed_after_a_control_message(client_of: ClientOf) -> None:
    logs, reader = client_of("logs"), StreamReader(client_of("kinesis"), "subscribed")
    group = group_of(logs, "subscribed", "one", "two")
    logs.put_subscription_filter(
        logGroupName=group,
        filterName="errors",
        filterPattern="ERROR",
        destinationArn=reader.arn,
        roleArn=ROLE,
    )
    control = unpacked(*reader.records(1))
    assert control["messageType"] == "CONTROL_MESSAGE"
    assert (control["owner"], control["logGroup"], control["subscriptionFilters"]) == (
        "CloudwatchLogs",
        "",
        [],
    )
    assert control["logEvents"][0]["message"].startswith("CWL CONTROL MESSAGE")

    time_ms = put(logs, group, "one", "ERROR a", "fine", "ERROR b")
    put(logs, group, "two", "fine", "ERROR c")
    put(logs, group, "one", "ERROR d")
    records = reader.records(3)
    first = unpacked(records[0])
    assert len({event.pop("id") for event in first["logEvents"]}) == 2
    assert first == {
        "messageType": "DATA_MESSAGE",
        "owner": "000000000000",
        "logGroup": group,
        "logStream": "one",
        "subscriptionFilters": ["errors"],
        "logEvents": [
            {"timestamp": time_ms, "message": "ERROR a"},
            {"timestamp": time_ms, "message": "ERROR b"},
        ],
    }
    keys = [record["PartitionKey"] for record in records]
    assert keys[0] == keys[2] != keys[1]


def test_filters_are_changed_described_and_refused_with_a_true_reason(client_of: ClientOf) -> None:
    logs, reader = client_of("logs"), StreamReader(client_of("kinesis"), "random")
    group = group_of(logs, "random", "one")
    of: dict[str, Any] = {
        "logGroupName": group,
        "filterPattern": "",
        "destinationArn": reader.arn,
        "roleArn": ROLE,
    }
    for name in ("first", "second", "second"):
        logs.put_subscription_filter(filterName=name, distribution="Random", **of)
    with pytest.raises(logs.exceptions.LimitExceededException):
        logs.put_subscription_filter(filterName="third", **of)
    described = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert [each["distribution"] for each in described] == ["Random", "Random"]
    logs.delete_subscription_filter(logGroupName=group, filterName="second")
    put(logs, group, "one", "a")
    put(logs, group, "one", "b")
    *_, first, second = reader.records(5)
    assert first["PartitionKey"] != second["PartitionKey"]
    missing = reader.arn.replace("random", "missing")
    with pytest.raises(ClientError, match="missing"):
        logs.put_subscription_filter(filterName="first", **{**of, "destinationArn": missing})
    with pytest.raises(ClientError, match="Invalid filter pattern"):
        logs.put_subscription_filter(filterName="first", **{**of, "filterPattern": "{ nonsense"})


def test_a_destination_of_another_account_stands_for_its_stream(client_of: ClientOf) -> None:
    other = "111122223333"
    theirs = StreamReader(client_of("kinesis", aws_access_key_id=other), "central")
    destination = client_of("logs", aws_access_key_id=other).put_destination(
        destinationName="central", targetArn=theirs.arn, roleArn=ROLE
    )["destination"]
    logs = client_of("logs")
    group = group_of(logs, "to-central", "one")
    logs.put_subscription_filter(
        logGroupName=group, filterName="all", filterPattern="", destinationArn=destination["arn"]
    )
    put(logs, group, "one", "hello")
    _, record = theirs.records(2)
    assert unpacked(record)["owner"] == "000000000000"


def test_what_functions_write_arrives_without_a_request_for_logs(client_of: ClientOf) -> None:
    functions, logs = client_of("lambda"), client_of("logs")
    functions.create_function(
        FunctionName="writer",
        Runtime="python3.11",
        Handler="index.handler",
        Role=ROLE,
        Timeout=INVOCATION_TIMEOUT_S,
        Code={"ZipFile": zipped("def handler(event, context):\n    print('said', event['word'])\n")},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="writer")
    functions.invoke(FunctionName="writer", Payload=b'{"word": "first"}')
    reader = StreamReader(client_of("kinesis"), "of-functions")
    logs.put_subscription_filter(
        logGroupName="/aws/lambda/writer",
        filterName="said",
        filterPattern="said",
        destinationArn=reader.arn,
        roleArn=ROLE,
    )
    reader.records(1)
    functions.invoke(FunctionName="writer", Payload=b'{"word": "second"}')
    (record,) = reader.records(1)
    assert [event["message"].strip() for event in unpacked(record)["logEvents"]] == ["said second"]


def zipped(code: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("index.py", code)
    return written.getvalue()
