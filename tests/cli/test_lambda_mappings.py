"""`headwater lambda map`, `mappings` and `unmap`."""

from __future__ import annotations

import io
import json
import sys
import time
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.cli.conftest import Ended
from tests.client.streams import wait_until_active
from tests.conftest import RunningServer
from tests.waiting import RETRY_FOR_S

Run = Callable[..., Ended]


@pytest.fixture
def lambda_client(server: RunningServer) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=server.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def function(lambda_client: Any) -> str:
    """A function that does nothing."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return None\n")
    name = f"nothing-{uuid.uuid4().hex[:8]}"
    lambda_client.create_function(
        FunctionName=name,
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    return name


@pytest.fixture
def stream(kinesis: Any) -> str:
    name = f"mapped-{uuid.uuid4().hex[:8]}"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    wait_until_active(kinesis, name)
    return name


def said(ended: Ended) -> list[dict[str, Any]]:
    """The lines of JSON that a command wrote."""
    assert ended.exit_code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def test_every_option_reaches_the_mapping(headwater: Run, stream: str, function: str) -> None:
    (mapping,) = said(
        headwater(
            "lambda", "map", stream, function,
            "--batch-size", "500",
            "--batching-window-s", "2",
            "--starting-position", "2026-01-01T00:00:00Z",
            "--parallelization-factor", "3",
            "--maximum-record-age-s", "60",
            "--maximum-retry-attempts", "4",
            "--bisect",
            "--on-failure", "arn:aws:s3:::failures",
            "--filter", '{"data": ["a"]}',
            "--filter", '{"data": ["b"]}',
            "--tumbling-window-s", "30",
            "--report-item-failures",
            "--disabled",
        )
    )  # fmt: skip
    assert mapping["State"] == "Disabled"
    assert mapping["EventSourceArn"].endswith(f":stream/{stream}")
    assert mapping["FunctionArn"].endswith(f":function:{function}")
    expected = {
        "BatchSize": 500,
        "MaximumBatchingWindowInSeconds": 2,
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": 1767225600.0,
        "ParallelizationFactor": 3,
        "MaximumRecordAgeInSeconds": 60,
        "MaximumRetryAttempts": 4,
        "BisectBatchOnFunctionError": True,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
        "FilterCriteria": {"Filters": [{"Pattern": '{"data": ["a"]}'}, {"Pattern": '{"data": ["b"]}'}]},
        "TumblingWindowInSeconds": 30,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    assert {name: mapping[name] for name in expected} == expected


def test_mappings_show_their_lag_and_last_result(
    headwater: Run, kinesis: Any, stream: str, function: str
) -> None:
    (mapping,) = said(headwater("lambda", "map", stream, function))
    assert mapping["State"] == "Enabled"
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"a")
    deadline = time.monotonic() + RETRY_FOR_S
    while True:
        (shown,) = [each for each in said(headwater("lambda", "mappings")) if each["uuid"] == mapping["UUID"]]
        if shown["last_processing_result"] == "OK" and shown["records_behind"] == 0:
            break
        assert time.monotonic() < deadline, shown
    assert shown["event_counts"]["invoked"] == 1


def test_a_mapping_is_ended_by_its_id(headwater: Run, lambda_client: Any, stream: str, function: str) -> None:
    (mapping,) = said(headwater("lambda", "map", stream, function))
    (ended,) = said(headwater("lambda", "unmap", mapping["UUID"]))
    assert ended["State"] == "Deleting"
    deadline = time.monotonic() + RETRY_FOR_S
    while lambda_client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
        assert time.monotonic() < deadline


def test_what_does_not_fit_is_told_in_one_line(headwater: Run, stream: str, function: str) -> None:
    for arguments, text in (
        ((stream, "missing"), "InvalidParameterValueException: Function does not exist"),
        (("missing", function), "ResourceNotFoundException"),
        ((stream, function, "--starting-position", "soon"), "'soon' is neither TRIM_HORIZON nor LATEST"),
        ((stream, function, "--filter", "{"), "Invalid filter pattern definition."),
    ):
        ended = headwater("lambda", "map", *arguments)
        assert ended.exit_code == 1
        assert text in ended.err
        assert len(ended.err.splitlines()) == 1
